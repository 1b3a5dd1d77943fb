"""Secrets of subscriptions over REST: rotated, ended, and their public keys."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from asyncevents_core.domain.access import ALL
from asyncevents_core.domain.secret import SecretKind, generate_secret, receiver_secret


@pytest.fixture
def client(api):
    with api.client(ALL) as made:
        yield made


def kept(api, number):
    return api.ledger.read(lambda view: view.subscriptions.get(number))


def test_a_secret_is_rotated_and_the_old_one_goes_on_for_a_day(api, client):
    number = api.subscribe()
    before = kept(api, number).secret
    answer = client.post(f"/async_event/{number}/rotate_secret", json={})
    assert answer.status_code == 200, answer.text
    after = kept(api, number)
    assert answer.json()["receiver_secret"] == receiver_secret(after.secret)
    assert [one.secret for one in after.older_secrets] == [before]
    (until,) = answer.json()["older_secrets_until"]
    left = datetime.fromisoformat(until) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1)
    details = client.get(f"/async_event/{number}/details").json()
    assert details["older_secrets_until"] == [until]
    sent_back = client.patch(f"/async_event/{number}", json={**details, "rate_limit": 5})
    assert sent_back.status_code == 200, sent_back.text
    assert kept(api, number).older_secrets == after.older_secrets
    assert client.delete(f"/async_event/{number}/older_secrets").status_code == 204
    assert kept(api, number).older_secrets == ()


@pytest.mark.parametrize(
    ("body", "older", "kind"),
    [
        ({"overlap": 0}, 0, SecretKind.SYMMETRIC),
        ({"overlap": None}, 1, SecretKind.SYMMETRIC),
        ({"kind": "ed25519", "overlap": 60}, 1, SecretKind.ED25519),
        ({"secret": generate_secret(SecretKind.ED25519)}, 1, SecretKind.ED25519),
    ],
)
def test_how_it_is_rotated(api, client, body, older, kind):
    number = api.subscribe()
    answer = client.post(f"/async_event/{number}/rotate_secret", json=body)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["older_secrets_until"]) == older
    prefix = "whpk_" if kind is SecretKind.ED25519 else "whsec_"
    assert answer.json()["receiver_secret"].startswith(prefix)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"overlap": -1}, "body.overlap"),
        ({"overlap": 1e300}, "body.overlap"),
        ({"overlap": "24h"}, "body.overlap"),
        ({"secret": ""}, "body.secret"),
        ({"secret": "whsec_***"}, "subscription.secret"),
        ({"kind": "rsa"}, "body.kind"),
        ({"kind": "ed25519", "secret": "abc"}, "body.kind"),
        ({"overlaps": 1}, "body.overlaps"),
    ],
)
def test_what_is_refused(api, client, body, field):
    number = api.subscribe()
    before = kept(api, number)
    answer = client.post(f"/async_event/{number}/rotate_secret", json=body)
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert kept(api, number) == before


def test_public_keys_are_for_everybody(api, client):
    number = api.subscribe()
    keys = f"/rest/V1/async_event/{number}/jwks.json"
    with api.client() as anonymous:
        assert anonymous.get(keys.removeprefix("/rest/V1")).json() == {"keys": []}
        body = {"kind": "ed25519"}
        told = [
            client.post(f"/async_event/{number}/rotate_secret", json=body).json()["receiver_secret"]
            for _ in range(2)
        ]
        answer = anonymous.get(keys.removeprefix("/rest/V1"))
        assert answer.headers["cache-control"] == "public, max-age=300"
        found = answer.json()["keys"]
        assert [one["kid"] for one in found] == list(dict.fromkeys(one["kid"] for one in found))
        raw = [base64.urlsafe_b64decode(one["x"] + "=") for one in found]
        known = ["whpk_" + base64.b64encode(one).decode() for one in raw]
        assert known == told[::-1]
        for one in raw:
            Ed25519PublicKey.from_public_bytes(one)
        assert not {"d", "k"} & {name for one in found for name in one}
        # What there is not looks like what has none.
        missing = anonymous.get("/async_event/999999/jwks.json")
        assert (missing.status_code, missing.json()) == (200, {"keys": []})
        client.delete(f"/async_event/{number}")
        assert anonymous.get(keys.removeprefix("/rest/V1")).json() == {"keys": []}


def test_nobody_else_rotates(api, client):
    number = api.subscribe()
    with api.client("view", "get", "save") as other:
        assert other.post(f"/async_event/{number}/rotate_secret", json={}).status_code == 403
        assert other.delete(f"/async_event/{number}/older_secrets").status_code == 403


def test_a_filter_is_kept_and_tried(api, client):
    number = api.subscribe()
    kept_filter = [{"exact": {"tenant": "acme"}}]
    answer = client.patch(f"/async_event/{number}", json={"filter": kept_filter})
    assert answer.json()["filter"] == kept_filter
    wrong = client.patch(f"/async_event/{number}", json={"filter": "status:success"})
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["field"] == "subscription.filter"
    assert client.patch(f"/async_event/{number}", json={"filter": None}).json()["filter"] is None
    for total in (50, 150):
        api.events.publish("order.created", {"total": total})
    asked = {"event_name": "order.*", "filter": "data.total:[100 TO *]"}
    found = client.post("/async_events/try_filter", json=asked).json()
    assert (found["tried"], found["passing"], found["filtered"]) == (2, 1, 1)
    assert [one["verdict"] for one in found["events"]] == ["passes", "filtered"]
    for body, field in (
        ({**asked, "filter": "data.a:["}, "subscription.filter"),
        ({**asked, "event_name": "a b"}, "body.event_name"),
        ({**asked, "tenant": " "}, "body.tenant"),
    ):
        refused = client.post("/async_events/try_filter", json=body)
        assert refused.status_code == 400, refused.text
        assert refused.json()["errors"][0]["field"] == field
    with api.client("create") as other:
        refused = other.post("/async_events/try_filter", json=asked)
        assert refused.status_code == 403
        assert "logs.list" in refused.json()["detail"]
