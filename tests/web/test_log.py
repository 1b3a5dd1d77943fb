"""The log over HTTP: by filter, in pages, as CSV; traces, and payloads as they are."""

from __future__ import annotations

import csv
import io
import json
from uuid import UUID

import pytest

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.plain import DEEPEST
from asyncevents_core.errors import InvalidPayload
from tests.web.serving import TARGET


@pytest.fixture
def client(api):
    return api.client("manage")


def test_the_log_by_filter_and_in_pages(api, client):
    number, other = api.subscribe(), api.subscribe()
    made = [api.deliver(number, started_at=(index + 1) * 1_000_000) for index in range(3)]
    dead = api.deliver(other, state=DeliveryState.DEAD, started_at=4_000_000)

    def uuids(**params):
        answer = client.get("/logs", params=params)
        assert answer.status_code == 200, answer.text
        return [UUID(one["uuid"]) for one in answer.json()["items"]]

    assert uuids() == [dead, *reversed(made)]
    assert uuids(subscription_id=other) == uuids(success=False) == [dead]
    assert uuids(success=True, limit=2) == [made[2], made[1]]
    assert uuids(since="1970-01-01T00:00:02Z", until="1970-01-01T00:00:04") == [made[2], made[1]]
    assert uuids(event_name="nothing") == []
    first = client.get("/logs", params={"limit": 3}).json()
    assert first["next"] == first["items"][-1]["log_id"]
    assert uuids(before=first["next"]) == [made[0]]
    shown = first["items"][0]
    assert (shown["outcome"], shown["http_status"]) == ("permanent", 400)
    assert (shown["success"], shown["delivery_state"]) == (False, "dead")


def test_a_trace_of_an_event_has_all_its_deliveries(api, client):
    delivery = api.deliver(api.subscribe())
    (trace,) = client.get(f"/traces/{delivery}").json()["items"]
    assert trace["summary"] == "Delivered"
    assert trace["payload"]["data"] == {"id": 42}
    assert trace["attempts"][0]["response"] == "thanks"
    whole = {"items": [trace], "next": None}
    assert client.get(f"/traces/{trace['event_id']}").json() == whole
    assert client.get(f"/traces/{delivery}").json() == whole
    assert client.get(f"/traces/{UUID(int=7)}").status_code == 404


def test_traces_of_an_event_come_in_pages(api, client):
    first = str(api.deliver(api.subscribe()))
    (trace,) = client.get(f"/traces/{first}").json()["items"]
    second = client.post(f"/traces/{first}/replay").json()["uuid"]

    def page(**parameters):
        found = client.get(f"/traces/{trace['event_id']}", params={"limit": 1, **parameters}).json()
        return [one["uuid"] for one in found["items"]], found["next"]

    assert page() == ([first], first)
    assert page(after=first) == ([second], None)
    assert page(after=second) == ([], None)
    assert page(limit=2) == ([first, second], None)


def test_the_log_as_csv(api, client):
    number = api.subscribe()
    ids = [
        api.deliver(number, response=text) for text in ("=1+1", 'a "quote",\nand more', "ž", "\n@x")
    ]
    answer = client.get("/logs/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert [one["uuid"] for one in rows] == [str(one) for one in reversed(ids)]
    assert [one["response"] for one in rows] == ["'\n@x", "ž", 'a "quote",\nand more', "'=1+1"]
    assert {one["success"] for one in rows} == {"1"}
    none = client.get("/logs/export", params={"event_name": "nothing"}).text
    assert none.startswith("log_id,uuid,")
    assert none.count("\n") == 1


def test_an_export_has_no_limit(api, client, monkeypatch):
    monkeypatch.setattr("asyncevents_core.engine.searching.pages.PAGE", 2)
    number = api.subscribe()
    ids = [str(api.deliver(number)) for _ in range(5)]
    rows = list(csv.DictReader(io.StringIO(client.get("/logs/export").text)))
    assert [one["uuid"] for one in rows] == ids[::-1]


def test_an_export_with_what_was_sent(api, client, monkeypatch):
    monkeypatch.setattr("asyncevents_core.engine.searching.export.BATCH_BYTES", 100)
    number = api.subscribe()
    for one in range(3):
        api.deliver(number, data=one)
    answer = client.get("/logs/export", params={"payload": True})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [json.loads(one["payload"])["data"] for one in rows] == [{"id": 2}, {"id": 1}, {"id": 0}]
    assert "payload" not in client.get("/logs/export", params={"payload": False}).text
    api.index()
    found = client.get("/logs/export", params={"payload": True, "search": "data.data.id:1"}).text
    (row,) = csv.DictReader(io.StringIO(found, newline=""))
    assert json.loads(row["payload"])["data"] == {"id": 1}


def test_payloads_are_exported_for_those_who_may_trace(api):
    api.deliver(api.subscribe())
    lists = api.client("logs.list")
    assert lists.get("/logs/export").status_code == 200
    refused = lists.get("/logs/export", params={"payload": True})
    assert refused.status_code == 403
    assert "to export payloads you need the resource logs.trace" in refused.json()["detail"]
    both = api.client("logs.list", "logs.trace")
    assert both.get("/logs/export", params={"payload": True}).status_code == 200


def test_dead_letters(api, client):
    number = api.subscribe()
    dead = [api.deliver(number, state=DeliveryState.DEAD) for _ in range(2)]
    first = client.get("/dead_letters", params={"limit": 1}).json()
    assert [one["uuid"] for one in first["items"]] == [str(dead[1])]
    assert first["items"][0]["target"] == TARGET
    second = client.get("/dead_letters", params={"limit": 1, "before": first["next"]}).json()
    assert [one["uuid"] for one in second["items"]] == [str(dead[0])]
    by_reason = client.get("/dead_letters", params={"reason": "poison"}).json()
    assert by_reason == {"items": [], "next": None}


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def text(levels):
    return "[" * levels + "1" + "]" * levels


def test_a_payload_as_deep_as_can_be_published_is_shown(api, client):
    number = api.subscribe()
    data = f'{{"x":{text(DEEPEST - 1)}}}'
    published = api.events.publish("order.created", {"x": nested(DEEPEST - 1)})
    listed = client.get("/events", params={"limit": 1})
    assert listed.status_code == 200
    assert f'"data":{data}' in listed.text
    assert client.get(f"/events/{published}").status_code == 200
    sent = client.post(f"/async_event/{number}/test", content=f'{{"data":{data}}}')
    shown = client.get(f"/traces/{sent.json()['uuid']}")
    assert shown.status_code == 200
    assert data in shown.text


def test_a_payload_that_is_deeper_is_refused(api, client):
    data = {"x": nested(DEEPEST)}
    with pytest.raises(InvalidPayload, match="more than 100 levels"):
        api.events.publish("order.created", data)
    refused = client.post(f"/async_event/{api.subscribe()}/test", json={"data": data})
    assert refused.status_code == 400
    assert "more than 100 levels" in refused.json()["detail"]
