"""Errors, limits and headers of every answer."""

from __future__ import annotations

import logging

import httpx
import pytest

from asyncevents_core.errors import (
    IndexUnavailable,
    InvalidSecret,
    LedgerNotMigrated,
    LedgerUnavailable,
    MissingExtra,
    SearchOff,
    SecretKeysError,
    UnknownEvent,
    UnknownName,
)
from asyncevents_core.web.api.problems import problem_of
from asyncevents_core.web.api.request_ids import RequestIdFilter
from asyncevents_core.web.backend import RequestBackend
from tests.web.serving import TARGET, requests_logged

KEYS = {"type", "title", "status", "detail", "message", "request_id", "errors"}


def check(answer: httpx.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == KEYS
    assert (problem["status"], problem["message"]) == (status, problem["detail"])
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def test_every_error_is_a_problem(api):
    client = api.client("manage")
    check(client.get("/nothing"), 404)
    check(client.post("/logs"), 405)
    check(api.client().get("/logs"), 401)
    check(api.client("view").get("/logs"), 403)
    check(client.get("/logs", params={"limit": "x"}), 400)
    check(client.get("/traces/nonsense"), 404)
    check(client.get("/logs", params={"search": "success:"}), 400)


@pytest.mark.parametrize(
    ("error", "status", "fields"),
    [
        (UnknownEvent("a.b"), 400, ["subscription.event_name"]),
        (UnknownName("no sink 'x'"), 400, ["subscription.sink"]),
        (MissingExtra("the indexer", extra="search"), 409, []),
        (SearchOff("search is off"), 409, ["search"]),
        (InvalidSecret("not base64"), 400, ["subscription.secret"]),
        (SecretKeysError("no key"), 503, []),
        (LedgerNotMigrated("no table"), 503, []),
        (IndexUnavailable("no node"), 503, []),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_its_status_and_field(error, status, fields):
    problem = problem_of(error, {})
    assert (problem.status, [one.field for one in problem.fields]) == (status, fields)
    # What the client cannot mend says nothing of the server's insides.
    assert (str(error) in problem.detail) == (status != 503)


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/logs", "limit", "0"),
        ("/logs", "limit", "501"),
        ("/logs", "limit", "x"),
        ("/logs", "before", "0"),
        ("/logs", "before", str(2**63)),
        ("/logs", "subscription_id", "-1"),
        ("/logs", "event_name", ""),
        ("/logs", "event_name", "a\x00b"),
        ("/logs", "success", "perhaps"),
        ("/logs", "since", "yesterday"),
        ("/logs", "until", "2026-13-01"),
        ("/dead_letters", "since", "\ud7ff"),
        ("/dead_letters", "until", "10000-01-01"),
        ("/events", "before", "x"),
        ("/dead_letters", "reason", "tired"),
    ],
)
def test_parameters_are_named(api, path, name, value):
    problem = check(api.client("manage").get(path, params={name: value}), 400)
    assert [one["field"] for one in problem["errors"]] == [name]
    assert problem["errors"][0]["message"]


def test_a_bug_is_logged_and_not_shown(api, monkeypatch, caplog):
    client = api.client("manage")

    def broken(_, query):
        raise ZeroDivisionError("a secret of the implementation")

    monkeypatch.setattr(RequestBackend, "read", broken)
    problem = check(client.get("/logs"), 500)
    assert "secret" not in str(problem)
    assert "ZeroDivisionError" in caplog.text


def test_a_ledger_that_is_away(api, monkeypatch):
    client = api.client("manage")

    def away(_, query):
        raise LedgerUnavailable("postgresql://u:***@db: refused")

    monkeypatch.setattr(RequestBackend, "read", away)
    problem = check(client.get("/logs"), 503)
    assert "postgresql" not in str(problem)


def test_bodies_have_a_limit(serve):
    api = serve(WEB_MAX_BODY_BYTES=1000)
    client = api.client("manage")
    check(client.post("/async_event", content=b"x" * 1001), 413)

    def chunks():
        for _ in range(20):
            yield b" " * 100

    check(client.post("/async_event", content=chunks()), 413)


def test_requests_have_a_limit(serve):
    api = serve(WEB_RATE_LIMIT=3)
    client = api.client("manage")
    for _ in range(3):
        answer = client.get("/async_events")
        assert answer.status_code == 200
    assert answer.headers["ratelimit-limit"] == "3"
    refused = client.get("/async_events")
    check(refused, 429)
    assert 0 <= int(refused.headers["retry-after"]) <= 60
    assert api.client().get(f"{api.address}/health").status_code == 200


def test_too_many_calls_at_once_are_refused(api, monkeypatch):
    client = api.client("manage")
    monkeypatch.setattr(api.app.state.backend, "_pending", 10_000)
    refused = client.get("/async_events")
    check(refused, 503)
    assert refused.headers["retry-after"] == "1"


def test_request_ids(api):
    client = api.client("manage")
    kept = client.get("/logs", headers={"X-Request-ID": "mine-1"}).headers["x-request-id"]
    assert kept == "mine-1"
    made = client.get("/logs", headers={"X-Request-ID": "no id \x7f" * 99}).headers["x-request-id"]
    other = client.get("/logs").headers["x-request-id"]
    assert len({made, other}) == 2
    assert len(made) == len(other) == 36


def test_request_ids_are_in_the_log(api, caplog):
    caplog.handler.addFilter(RequestIdFilter())
    with caplog.at_level(logging.INFO, logger="asyncevents.web"):
        api.client("manage").get("/logs", headers={"X-Request-ID": "mine-2"})
        (record,) = requests_logged(caplog, 1)
    assert (record.request_id, record.status, record.path) == ("mine-2", 200, "/rest/V1/logs")
    assert record.who.startswith("token manage")


@pytest.mark.parametrize("path", ["/rest/V1/logs", "/health", "/nothing"])
def test_security_headers(api, path):
    headers = api.client("manage").get(f"{api.address}{path}").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_cors_is_off(api):
    origin = {"Origin": "https://shop.example"}
    answer = api.client("manage").get("/logs", headers=origin)
    assert "access-control-allow-origin" not in answer.headers


def test_cors_for_named_origins(serve):
    api = serve(WEB_CORS_ORIGINS=["https://shop.example"])
    client = api.client("manage")
    good = client.get("/logs", headers={"Origin": "https://shop.example"})
    assert good.headers["access-control-allow-origin"] == "https://shop.example"
    bad = client.get("/logs", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in bad.headers


# -- idempotency ------------------------------------------------------------------------------


def test_a_key_makes_a_post_once(api):
    client = api.client("manage")
    body = {"asyncEvent": {"event_name": "order.created", "recipient_url": TARGET}}
    keyed = {"Idempotency-Key": "k1"}
    first, second = (client.post("/async_event", json=body, headers=keyed) for _ in range(2))
    assert first.json() == second.json()
    assert client.get("/async_events").json()["total_count"] == 1
    other = client.post("/async_event", json=body, headers={"Idempotency-Key": "k2"})
    assert other.json()["subscription_id"] == 2
    elsewhere = api.client("manage").post("/async_event", json=body, headers=keyed)
    assert elsewhere.json()["subscription_id"] == 3


def test_a_key_is_for_one_request(api):
    client = api.client("manage")
    fields = {"event_name": "order.created", "recipient_url": TARGET}
    keyed = {"Idempotency-Key": "k"}
    client.post("/async_event", json={"asyncEvent": fields}, headers=keyed)
    changed = {"asyncEvent": {**fields, "status": False}}
    refused = client.post("/async_event", json=changed, headers=keyed)
    problem = check(refused, 422)
    assert problem["errors"][0]["field"] == "Idempotency-Key"


def test_a_refused_request_does_not_use_its_key_up(api):
    client = api.client("manage")
    keyed = {"Idempotency-Key": "k"}
    fields = {"event_name": "nonsense", "recipient_url": TARGET}
    assert (
        client.post("/async_event", json={"asyncEvent": fields}, headers=keyed).status_code == 400
    )
    fields["event_name"] = "order.created"
    assert (
        client.post("/async_event", json={"asyncEvent": fields}, headers=keyed).status_code == 200
    )


# -- what there is not ------------------------------------------------------------------------


def test_a_path_that_leads_nowhere_says_where_the_routes_are(api):
    problem = check(api.client("manage").get("/nothing"), 404)
    assert "/rest/docs" in problem["detail"]


def test_another_method_says_which_are_taken(api):
    answer = api.client("manage").put("/async_events", json={})
    assert "GET" in check(answer, 405)["detail"]
    assert set(answer.headers["allow"].split(", ")) == {"GET", "OPTIONS"}


def test_options_tell_the_methods_to_everybody(api):
    for client in (api.client(), api.client("view")):
        answer = client.options("/async_event/1")
        assert (answer.status_code, answer.content) == (204, b"")
        assert set(answer.headers["allow"].split(", ")) == {
            "GET", "PUT", "PATCH", "DELETE", "OPTIONS",
        }  # fmt: skip


def test_a_load_balancer_may_ask_for_the_head_only(api):
    answer = api.client().head(f"{api.address}/health")
    assert (answer.status_code, answer.content) == (200, b"")


def test_limits_are_told(serve):
    api = serve(WEB_MAX_BODY_BYTES=1000, WEB_RATE_LIMIT=1)
    client = api.client("manage")
    assert "1000 bytes" in check(client.post("/async_event", content=b"x" * 1001), 413)["detail"]
    refused = client.get("/logs")
    wait = refused.headers["retry-after"]
    problem = check(refused, 429)
    assert problem["detail"] == (
        f"more than 1 request a minute from this address: wait {wait} seconds"
    )


def test_every_request_is_logged_whatever_its_path(api, caplog):
    with caplog.at_level(logging.INFO, logger="asyncevents.web"):
        client = api.client("manage")
        client.get("/logs")
        client.get("/nothing")
        client.post("/logs")
        logged = requests_logged(caplog, 3)
    assert [(one.method, one.path, one.status) for one in logged] == [
        ("GET", "/rest/V1/logs", 200),
        ("GET", "/rest/V1/nothing", 404),
        ("POST", "/rest/V1/logs", 405),
    ]


def test_the_key_that_is_no_key_is_named_as_it_was_sent(api):
    client = api.client("manage")
    for key in ("", "k" * 256):
        refused = client.post("/replays", json={}, headers={"Idempotency-Key": key})
        assert [one["field"] for one in check(refused, 400)["errors"]] == ["Idempotency-Key"]


def test_a_key_whose_subscription_was_deleted_since(api):
    client = api.client("manage")
    body = {"asyncEvent": {"event_name": "order.created", "recipient_url": TARGET}}
    keyed = {"Idempotency-Key": "k"}
    number = client.post("/async_event", json=body, headers=keyed).json()["subscription_id"]
    client.delete(f"/async_event/{number}")
    problem = check(client.post("/async_event", json=body, headers=keyed), 422)
    assert f"subscription {number}" in problem["detail"]
    assert "deleted" in problem["detail"]
    assert client.get("/async_events").json()["total_count"] == 0
