"""MCP Events: what is subscribed to reaches a callback that wants it, and nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

import pytest
from attrs import evolve

from asyncevents_core.domain.allowance import SinkAllowance
from asyncevents_core.domain.callback import EXPIRES_AT, SINK
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.upkeep.callbacks import end_expired
from asyncevents_core.errors import EagerDeliveryFailed
from asyncevents_core.ports.observer import NOBODY
from tests.web.mcp.asking import Agent, Refused
from tests.web.mcp.conftest import REACHABLE
from tests.web.mcp.receiving import receiving, secret_of

HOUR = 3_600_000


@pytest.fixture
def one(agent):
    return agent("create", "view")


def ours(api):
    return [found for found in api.events.subscriptions() if found.sink == SINK]


def published(api, **data):
    return str(api.events.publish("order.created", data))


def refusal(ask, *args, **params):
    with pytest.raises(Refused) as caught:
        ask(*args, **params)
    return caught.value


# -- what there is ----------------------------------------------------------------------------


def test_the_catalogue(agent):
    def listed(*resources):
        found = agent(*resources).ask("events/list")["events"]
        return {event["name"]: event for event in found}

    assert "order.secret" not in listed("view")
    event = listed("view")["order.created"]
    assert (event["description"], event["delivery"]) == ("An order was placed", ["webhook"])
    assert event["payloadSchema"] == {"type": "object"}
    assert set(event["inputSchema"]["properties"]) == {"filter"}
    secret = listed("view", "sales", "finance")["order.secret"]
    assert secret["payloadSchema"]["required"] == ["id", "lines"]
    assert "Subscribe to order.hidden." in secret["description"]


def test_payloads_that_are_no_objects_are_described_as_they_are_sent(serve, receiver):
    schema = {"type": "array", "items": {"$ref": "#/$defs/Line"}, "$defs": {"Line": {}}}
    events = {"order.lines": {"schema": schema}}
    api = serve(WEB_MCP=True, EAGER=True, SINKS=REACHABLE, EVENTS=events)
    one = Agent(api.client("create", "view"), address=f"{api.address}/mcp")
    described = {event["name"]: event for event in one.ask("events/list")["events"]}
    payload = described["order.lines"]["payloadSchema"]
    assert payload["properties"] == {"value": {"type": "array", "items": {"$ref": "#/$defs/Line"}}}
    assert payload["$defs"] == {"Line": {}}
    delivery = {"mode": "webhook", "url": receiver.url, "secret": receiver.secret}
    one.ask("events/subscribe", name="order.lines", delivery=delivery)
    api.events.publish("order.lines", [1, 2])
    assert receiver.events[0]["data"] == {"value": [1, 2]}


# -- subscribing ------------------------------------------------------------------------------


def test_an_event_reaches_the_callback(api, one, receiver, subscription):
    made = one.ask("events/subscribe", **subscription)
    assert (made["cursor"], made["truncated"]) == (None, False)
    assert len(receiver.challenges) == 1
    event_id = published(api, id=42)
    (event,) = receiver.events
    assert event == {
        "eventId": event_id,
        "name": "order.created",
        "timestamp": event["timestamp"],
        "data": {"id": 42},
        "cursor": None,
    }
    asked, sent = receiver.headers
    for headers in (asked, sent):
        assert headers["x-mcp-subscription-id"] == made["id"]
        assert headers["content-type"] == "application/json"
    assert asked["webhook-id"].startswith("msg_verification_")
    assert sent["webhook-id"] == event_id


@pytest.mark.parametrize(
    ("asked", "granted"),
    [({}, 168), ({"ttlMs": None}, 168), ({"ttlMs": 10**12}, 168), ({"ttlMs": 2 * HOUR}, 2)],
)
def test_it_is_granted_for_a_time(api, one, subscription, asked, granted):
    made = one.ask("events/subscribe", **subscription, **asked)
    until = datetime.fromisoformat(made["refreshBefore"])
    now = api.ledger.read(lambda view: view.now()) / 1e6
    assert granted * 3600 - 120 < until.timestamp() - now <= granted * 3600
    (kept,) = ours(api)
    assert until.timestamp() == kept.options[EXPIRES_AT] // 1_000_000


def test_subscribing_again_renews_it(api, one, receiver, subscription):
    first = one.ask("events/subscribe", **subscription, ttlMs=2 * HOUR)
    again = one.ask("events/subscribe", **subscription, ttlMs=4 * HOUR)
    assert again["id"] == first["id"]
    assert again["refreshBefore"] > first["refreshBefore"]
    assert len(ours(api)) == 1
    assert len(receiver.challenges) == 1
    published(api)
    assert len(receiver.events) == 1


def test_who_subscribes_twice_at_once_has_one(api, one, receiver, subscription):
    receiver.together = threading.Barrier(3)
    with ThreadPoolExecutor(3) as threads:
        made = [threads.submit(one.ask, "events/subscribe", **subscription) for _ in range(3)]
        ids = {found.result()["id"] for found in made}
    assert len(ids) == 1
    (kept,) = ours(api)
    assert kept.status is SubscriptionStatus.ENABLED
    published(api)
    assert len(receiver.events) == 1


def test_each_of_its_parts_makes_another_one(api, agent, one, receiver, subscription):
    ids = {one.ask("events/subscribe", **subscription)["id"]}
    filtered = {**subscription, "arguments": {"filter": "data.id:42"}}
    ids.add(one.ask("events/subscribe", **filtered)["id"])
    other_url = {**subscription["delivery"], "url": f"{receiver.url}/more"}
    ids.add(one.ask("events/subscribe", **{**subscription, "delivery": other_url})["id"])
    assert len(receiver.challenges) == 2  # of one client and one callback: once
    ids.add(agent("create").ask("events/subscribe", **subscription)["id"])
    assert len(receiver.challenges) == 3
    assert len(ids) == len(ours(api)) == 4


def test_a_filter_decides_what_comes(api, one, receiver, subscription):
    one.ask("events/subscribe", **{**subscription, "arguments": {"filter": "data.data.id:42"}})
    published(api, id=41)
    wanted = published(api, id=42)
    assert [event["eventId"] for event in receiver.events] == [wanted]


def test_a_new_secret_signs_beside_the_old_one(api, one, receiver, subscription):
    one.ask("events/subscribe", **subscription)
    fresh = secret_of(b"n")
    renewed = {**subscription, "delivery": {**subscription["delivery"], "secret": fresh}}
    for secret in (receiver.secret, fresh):
        one.ask("events/subscribe", **renewed)
        receiver.secret = secret  # of which the receiver checks the signature
        published(api)
    assert len(receiver.events) == 2
    (kept,) = ours(api)
    assert kept.secret == fresh
    assert [old.until is not None for old in kept.older_secrets] == [True]


@pytest.mark.parametrize(
    ("changes", "code", "data"),
    [
        ({"name": "no.such"}, -32011, {"kind": "event"}),
        ({"name": None}, -32602, None),
        ({"name": "order.*"}, -32011, {"kind": "event"}),
        ({"name": "order.secret"}, -32012, None),
        ({"arguments": {"colour": "red"}}, -32602, None),
        ({"arguments": {"filter": 7}}, -32602, None),
        ({"arguments": {"filter": "(a"}}, -32602, None),
        ({"ttlMs": 0}, -32602, None),
        ({"ttlMs": "long"}, -32602, None),
        ({"delivery": None}, -32602, None),
    ],
)
def test_what_cannot_be_subscribed(api, one, receiver, subscription, changes, code, data):
    refused = refusal(one.ask, "events/subscribe", **{**subscription, **changes})
    assert (refused.code, refused.data) == (code, data)
    assert not receiver.challenges
    assert not ours(api)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mode": "push"}, -32014),
        ({"url": None}, -32602),
        ({"url": "ftp://127.0.0.1/"}, -32602),
        ({"url": "http://10.0.0.1/"}, -32602),
        ({"url": "http://user:word@127.0.0.1/"}, -32602),
        ({"secret": None}, -32602),
        ({"secret": "supersecret"}, -32602),
        ({"secret": "whsec_c2hvcnQ="}, -32602),
    ],
)
def test_callbacks_that_cannot_be(api, one, receiver, subscription, changes, code):
    delivery = {**subscription["delivery"], **changes}
    refused = refusal(one.ask, "events/subscribe", **{**subscription, "delivery": delivery})
    assert refused.code == code
    assert not receiver.challenges
    assert not ours(api)


def test_callbacks_are_https_by_default(serve, subscription):
    api = serve(WEB_MCP=True, SINKS={"mcp": {"allow": ["127.0.0.0/8"]}})
    one = Agent(api.client("create"), address=f"{api.address}/mcp")
    refused = refusal(one.ask, "events/subscribe", **subscription)
    assert refused.code == -32602
    assert "https" in str(refused)


@pytest.mark.parametrize(
    ("status", "repeats", "reason"),
    [
        (200, False, "challenge_failed"),
        (302, True, "challenge_failed"),
        (404, True, "http_4xx"),
        (500, True, "http_5xx"),
    ],
)
def test_a_callback_that_does_not_want_it(
    api, one, receiver, subscription, status, repeats, reason
):
    receiver.status, receiver.repeats = status, repeats
    refused = refusal(one.ask, "events/subscribe", **subscription)
    assert (refused.code, refused.data) == (-32015, {"reason": reason})
    assert not ours(api)
    receiver.status, receiver.repeats = 200, True
    one.ask("events/subscribe", **subscription)
    assert len(set(receiver.challenges)) == 2


def test_a_callback_that_nobody_answers_at(api, one, subscription):
    with receiving() as gone:
        url = gone.url
    delivery = {**subscription["delivery"], "url": url}
    refused = refusal(one.ask, "events/subscribe", **{**subscription, "delivery": delivery})
    assert (refused.code, refused.data) == (-32015, {"reason": "connection_refused"})


def test_there_is_an_end_to_how_many(api, one, subscription, monkeypatch):
    monkeypatch.setattr("asyncevents_core.web.mcp.events.MOST", 1)
    one.ask("events/subscribe", **subscription)
    one.ask("events/subscribe", **subscription)
    more = {**subscription, "arguments": {"filter": "data.id:1"}}
    refused = refusal(one.ask, "events/subscribe", **more)
    assert (refused.code, refused.data) == (-32013, {"limit": "subscriptions", "max": 1})


# -- the end ----------------------------------------------------------------------------------


def test_unsubscribing(api, one, receiver, subscription):
    one.ask("events/subscribe", **subscription)
    named = {**subscription, "delivery": {"mode": "webhook", "url": receiver.url}}
    assert one.ask("events/unsubscribe", **named) == {}
    assert not ours(api)
    published(api)
    assert not receiver.events
    refused = refusal(one.ask, "events/unsubscribe", **named)
    assert (refused.code, refused.data) == (-32011, {"kind": "subscription"})
    one.ask("events/subscribe", **subscription)
    assert len(receiver.challenges) == 2


def test_others_end_nothing_of_ones_own(api, agent, one, subscription):
    one.ask("events/subscribe", **subscription)
    for other in (agent("create"), agent("all"), agent("create", tenant="7")):
        assert refusal(other.ask, "events/unsubscribe", **subscription).code == -32011
    assert len(ours(api)) == 1


def test_a_callback_that_is_gone_ends_it_until_it_wants_it_again(api, one, receiver, subscription):
    one.ask("events/subscribe", **subscription)
    receiver.status = 410
    with pytest.raises(EagerDeliveryFailed):
        published(api)
    (kept,) = ours(api)
    assert kept.status is SubscriptionStatus.DISABLED
    assert refusal(one.ask, "events/subscribe", **subscription).code == -32015
    receiver.status = 200
    one.ask("events/subscribe", **subscription)
    assert [found.status for found in ours(api)] == [SubscriptionStatus.ENABLED]
    assert len(receiver.challenges) == 3


def expire(api):
    """Let the time of all subscriptions be over."""
    for found in ours(api):
        options = {**found.options, EXPIRES_AT: 1}
        api.events.change_subscription(found.id, partial(evolve, options=options))


def test_what_nobody_renewed_is_not_sent(api, one, receiver, subscription):
    one.ask("events/subscribe", **subscription)
    expire(api)
    with pytest.raises(EagerDeliveryFailed):
        published(api)
    assert not receiver.events


def test_what_nobody_renewed_is_ended(api, agent, one, subscription):
    one.ask("events/subscribe", **subscription)
    expire(api)
    agent("create").ask("events/subscribe", **subscription)
    plain = api.subscribe()
    assert end_expired(api.ledger, observers=NOBODY) == 1
    assert len(ours(api)) == 1
    assert plain in {found.id for found in api.events.subscriptions()}
    assert end_expired(api.ledger, observers=NOBODY) == 0


def test_who_comes_late_is_asked_again(api, one, receiver, subscription):
    first = one.ask("events/subscribe", **subscription)
    expire(api)
    assert one.ask("events/subscribe", **subscription)["id"] == first["id"]
    assert len(receiver.challenges) == 2
    assert len(ours(api)) == 1


# -- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "resource"),
    [("events/list", "view"), ("events/subscribe", "create"), ("events/unsubscribe", "create")],
)
def test_who_may_ask_for_what(agent, subscription, method, resource):
    others = {"view", "get", "create", "save", "logs"} - {resource}
    refused = refusal(agent(*sorted(others)).ask, method, **subscription)
    assert refused.code == -32012
    assert resource in str(refused)


def test_who_lost_the_resources_of_an_event(api, agent, receiver, subscription):
    secret = {**subscription, "name": "order.secret"}
    assert refusal(agent("create", "sales").ask, "events/subscribe", **secret).code == -32012
    agent("create", "sales", "finance").ask("events/subscribe", **secret)
    assert [found.event_name for found in ours(api)] == ["order.secret"]


def test_a_bound_agent_gets_its_tenants_events(api, agent, receiver, subscription):
    agent("create", tenant="7").ask("events/subscribe", **subscription)
    assert [found.tenant for found in ours(api)] == ["7"]
    api.events.publish("order.created", {"of": "8"}, tenant="8")
    api.events.publish("order.created", {"of": "7"}, tenant="7")
    api.events.publish("order.created", {"of": "all"})
    assert [event["data"]["of"] for event in receiver.events] == ["7", "all"]


def test_a_token_that_is_bound_to_sinks(api, receiver, subscription):
    allowed = {"mcp": SinkAllowance(targets=("https://agents.example/*",))}
    bound = Agent(api.client("create", sinks=allowed), address=f"{api.address}/mcp")
    assert refusal(bound.ask, "events/subscribe", **subscription).code == -32012
    assert not receiver.challenges
    assert not ours(api)


def test_it_is_in_the_list_and_in_the_audit_log(api, one, subscription):
    one.ask("events/subscribe", **subscription)
    operator = api.client("manage")
    (listed,) = operator.get("/async_events").json()["items"]
    details = operator.get(f"/async_event/{listed['subscription_id']}/details").json()
    assert (details["sink"], details["signed"]) == ("mcp", True)
    actions = [entry["action"] for entry in operator.get("/audit").json()["items"]]
    assert actions.count("subscription.create") == 1
