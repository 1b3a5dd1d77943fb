"""The list of subscriptions, as people see it."""

from __future__ import annotations

import csv
import re
import time

import pytest
from attrs import evolve

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.subscription import SubscriptionStatus
from tests.web.serving import Api


def shown(text: str) -> list[int]:
    """Return the ids of the subscriptions on a page, in its order."""
    return [int(one) for one in re.findall(r'href="/admin/subscriptions/(\d+)"', text)]


def switched(api: Api, number: int) -> SubscriptionStatus:
    found = api.ledger.read(lambda view: view.subscriptions.get(number))
    assert found is not None
    return found.status


def test_nobody_has_subscribed(api):
    page = api.visitor("view", "create").get("/subscriptions").text
    assert "Nobody has subscribed yet" in page
    assert "Make the first subscription" in page
    assert "New subscription" not in api.visitor("view").get("/subscriptions").text


def test_filters_sorting_and_pages(api):
    mine = [api.subscribe(tenant="acme") for _ in range(3)]
    secret = api.subscribe("order.secret")
    visitor = api.visitor("view", "get")
    assert shown(visitor.get("/subscriptions").text) == [secret, *reversed(mine)]
    assert shown(visitor.get("/subscriptions", sort="id", direction="asc").text)[0] == mine[0]
    assert shown(visitor.get("/subscriptions", event_name="SECRET").text) == [secret]
    assert shown(visitor.get("/subscriptions", tenant="acme", sort="id").text) == mine
    assert shown(visitor.get("/subscriptions", target="%").text) == []
    assert shown(visitor.get("/subscriptions", since="2999-01-01").text) == []
    assert "No subscription is like that" in visitor.get("/subscriptions", sink="nope").text
    many = [api.subscribe("order.secret") for _ in range(50)]
    first = visitor.get("/subscriptions", event_name="secret").text
    assert shown(first) == list(reversed(many))
    second = visitor.get("/subscriptions", event_name="secret", page="2").text
    assert shown(second) == [secret]
    assert "51\N{EN DASH}51 of 51" in second


ODD = (
    *("page=0", "page=x", "page=99999999999999999999", "sort=drop", "status=deleted"),
    *("since=yesterday", "%ff=%ff", "sort=%00", "target=%00", "event_name=%F0%9F%98%80"),
)


@pytest.mark.parametrize("query", ODD)
def test_odd_addresses_show_the_list(api, query):
    api.subscribe()
    answer = api.visitor("view").get(f"/subscriptions?{query}")
    assert answer.status_code == 200


def test_those_of_other_tenants_are_not_there(api):
    api.subscribe(tenant="acme")
    mine = api.subscribe(tenant="mine")
    visitor = api.visitor("view", "get", tenant="mine")
    assert shown(visitor.get("/subscriptions").text) == [mine]
    assert shown(visitor.get("/subscriptions", tenant="acme").text) == [mine]


def test_many_are_switched_after_a_question(api):
    numbers = [api.subscribe() for _ in range(3)]
    disabled = SubscriptionStatus.DISABLED
    api.events.change_subscription(numbers[0], lambda one: evolve(one, status=disabled))
    visitor = api.visitor("view", "save")
    chosen = {"subscription_id": [str(one) for one in numbers], "action": "disable",
              "back": "/subscriptions?sort=id"}  # fmt: skip
    question = visitor.get("/subscriptions/status", **chosen)
    assert question.status_code == 200
    assert "Disable 3 subscriptions?" in question.text
    assert switched(api, numbers[1]) is SubscriptionStatus.ENABLED
    answer = visitor.post("/subscriptions/status", **chosen)
    assert answer.headers["location"] == "/admin/subscriptions?sort=id"
    assert visitor.notice(answer) == "2 subscriptions disabled. 1 subscription already was."
    assert {switched(api, one) for one in numbers} == {SubscriptionStatus.DISABLED}
    again = visitor.get("/subscriptions").text
    assert "already was" not in again


def test_nothing_chosen_and_ways_out(api):
    visitor = api.visitor("view", "save")
    answer = visitor.get("/subscriptions/status", action="disable", back="//evil.example")
    assert answer.headers["location"] == "/admin/subscriptions"
    assert "nothing changed" in visitor.notice(answer)


def test_what_people_wrote_is_text(api):
    odd = "<script>alert(1)</script>\"'&"
    api.subscribe(tenant=odd)
    page = api.visitor("view").get("/subscriptions", event_name="order", target="", tenant=odd).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    page = api.visitor("view").get("/subscriptions", event_name=odd).text
    assert "<script>alert" not in page


def test_the_csv_has_all_that_the_filters_match(api):
    api.subscribe(tenant="=cmd()")
    wanted = [api.subscribe("order.secret") for _ in range(60)]
    visitor = api.visitor("view", "get")
    answer = visitor.get("/subscriptions.csv", event_name="secret", sort="id")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [int(one["subscription_id"]) for one in rows] == wanted
    everything = list(csv.DictReader(visitor.get("/subscriptions.csv").text.splitlines()))
    assert everything[-1]["tenant"] == "'=cmd()"
    assert len(visitor.get("/subscriptions.csv", status="disabled").text.splitlines()) == 1


def test_health_is_shown_to_those_who_may_see_the_log(api):
    now = time.time_ns() // 1_000
    number = api.subscribe()
    api.subscribe()
    api.deliver(number, started_at=now, state=DeliveryState.DEAD)
    api.deliver(number, started_at=now)
    page = api.visitor("view", "logs").get("/subscriptions").text
    assert page.count("1 of the latest 2 attempts delivered") == 2  # the label and the title
    assert "nothing</span>" in page
    assert "attempts delivered" not in api.visitor("view").get("/subscriptions").text


def test_a_quiet_subscription_beside_many_attempts_is_not_said_to_have_none(api, monkeypatch):
    quiet, busy = api.subscribe(), api.subscribe()
    now = time.time_ns() // 1_000
    api.deliver(quiet, started_at=now - 9)
    for number in range(2):
        api.deliver(busy, started_at=now - number)
    statistics = api.ledger.read(lambda view: type(view.statistics))
    monkeypatch.setitem(statistics.health.__kwdefaults__, "most", 2)
    page = api.visitor("view", "logs").get("/subscriptions").text
    assert page.count("2 of the latest 2 attempts delivered") == 2
    assert "nothing</span>" not in page
    assert re.search(rf'subscription_id={quiet}" title="None of the newest[^"]+">look</a>', page)
