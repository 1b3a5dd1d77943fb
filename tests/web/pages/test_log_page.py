"""The log, as people see it: filters, searches, columns, CSV, and all of it sent again."""

from __future__ import annotations

import csv
import html
import re
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from asyncevents_core.domain.delivery import DeliveryState
from tests.web.serving import Api, Visitor

LOG_ID = re.compile(r'data-label="ID"[^>]*>\s*(\d+)')


def shown(page: httpx.Response) -> list[int]:
    """Return the log ids on a page, in its order."""
    assert page.status_code == 200, page.text
    return [int(one) for one in LOG_ID.findall(page.text)]


def text_of(page: httpx.Response) -> str:
    """Return a page without its tags."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


@pytest.fixture
def support(api: Api) -> Visitor:
    return api.visitor("logs", "view", "get")


def test_nothing_yet(support):
    assert "Nothing has been delivered yet" in support.get("/logs").text


def test_pages_and_filters(api, support):
    first, second = api.subscribe(), api.subscribe("order.secret")
    for number in range(55):
        api.deliver(first, started_at=1_000_000_000_000_000 + number * 1_000_000)
    api.deliver(second, event_name="order.secret", state=DeliveryState.DEAD)
    page = support.get("/logs")
    assert shown(page) == [56, *range(55, 6, -1)]
    older = html.unescape(re.findall(r'<a href="([^"]+)" rel="next"', page.text)[0])
    assert shown(support.browser.get(f"{api.address}{older}")) == list(range(6, 0, -1))
    assert shown(support.get("/logs", success="false")) == [56]
    assert shown(support.get("/logs", event_name="order.secret")) == [56]
    assert len(shown(support.get("/logs", subscription_id=first))) == 50
    until = {"since": "2001-09-09T01:46:41", "until": "2001-09-09T01:46:43"}
    assert shown(support.get("/logs", **until)) == [3, 2]
    assert "No attempt is like that" in support.get("/logs", event_name="order.none").text


def test_searches_and_their_mistakes(api, support):
    number = api.subscribe()
    api.deliver(number, data="CK100")
    api.deliver(number, data="CK200")
    api.index()
    page = support.get("/logs", search="data.data.id:CK100")
    assert shown(page) == [1]
    assert "1 found" in text_of(page)
    assert shown(support.get("/logs", search="data.data.id:CK*", success="true")) == [2, 1]
    wrong = support.get("/logs", search='data.data.id:"<b>')
    assert "<b>" not in wrong.text
    assert "<mark>" in wrong.text
    assert "Expected" in wrong.text
    doubtful = support.get("/logs", search="data.nothing:1")
    assert "no attempt in the index has such a field" in text_of(doubtful)


def test_without_an_index_the_log_is_still_there(serve):
    api = serve(INDEXER=None)
    api.deliver(api.subscribe())
    visitor = api.visitor("logs")
    assert shown(visitor.get("/logs")) == [1]
    assert "Search is off" in visitor.get("/logs").text
    assert "search is off" in visitor.get("/logs", search="x").text.lower()


def test_columns_are_chosen(api, support):
    api.deliver(api.subscribe())
    page = support.browser.get("/logs?columns=log_id&columns=target&columns=nothing").text
    assert re.findall(r'<th scope="col">([^<]+)', page) == ["ID", "Target"]


def test_the_csv_has_all_hits(api, support):
    number = api.subscribe()
    for _ in range(60):
        api.deliver(number)
    api.deliver(number, state=DeliveryState.DEAD)
    answer = support.get("/logs.csv", success="true")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [int(one["log_id"]) for one in rows] == list(range(60, 0, -1))
    api.index()
    found = list(csv.DictReader(support.get("/logs.csv", search="success:false").text.splitlines()))
    assert [one["log_id"] for one in found] == ["61"]


def test_all_that_is_found_is_sent_again_after_a_question(api, support):
    number = api.subscribe()
    for order in ("CK1", "CK2", "CK3"):
        api.deliver(number, data=order, state=DeliveryState.DEAD)
    api.index()
    page = support.get("/logs", search="data.data.id:(CK1 OR CK2)", success="false").text
    link = html.unescape(re.findall(r'href="([^"]*/replays/found[^"]*)"', page)[0])
    query = dict(parse_qsl(urlsplit(link).query))["query"]
    assert query == "(data.data.id:(CK1 OR CK2)) AND success:false"
    question = support.browser.get(f"{api.address}{link}")
    assert "Replay 2 deliveries?" in question.text
    answer = support.post("/replays/found", query=query)
    assert support.notice(answer) == "The replay has begun."
    where = answer.headers["location"].removeprefix("/admin")
    page = text_of(support.get(where))
    assert "Looked at" in page
    assert query in page
    # What is probably not meant is refused, as everywhere.
    refused = support.post("/replays/found", query="data.data.id:CK1 and success:false")
    assert refused.status_code == 400


def test_a_tenant_sees_its_own(api):
    api.deliver(api.subscribe(tenant="acme"))
    mine = api.deliver(api.subscribe(tenant="mine"))
    visitor = api.visitor("logs", tenant="mine")
    assert shown(visitor.get("/logs")) == [2]
    assert str(mine) in visitor.get("/logs").text
    assert len(visitor.get("/logs.csv").text.splitlines()) == 2


def test_responses_are_text_and_cut(api, support):
    api.deliver(api.subscribe(), response="<img src=x onerror=alert(1)>" + "x" * 5_000)
    page = support.get("/logs").text
    assert "<img src=x" not in page
    assert "x" * 200 not in page


def test_live_pages_refresh_themselves(api, support):
    api.deliver(api.subscribe())
    assert "every 2s" not in support.get("/logs").text
    page = support.get("/logs", live="1", event_name="order.created").text
    assert 'hx-get="/admin/logs?' in page
    assert "event_name=order.created" in page
