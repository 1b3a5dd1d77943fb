"""Pages of what is large: they stay small, and say what they leave out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from asyncevents_core.domain.access import ALL
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.domain.user import User
from asyncevents_core.testing.builders import (
    make_attempt,
    make_delivery,
    make_event,
    make_request,
    make_subscription,
)
from tests.web.serving import TARGET, Api, Visitor, serving

LARGEST_PAGE = 1_500_000
"""Bytes."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("large"), INDEXER=None) as made:
        yield made


@pytest.fixture(scope="module")
def visitor(api: Api) -> Visitor:
    return api.visitor(ALL)


def page(visitor: Visitor, path: str, **query: Any) -> str:
    answer = visitor.get(path, **query)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < LARGEST_PAGE, len(answer.content)
    return answer.text


def delivered(api: Api, attempts: int, *, data: object = 1, response: str = "no") -> Any:
    event = make_event(
        name="order.created", arguments=None, body=make_request(target="", data=data).body
    )
    delivery = make_delivery(
        id=uuid7(),
        event_id=event.id,
        subscription_id=api.subscribe(),
        state=DeliveryState.WAITING,
        claims=attempts,
    )
    made = [
        make_attempt(delivery_id=delivery.id, claim_no=claim, response=response)
        for claim in range(1, attempts + 1)
    ]

    def write(tx: Any) -> None:
        tx.events.insert([event], due_in=0.0)
        tx.deliveries.insert([delivery])
        for first in range(0, attempts, 500):
            tx.outcomes.record(made[first : first + 500])

    api.ledger.run(write)
    return delivery


@pytest.mark.parametrize(
    "data",
    ["x" * 1_000_000, {f"key {n}": n for n in range(100_000)}, [[n] for n in range(100_000)]],
    ids=["a text", "keys", "lists"],
)
def test_a_large_payload_is_cut_and_can_be_downloaded(api, visitor, data):
    delivery = delivered(api, 2, data=data)
    page(visitor, f"/traces/{delivery.id}")
    page(visitor, f"/events/{delivery.event_id}")
    whole = visitor.get(f"/traces/{delivery.id}/payload.json")
    assert json.loads(whole.content)["data"] == data


def test_of_many_attempts_the_ends_are_shown(api, visitor):
    delivery = delivered(api, 10_000, response="x" * 2_000)
    text = page(visitor, f"/traces/{delivery.id}")
    assert "9\N{NARROW NO-BREAK SPACE}950 attempts between these are left out" in text
    assert text.count('data-label="Fate"') == 50
    assert "Retrying after 10,000 attempts" in text
    assert f"/admin/logs?subscription_id={delivery.subscription_id}" in text
    page(visitor, f"/events/{delivery.event_id}")


def test_an_event_with_many_deliveries_is_shown_in_pages(api, visitor):
    event = make_event(
        name="order.created", arguments=None, body=make_request(target="", data=1).body
    )
    number = api.subscribe()
    several = [
        make_delivery(event_id=event.id, subscription_id=number, replay_request=uuid7())
        for _ in range(5_000)
    ]

    def write(tx: Any) -> None:
        tx.events.insert([event], due_in=0.0)
        for first in range(0, len(several), 500):
            tx.deliveries.insert(several[first : first + 500])

    api.ledger.run(write)
    text = page(visitor, f"/events/{event.id}")
    assert text.count("/admin/traces/") == 50
    assert "Next" in text
    page(visitor, f"/traces/{several[0].id}")
    text = page(visitor, "/deliveries")
    assert text.count("/admin/traces/") == 100
    assert "there are more" in text


def test_many_subscriptions_are_shown_in_pages(api, visitor):
    new = make_subscription(event_name="order.created", sink="http", target=TARGET)

    def write(tx: Any) -> None:
        for _ in range(10_000):
            tx.subscriptions.insert(new)

    api.ledger.run(write)
    text = page(visitor, "/subscriptions")
    assert text.count('name="subscription_id" value') == 50
    page(visitor, "/")


def test_many_tokens_are_shown_in_pages(api, visitor):
    def write(tx: Any) -> None:
        for number in range(1_000):
            digest = uuid7().bytes * 2
            tx.access.insert_token(
                ApiToken(id=uuid7(), digest=digest, name=f"t{number}", resources=("view",))
            )
            tx.users.insert(
                User(id=uuid7(), name=f"u{number}", password_hash="x", resources=("view",))
            )

    api.ledger.run(write)
    text = page(visitor, "/tokens")
    assert text.count("/revoke") == 50
    assert "t999" in text
    older = visitor.get("/tokens", page="20")
    assert "t0<" in older.text
