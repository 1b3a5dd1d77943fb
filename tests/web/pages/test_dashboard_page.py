"""The dashboard, as those see it who may see all, some or nothing of it."""

from __future__ import annotations

import html
import re
import time

import pytest

from asyncevents_core.domain.access import ALL
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.testing.builders import make_event
from tests.web.serving import Api

DEAD = DeliveryState.DEAD


def now() -> int:
    return time.time_ns() // 1000


def figures(page: str) -> dict[str, str]:
    """Return the numbers of a dashboard by their names."""
    found = re.findall(r'class="name">(.*?)</span><strong><a href="[^"]+">(.*?)</a>', page)
    return {name: html.unescape(value) for name, value in found}


def beat(api: Api, *roles: Role) -> None:
    row = WorkerRow(id=uuid7(), host="web1", pid=42, roles=roles, started_at=now(), beat_at=now())
    api.ledger.run(lambda tx: tx.workers.beat(row))


def test_first_steps_are_said(api):
    page = api.visitor("logs.list", "view").get("/").text
    assert "Nobody has subscribed yet." in page
    assert "create</code> can make a subscription" in page
    assert "Make the first subscription" in api.visitor(ALL).get("/").text


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda api: api.subscribe(), "Nothing was published yet."),
        (lambda api: api.deliver(api.subscribe()), "Nothing was sent in the last hour."),
    ],
)
def test_then_the_next_steps(api, prepare, words):
    prepare(api)
    assert words in api.visitor("logs").get("/").text


def test_numbers_lead_to_their_rows(api):
    number = api.subscribe()
    for state in (DeliveryState.DELIVERED, DeliveryState.DELIVERED, DEAD):
        api.deliver(number, state=state, started_at=now())
    api.ledger.run(lambda tx: tx.events.insert([make_event()], due_in=0.0))

    visitor = api.visitor("logs")
    page = visitor.get("/").text

    found = figures(page)
    assert found["Attempts that delivered"] == "66.7 %"
    assert found["Time to delivery"] != "–"  # noqa: RUF001
    assert (found["Events to fan out"], found["Dead letters"]) == ("1", "1")
    assert f"/admin/logs?subscription_id={number}&amp;success=false" in page
    links = {html.unescape(one) for one in re.findall(r'href="/admin(/[^"]+)"', page)}
    assert {"/events?state=open", "/deliveries?state=waiting", "/deliveries?state=held"} <= links
    for one in links:
        assert visitor.browser.get(one).status_code in {200, 403}, one
    failed = next(one for one in links if "since=" in one and "success=false" in one)
    assert visitor.browser.get(failed).text.count("/admin/traces/") == 1


def test_it_refreshes_itself_and_nothing_else(api):
    page = api.visitor("logs").get("/").text
    assert 'id="dashboard" data-live hx-get="/admin/" hx-trigger="every 5s"' in page
    assert 'hx-select="#dashboard"' in page
    assert "style=" not in page


def test_a_tenant_sees_its_own(api):
    mine = api.subscribe(tenant="mine")
    other = api.subscribe(tenant="other")
    for number, tenant in ((mine, "mine"), (other, "other"), (other, "other")):
        api.deliver(number, tenant=tenant, state=DEAD, started_at=now())
    beat(api, Role.INDEX)

    page = api.visitor(ALL, tenant="mine").get("/").text
    everything = api.visitor(ALL).get("/").text

    assert (figures(page)["Dead letters"], figures(everything)["Dead letters"]) == ("1", "3")
    assert f"subscription_id={other}" not in page
    assert f"subscription_id={other}" in everything
    for word in ("42 on web1", "/admin/problems", "search index", 'class="problems"'):
        assert word not in page
        assert word in everything


def test_those_who_may_not_manage_see_no_workers(api):
    api.subscribe()
    api.ledger.run(lambda tx: tx.events.insert([make_event()], due_in=0.0))
    beat(api, Role.INDEX)
    assert "42 on web1" not in api.visitor("logs").get("/").text
    page = api.visitor("manage").get("/").text
    assert "42 on web1" in page
    assert "Nobody takes the open events.</strong> Run <code>asyncevents worker</code>." in page


def test_without_the_log_another_page_is_first(api):
    answer = api.visitor("view").get("/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/admin/subscriptions")
    answer = api.visitor("logs.replay").get("/")
    assert answer.headers["location"] == "/admin/replays"
    assert api.visitor("sales").get("/").status_code == 403
    assert api.visitor().get("/").status_code == 303


def test_what_is_wrong_around_is_told(api, monkeypatch):
    visitor = api.visitor("manage")
    assert "Nothing is wrong" in visitor.get("/problems").text
    monkeypatch.setattr(api.events.runtime.broker, "try_out", refuse)
    page = visitor.get("/problems").text
    assert "The broker cannot be used: away." in page
    assert "mend the broker" in page


def refuse() -> None:
    raise BrokerUnavailable("away")
