"""What there is beyond the original: details, PATCH, bulk, test events, lists, configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import Role, WorkerRow
from tests.web.serving import TARGET


@pytest.fixture
def client(api):
    return api.client("manage")


def patch(client, number, **fields):
    return client.patch(f"/async_event/{number}", json=fields)


def test_patch_changes_anything(api, client):
    number = api.subscribe(secret="old")
    changes = {
        "target": "shelf:2",
        "secret": "new",
        "tenant": "acme",
        "maximum_deaths": 2,
        "schedule": [1, 30.5],
        "jitter": 0.5,
        "rate_limit": 10,
        "warn_failures": 7,
        "warn_after": 60,
        "disable_failures": 0,
        "disable_after": 3600.5,
        "sink": "shelf",
        "options": {"headers": {"X-Shop": "1"}, "token": "hidden"},
        "status": "disabled",
    }
    answer = patch(client, number, **changes)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown == {
        "subscription_id": number,
        "status": "disabled",
        "event_name": "order.created",
        "sink": "shelf",
        "target": "shelf:2",
        "tenant": "acme",
        "signed": True,
        "unreadable": None,
        "subscribed_at": shown["subscribed_at"],
        "modified_at": shown["modified_at"],
        "maximum_deaths": 2,
        "schedule": [1.0, 30.5],
        "jitter": 0.5,
        "rate_limit": 10.0,
        "warn_failures": 7,
        "warn_after": 60.0,
        "disable_failures": 0,
        "disable_after": 3600.5,
        "failures": 0,
        "failing_since": None,
        "failing_error": None,
        "warned_at": None,
        "filter": None,
        "filtered": 0,
        "filter_failed": 0,
        "filter_error": None,
        "older_secrets_until": [],
        "options": {"headers": {"X-Shop": "1"}, "token": "•••"},
    }
    assert shown["modified_at"] >= shown["subscribed_at"]
    (one,) = api.events.subscriptions()
    assert (one.secret, one.options) == ("new", changes["options"])
    assert client.get(f"/async_event/{number}/details").json() == shown


def test_what_is_masked_may_be_sent_back(api, client):
    number = api.subscribe()
    options = {"level": "high", "token": "hidden"}
    shown = patch(client, number, sink="shelf", target="shelf:1", options=options)
    sent_back = {**shown.json()["options"], "level": "low"}
    assert patch(client, number, options=sent_back).status_code == 200
    (one,) = api.events.subscriptions()
    assert one.options == {"level": "low", "token": "hidden"}


def test_patch_with_null_clears(api, client):
    number = api.subscribe(tenant="7", rate_limit=5.0)
    shelf = {"sink": "shelf", "target": "shelf:1", "options": {"level": "high"}}
    patch(client, number, maximum_deaths=2, schedule=[1], jitter=0.5, **shelf)
    cleared = patch(
        client,
        number,
        tenant=None,
        rate_limit=None,
        maximum_deaths=None,
        schedule=None,
        jitter=None,
        options=None,
    ).json()
    assert cleared["tenant"] is cleared["rate_limit"] is cleared["maximum_deaths"] is None
    assert (cleared["schedule"], cleared["jitter"], cleared["options"]) == (None, 0.0, {})
    for field in ("event_name", "target", "sink", "status"):
        refused = patch(client, number, **{field: None})
        assert refused.status_code == 400
        assert refused.json()["errors"] == [
            {"field": f"subscription.{field}", "message": "it cannot be null"}
        ]


def test_a_delete_keeps_the_log(api, client):
    number = api.subscribe()
    delivery = api.deliver(number)
    assert client.delete(f"/async_event/{number}").status_code == 204
    assert client.get(f"/async_event/{number}").status_code == 404
    assert client.delete(f"/async_event/{number}").status_code == 404
    assert client.get("/logs").json()["items"][0]["uuid"] == str(delivery)


def test_many_are_disabled_or_none(api, client):
    numbers = [api.subscribe() for _ in range(3)]
    body = {"subscription_ids": numbers[:2], "status": "disabled"}
    assert client.post("/async_events/status", json=body).json() == {
        "subscription_ids": numbers[:2]
    }
    assert [one.status for one in api.events.subscriptions()] == ["disabled", "disabled", "enabled"]
    missing = {"subscription_ids": [numbers[0], 99], "status": "enabled"}
    assert client.post("/async_events/status", json=missing).status_code == 404
    assert api.events.subscriptions()[0].status == "disabled"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.subscription_ids"),
        ({"subscription_ids": [], "status": "enabled"}, "body.subscription_ids"),
        ({"subscription_ids": [0], "status": "enabled"}, "body.subscription_ids"),
        ({"subscription_ids": ["1"], "status": "enabled"}, "body.subscription_ids"),
        ({"subscription_ids": [1], "status": "deleted"}, "body.status"),
        ({"subscription_ids": [1], "status": True}, "body.status"),
        ({"subscription_ids": [1], "status": "enabled", "x": 1}, "body.x"),
    ],
)
def test_what_is_no_change_of_many(client, body, field):
    refused = client.post("/async_events/status", json=body)
    assert refused.status_code == 400
    assert field in [one["field"] for one in refused.json()["errors"]]


def test_a_test_event_goes_to_one_subscription(api, client):
    number, _ = api.subscribe(tenant="7"), api.subscribe()
    answer = client.post(f"/async_event/{number}/test", json={"data": {"order": 7}})
    assert answer.status_code == 202, answer.text
    (trace,) = client.get(f"/traces/{answer.json()['uuid']}").json()["items"]
    assert (trace["subscription_id"], trace["delivery_state"]) == (number, "waiting")
    assert trace["payload"]["data"] == {"order": 7}
    assert (trace["payload"]["type"], trace["payload"]["tenant"]) == ("order.created", "7")
    (published,) = client.get("/events").json()["items"]
    assert published["state"] == "fanned_out"
    backlog = api.ledger.read(lambda view: view.backlog())
    assert (backlog.events_open, backlog.waiting_due) == (0, 1)


def test_a_test_event_for_a_disabled_one_is_refused(api, client):
    number = api.subscribe()
    patch(client, number, status="disabled")
    refused = client.post(f"/async_event/{number}/test", json={})
    assert refused.status_code == 409
    assert "disabled" in refused.json()["message"]


def test_a_large_test_event_is_refused(api, client):
    number = api.subscribe()
    data = {"x": "x" * api.events.runtime.settings.max_payload_bytes}
    assert client.post(f"/async_event/{number}/test", json={"data": data}).status_code == 413


def test_a_test_event_is_sent_once_for_a_key(api, client):
    number, keyed = api.subscribe(), {"Idempotency-Key": "k"}
    sent = [
        client.post(f"/async_event/{number}/test", json={}, headers=keyed).json() for _ in range(2)
    ]
    assert sent[0] == sent[1]
    assert len(client.get("/events").json()["items"]) == 1


# -- what there is ----------------------------------------------------------------------------


def test_event_definitions(client):
    found = {one["name"]: one for one in client.get("/event_definitions").json()["items"]}
    assert found["order.secret"]["resources"] == ["sales", "finance"]
    assert found["order.created"]["title"] == "An order was placed"
    assert found["order.created"]["origin"] == "EVENTS"


def test_sinks_describe_their_options(client):
    found = {one["name"]: one for one in client.get("/sinks").json()["items"]}
    http = found["http"]
    assert (http["distribution"], http["signs"]) == ("asyncevents-http", True)
    assert found["shelf"]["options"] == {
        "type": "object",
        "properties": {
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "level": {"enum": ["low", "high"], "default": "low"},
            "weight": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "labels": {"type": "array", "items": {"type": "string"}},
            "token": {"type": "string", "writeOnly": True},
        },
        "required": [],
        "additionalProperties": False,
    }
    assert http["configuration"]["properties"]["timeout"] == {"type": "number", "default": 15.0}


def test_published_events_in_pages(api, client):
    ids = [str(api.events.publish("order.created", {"id": number})) for number in range(3)]
    first = client.get("/events", params={"limit": 2}).json()
    second = client.get("/events", params={"limit": 2, "before": first["next"]}).json()
    assert {one["event_id"] for one in first["items"] + second["items"]} == set(ids)
    assert second["next"] is None
    one = client.get(f"/events/{ids[0]}").json()
    assert (one["data"], one["state"]) == ({"id": 0}, "open")
    assert client.get(f"/events/{UUID(int=7)}").status_code == 404


# -- operations -------------------------------------------------------------------------------


def test_configuration_tells_origins(client):
    def values():
        items = client.get("/configuration").json()["items"]
        return {one["name"]: (one["value"], one["origin"]) for one in items}

    assert values()["MAXIMUM_DEATHS"] == (5, "default")
    changed = client.patch(
        "/configuration", json={"MAXIMUM_DEATHS": 7, "LOG_CLEANUP_ENABLED": True}
    )
    assert changed.status_code == 200, changed.text
    assert values()["MAXIMUM_DEATHS"] == (7, "ledger")
    assert values()["LOG_CLEANUP_ENABLED"] == (True, "ledger")
    (one,) = [one for one in changed.json()["items"] if one["name"] == "MAXIMUM_DEATHS"]
    assert one["setting"] == 5
    assert one["changed_by"].startswith("token manage")
    client.patch("/configuration", json={"MAXIMUM_DEATHS": None})
    assert values()["MAXIMUM_DEATHS"] == (5, "default")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"MAXIMUM_DEATHS": -1}, "MAXIMUM_DEATHS"),
        ({"MAXIMUM_DEATHS": True}, "MAXIMUM_DEATHS"),
        ({"MAXIMUM_DEATHS": 2**31}, "MAXIMUM_DEATHS"),
        ({"LOG_LIFETIME_DAYS": 0}, "LOG_LIFETIME_DAYS"),
        ({"INDEXING_ENABLED": 1}, "INDEXING_ENABLED"),
        ({"LEDGER_URL": "x"}, "LEDGER_URL"),
        ({"MAXIMUM_DEATH": 3}, "MAXIMUM_DEATH"),
        ([], "body"),
    ],
)
def test_configuration_is_checked(client, body, field):
    refused = client.patch("/configuration", json=body)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == field


def test_status(api, client):
    api.events.publish("order.created", {})
    found = client.get("/status").json()
    assert (found["events_open"], found["dead_letters"], found["workers"]) == (1, 0, [])
    assert found["oldest_due_at"].endswith("Z")
    age = (datetime.now(UTC) - datetime.fromisoformat(found["oldest_due_at"])).total_seconds()
    assert 0 <= found["oldest_due_seconds"] <= max(age, 0) + 0.1  # it is said in tenths


def test_status_counts_workers_and_what_they_consume(api, client):
    for roles in ((Role.TRIGGER, Role.RETRY), (Role.RETRY,)):
        row = WorkerRow(id=uuid7(), host="a", pid=1, roles=roles, started_at=0, beat_at=0)
        api.ledger.run(lambda tx, row=row: tx.workers.beat(row))
    found = client.get("/status").json()
    assert found["workers_alive"] == len(found["workers"]) == 2
    consumers = [found[f"{role}_consumers"] for role in ("trigger", "retry", "index")]
    assert consumers == [1, 2, 0]


def test_every_change_is_audited(api, client):
    body = {"asyncEvent": {"event_name": "order.created", "recipient_url": TARGET}}
    number = client.post("/async_event", json=body).json()["subscription_id"]
    patch(client, number, target="https://example.com/2", secret="hidden")
    patch(client, number, target="https://example.com/2")
    client.post("/async_events/status", json={"subscription_ids": [number], "status": "disabled"})
    client.post("/async_events/status", json={"subscription_ids": [number], "status": "enabled"})
    client.post(f"/async_event/{number}/test", json={})
    client.patch("/configuration", json={"MAXIMUM_DEATHS": 7})
    client.post("/replays", json={})
    client.delete(f"/async_event/{number}")
    answer = client.get("/audit")
    found = [one for one in answer.json()["items"] if one["who"].startswith("token manage")]
    assert [one["action"] for one in reversed(found)] == [
        "subscription.create",
        "subscription.change",
        "subscription.disable",
        "subscription.enable",
        "subscription.test",
        "configuration.change",
        "replay",
        "subscription.delete",
    ]
    change = found[-2]
    assert change["details"] == {
        "target": [TARGET, "https://example.com/2"],
        "secret": "changed",
    }
    assert change["subject"] == str(number)
    assert "hidden" not in answer.text
    page = client.get("/audit", params={"limit": 2}).json()
    assert page["next"] == page["items"][-1]["id"]


@pytest.mark.parametrize(
    "text", ["1970-01-03", "1970-01-03 00:00", "1970-01-03T01:00:00+01:00", "19700103T000000Z"]
)
def test_a_time_is_any_of_iso_8601(api, client, text):
    number = api.subscribe()
    day = 86_400 * 1_000_000
    before, after = (api.deliver(number, started_at=days * day) for days in (1, 2))
    for path in ("/logs", "/logs/export"):
        since = client.get(path, params={"since": text}).text
        until = client.get(path, params={"until": text}).text
        assert (str(before) in since, str(after) in since) == (False, True)
        assert (str(before) in until, str(after) in until) == (True, False)
    assert client.get("/dead_letters", params={"since": text, "until": text}).status_code == 200
