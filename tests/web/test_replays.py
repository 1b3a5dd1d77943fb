"""Replays over REST: of one, and of all that a filter matches."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7

DEAD = DeliveryState.DEAD
PATIENCE = 30.0


@pytest.fixture
def client(api):
    return api.client("manage")


def ended(client, uuid):
    until = time.monotonic() + PATIENCE
    while True:
        found = client.get(f"/replays/{uuid}").json()
        if found["state"] in {"done", "cancelled"}:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.02)


def test_one_is_replayed(api, client):
    dead = api.deliver(api.subscribe(), state=DEAD)
    answer = client.post(f"/traces/{dead}/replay")
    assert answer.status_code == 202, answer.text
    (trace,) = client.get(f"/traces/{answer.json()['uuid']}").json()["items"]
    assert (trace["replay_of"], trace["delivery_state"]) == (str(dead), "waiting")
    assert trace["requested_by"].startswith("token manage")


def test_one_is_replayed_once_for_a_key(api, client):
    dead = api.deliver(api.subscribe(), state=DEAD)
    keyed = {"Idempotency-Key": "k"}
    first, second = (client.post(f"/traces/{dead}/replay", headers=keyed).json() for _ in range(2))
    assert first == second


def test_a_replay_is_refused_with_its_reason(api, client):
    number = api.subscribe()
    dead = api.deliver(number, state=DEAD)
    client.put(f"/async_event/{number}", json={"asyncEvent": {"status": False}})
    refused = client.post(f"/traces/{dead}/replay")
    assert refused.status_code == 409
    assert "disabled" in refused.json()["message"]
    assert client.post(f"/traces/{uuid7()}/replay").status_code == 404


def test_all_that_a_filter_means(api, client):
    number, other = api.subscribe(), api.subscribe()
    dead = [api.deliver(number, state=DEAD) for _ in range(3)]
    api.deliver(other, state=DEAD)
    wanted = {"subscription_id": number, "rate": 10_000}
    assert client.post("/replays/count", json=wanted).json() == {"count": 3, "exact": True}
    started = client.post("/replays", json=wanted)
    assert started.status_code == 202, started.text
    assert started.json()["total"] == 3
    done = ended(client, started.json()["uuid"])
    assert (done["state"], done["seen"], done["made"]) == ("done", 3, 3)
    assert done["finished_at"] is not None
    assert client.post("/replays/count", json=wanted).json() == {"count": 0, "exact": True}
    traces = [client.get(f"/traces/{one}").json()["items"][0] for one in dead]
    assert all(len(one["replays"]) == 1 for one in traces)
    (listed,) = client.get("/replays").json()["items"]
    assert listed["uuid"] == done["uuid"]


def test_what_arrived_is_sent_again_to_who_asks(api, client):
    number = api.subscribe()
    arrived = api.deliver(number)
    assert client.post("/replays/count", json={}).json() == {"count": 0, "exact": True}
    wanted = {"delivered": True, "rate": 10_000}
    assert client.post("/replays/count", json=wanted).json() == {"count": 1, "exact": True}
    done = ended(client, client.post("/replays", json=wanted).json()["uuid"])
    assert (done["made"], done["seen"]) == (1, 1)
    (trace,) = client.get(f"/traces/{arrived}").json()["items"]
    assert len(trace["replays"]) == 1


def test_refused_ones_are_counted(api, client):
    number = api.subscribe()
    api.deliver(number, state=DEAD)
    client.put(f"/async_event/{number}", json={"asyncEvent": {"status": False}})
    done = ended(client, client.post("/replays", json={}).json()["uuid"])
    assert (done["made"], done["refused"]) == (0, 1)


def test_what_is_meant_is_said_in_words(api, client):
    times = {"since": "2025-11-25", "until": "2025-11-26T01:00+01:00"}
    wanted = {"event_name": "order.created", "tenant": "7", **times}
    what = client.post("/replays", json=wanted).json()["what"]
    assert what == (
        "all dead letters of event order.created, tenant 7, "
        "since 2025-11-25 00:00:00 UTC, until 2025-11-26 00:00:00 UTC"
    )
    (audited,) = [one for one in client.get("/audit").json()["items"] if one["action"] == "replay"]
    assert audited["details"] == {"what": what}


def test_failed_events_are_opened_again(api, client):
    event = api.events.publish("order.created", {})
    api.ledger.run(lambda tx: tx.events.fail(event, deaths=1, error="no"))
    done = ended(client, client.post("/replays", json={}).json()["uuid"])
    assert (done["total"], done["made"]) == (1, 1)
    assert client.get(f"/events/{event}").json()["state"] == "open"


def test_a_replay_is_cancelled(api, client):
    number = api.subscribe()
    for _ in range(3):
        api.deliver(number, state=DEAD)
    started = client.post("/replays", json={"rate": 0.1}).json()
    cancelled = client.delete(f"/replays/{started['uuid']}")
    assert cancelled.status_code == 200
    done = ended(client, started["uuid"])
    assert done["state"] == "cancelled"
    assert done["made"] < 3
    again = client.delete(f"/replays/{started['uuid']}").json()
    assert again["finished_at"] == done["finished_at"]


def test_a_replay_is_begun_once_for_a_key(api, client):
    keyed = {"Idempotency-Key": "k"}
    first, second = (client.post("/replays", json={}, headers=keyed).json() for _ in range(2))
    assert first["uuid"] == second["uuid"]
    assert len(client.get("/replays").json()["items"]) == 1


def test_replays_in_pages(api, client):
    made = [UUID(client.post("/replays", json={}).json()["uuid"]) for _ in range(3)]
    first = client.get("/replays", params={"limit": 2}).json()
    second = client.get("/replays", params={"limit": 2, "before": first["next"]}).json()
    shown = [UUID(one["uuid"]) for one in first["items"] + second["items"]]
    assert shown == made[::-1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rate": 0}, "replay.rate"),
        ({"rate": 1e9}, "replay.rate"),
        ({"reason": "tired"}, "replay.reason"),
        ({"since": "yesterday"}, "replay.since"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "replay.since"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "replay.until"),
        ({"event_name": "\x00"}, "replay.event_name"),
        ({"subscription_id": 0}, "replay.subscription_id"),
        ({"subscription_id": 2**63}, "replay.subscription_id"),
        ({"replayed": 1}, "replay.replayed"),
        ({"nonsense": 1}, "replay.nonsense"),
        ([], "replay"),
    ],
)
def test_filters_that_are_wrong(client, body, field):
    refused = client.post("/replays", json=body)
    assert refused.status_code == 400
    assert [one["field"] for one in refused.json()["errors"]] == [field]
