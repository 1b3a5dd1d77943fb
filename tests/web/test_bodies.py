"""Bodies of requests that are broken, ambiguous, or made to break something."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.web.serving import TARGET
from tests.web.test_problems import check

SENT = {"event_name": "order.created", "recipient_url": TARGET}
HALF = "\ud800"
HUGE = 10**400


@pytest.fixture
def client(api):
    return api.client("manage")


def wrapped(**fields):
    return {"asyncEvent": {**SENT, **fields}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/async_event", {"asyncEvent": SENT, HALF: 1}),
        ("POST", "/async_event", wrapped(**{HALF: 1})),
        ("POST", "/async_event", wrapped(options={HALF: 1})),
        ("POST", "/async_event", wrapped(options={"headers": {"a": HALF}})),
        ("POST", "/async_event", wrapped(verification_token=f"x{HALF}")),
        ("POST", "/async_event/1/test", {"data": {HALF: 1}}),
        ("POST", "/async_event/1/test", {"data": {"x": [HALF]}}),
        ("POST", "/async_events/status", {HALF: 1}),
        ("POST", "/events", {"event_name": "order.created", "data": {HALF: 1}}),
        ("POST", "/events", [{"event_name": "order.created", "data": HALF}]),
        ("POST", "/replays", {"search": f"a{HALF}"}),
        ("PATCH", "/configuration", {HALF: 1}),
    ],
)
def test_half_of_a_surrogate_pair_is_refused(api, client, method, path, body):
    api.subscribe()
    refused = client.request(method, path, content=json.dumps(body))
    assert "surrogate" in check(refused, 400)["errors"][0]["message"]


def test_a_whole_surrogate_pair_is_a_character(api, client):
    number = api.subscribe()
    sent = client.post(f"/async_event/{number}/test", content=r'{"data": {"x": "\ud83d\ude00"}}')
    (trace,) = client.get(f"/traces/{sent.json()['uuid']}").json()["items"]
    assert trace["payload"]["data"] == {"x": "\N{GRINNING FACE}"}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/async_event", wrapped(store_id=HUGE), "asyncEvent.store_id"),
        ("/async_event", wrapped(maximum_deaths=-HUGE), "asyncEvent.maximum_deaths"),
        ("/async_event", wrapped(jitter=HUGE), "asyncEvent.jitter"),
        ("/async_event", wrapped(rate_limit=HUGE), "asyncEvent.rate_limit"),
        ("/async_event", wrapped(schedule=[1, HUGE]), "asyncEvent.schedule"),
        ("/replays", {"rate": HUGE}, "replay.rate"),
        ("/replays/count", {"rate": HUGE}, "replay.rate"),
    ],
)
def test_numbers_that_are_too_large(client, path, body, field):
    assert check(client.post(path, json=body), 400)["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(wrapped())[:-2] + f', "recipient_url": "{TARGET}/other"}}}}',
        json.dumps({"asyncEvent": SENT, "async_event": SENT}),
        json.dumps(wrapped(eventName="order.secret")),
        json.dumps(wrapped(recipientUrl=TARGET)),
    ],
    ids=["one name twice", "two wrappers", "two spellings", "two spellings of one value"],
)
def test_what_is_said_twice_is_refused(client, text):
    refused = check(client.post("/async_event", content=text), 400)
    assert "twice" in refused["errors"][0]["message"]
    assert client.get("/async_events").json()["total_count"] == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is missing"),
        (json.dumps(wrapped()).encode("utf-16"), "UTF-8"),
        (gzip.compress(json.dumps(wrapped()).encode()), "UTF-8"),
        (b"asyncEvent[event_name]=order.created", "it is not JSON: "),
        (b'{"asyncEvent": {', "line 1 column"),
        (b'{"asyncEvent": {"jitter": NaN}}', "NaN is not a number"),
        (b'{"asyncEvent": {"store_id": ' + b"9" * 5000 + b"}}", "too many digits"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=[
        "nothing",
        "another encoding",
        "compressed",
        "a form",
        "the half of it",
        "not a number",
        "a number that has no end",
        "lists that have no end",
    ],
)
def test_what_is_no_json(client, content, reason):
    (error,) = check(client.post("/async_event", content=content), 400)["errors"]
    assert error["field"] == "body"
    assert reason in error["message"]


def test_a_byte_order_mark_is_taken(client):
    content = b"\xef\xbb\xbf" + json.dumps(wrapped()).encode()
    assert client.post("/async_event", content=content).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 200),
        ("application/json", 200),
        ("application/JSON; charset=utf-8", 200),
        ("application/merge-patch+json", 200),
        ("application/cloudevents+json; charset=utf-8", 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonx", 415),
        ("text/json", 415),
    ],
)
def test_bodies_are_json(client, kind, status):
    headers = {} if kind is None else {"Content-Type": kind}
    answer = client.post("/async_event", content=json.dumps(wrapped()), headers=headers)
    if status == 200:
        assert answer.status_code == 200
    else:
        assert "bodies are application/json" in check(answer, status)["detail"]


def test_a_store_may_be_a_text_of_digits(client):
    made = client.post("/async_event", json=wrapped(store_id="7")).json()
    assert made["store_id"] == 7
    for text in ("", "seven", "-1", "7.0", "9" * 5000, "²"):
        refused = check(client.post("/async_event", json=wrapped(store_id=text)), 400)
        assert refused["errors"][0]["field"] == "asyncEvent.store_id"


def test_what_is_wrong_is_quoted_in_part(client):
    refused = client.post("/async_event", json=wrapped(status="x" * 100_000))
    assert "expected bool, got str: 'xxx" in check(refused, 400)["detail"]
    assert len(refused.content) < 2_000


def test_every_mistake_of_a_configuration_is_named(client):
    wrong = {"MAXIMUM_DEATHS": -1, "NONSENSE": None, "INDEXING_ENABLED": None, "LOG_LIFETIME": 1}
    problem = check(client.patch("/configuration", json=wrong), 400)
    fields = [one["field"] for one in problem["errors"]]
    assert fields == ["MAXIMUM_DEATHS", "NONSENSE", "LOG_LIFETIME"]


def test_lists_as_deep_as_can_be_read_are_refused_where_none_is_wanted(client):
    for levels in range(900, 1000):
        deep = "[" * levels + "]" * levels
        body = f'{{"asyncEvent": {{"schedule": [{deep}], "status": {deep}}}}}'
        check(client.post("/async_event", content=body), 400)
        check(client.patch("/configuration", content=f'{{"MAXIMUM_DEATHS": {deep}}}'), 400)
        check(client.post("/events", content=deep), 400)
        sent = f'{{"event_name": "order.created", "data": {deep}}}'
        check(client.post("/events", content=sent), 400)
