"""The bars above the log."""

from __future__ import annotations

import html
import re
import time

import pytest

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.engine.searching import by_time
from asyncevents_core.web.pages.listing import time_of

BARS = r'<a href="([^"]+)" tabindex="-1">'


@pytest.fixture
def moments(api):
    """Three attempts of the last day, with the times at which they began; one failed."""
    now = time.time_ns() // 1000
    number = api.subscribe()
    begun = [now - hours * 3_600_000_000 for hours in (20, 10, 1)]
    for at, state in zip(begun, ("dead", "delivered", "delivered"), strict=True):
        api.deliver(number, state=DeliveryState(state), started_at=at, response=state)
    return begun


def bars(page: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(BARS, page)]


def test_bars_lead_to_their_part_of_the_log(api, moments):
    visitor = api.visitor("logs")
    page = visitor.get("/logs/by-time").text
    assert "Attempts by time: 2 delivered, 1 failed" in page
    found = bars(page)
    assert len(found) == 3
    for one in found:
        rows = visitor.browser.get(visitor.browser.base_url.join(one)).text
        assert len(set(re.findall(r"/admin/traces/[0-9a-f-]{36}", rows))) == 1


def test_they_are_of_what_the_log_shows(api, moments):
    visitor = api.visitor("logs")
    page = visitor.get("/logs/by-time", success="false").text
    assert "0 delivered, 1 failed" in page
    page = visitor.get("/logs/by-time", since=time_of(moments[1]), success="true").text
    assert "2 delivered, 0 failed" in page
    assert all("success=true" in one for one in bars(page))
    page = visitor.get("/logs/by-time", until="1990-01-01T00:00:00").text
    assert "Nothing was sent in that time" in page
    assert bars(api.visitor("logs", tenant="other").get("/logs/by-time").text) == []


def test_with_a_search_the_index_counts(api, moments):
    api.index()
    visitor = api.visitor("logs")
    assert "2 delivered, 0 failed" in visitor.get("/logs/by-time", search="success:true").text
    page = visitor.get("/logs/by-time", search="response:dead").text
    assert "0 delivered, 1 failed" in page
    assert all("search=response" in one for one in bars(page))
    assert "notice failed" in visitor.get("/logs/by-time", search="a AND (").text


def test_the_log_loads_them(api, moments):
    page = api.visitor("logs").get("/logs", success="true").text
    assert 'hx-get="/admin/logs/by-time?success=true" hx-trigger="load"' in page


def test_what_is_not_counted_is_said(api, moments, monkeypatch):
    def few(view, wanted):
        buckets = by_time.times_of(wanted, view.now())
        return view.statistics.log_histogram(wanted, buckets, most=2)

    monkeypatch.setattr("asyncevents_core.web.pages.by_time.histogram_of_log", few)
    page = api.visitor("logs").get("/logs/by-time").text
    assert "Only the newest attempts are counted" in page
    assert "2 delivered, 0 failed" in page
