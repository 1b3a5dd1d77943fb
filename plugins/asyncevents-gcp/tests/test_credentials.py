"""Credentials: where they come from, what is wrong with them, and that nobody sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from attrs import evolve
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requested import make_request

from asyncevents_core.errors import InvalidOptions
from asyncevents_core.plugin import Failure
from asyncevents_core.structuring import structure
from asyncevents_core.testing import opened
from asyncevents_gcp.config import CredentialSet, PubSubConfig, PubSubOptions, SubscriberKey
from asyncevents_gcp.credentials import CredentialsUnusable, load
from asyncevents_gcp.kind import PubSubSinkType

TOPIC = "projects/shop/topics/orders"
HIDDEN = "a-very-secret-text"


@pytest.fixture(scope="module")
def key():
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "warehouse",
        "private_key_id": "1",
        "private_key": private.decode(),
        "client_email": "orders@warehouse.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


USER = {
    "type": "authorized_user",
    "client_id": "1",
    "client_secret": HIDDEN,
    "refresh_token": HIDDEN,
}
FEDERATED = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"file": "/var/run/token"},
}
IMPERSONATED = {
    "type": "impersonated_service_account",
    "service_account_impersonation_url": (
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
        "orders@warehouse.iam.gserviceaccount.com:generateAccessToken"
    ),
    "source_credentials": USER,
}


def test_a_key_as_text_and_in_a_file_with_its_project(key, tmp_path):
    text = json.dumps(key)
    path = tmp_path / "key.json"
    path.write_text(text)
    for source in (
        CredentialSet(credentials_json=text),
        CredentialSet(credentials_file=str(path)),
        CredentialSet(credentials_json=text, credentials_file="/not/read"),
    ):
        identity = load(source)
        assert identity.credentials.service_account_email == key["client_email"]
        assert identity.project == "warehouse"
    assert load(CredentialSet(project="shop", credentials_json=text)).project == "shop"


@pytest.mark.parametrize(
    ("info", "kind"),
    [(USER, "Credentials"), (FEDERATED, "Credentials"), (IMPERSONATED, "Credentials")],
    ids=["user", "federated", "impersonated"],
)
def test_other_kinds_are_loaded(info, kind):
    identity = load(CredentialSet(credentials_json=json.dumps(info)))
    assert type(identity.credentials).__name__ == kind
    assert identity.project is None


def test_without_anything_it_is_the_chain_of_the_sdk(key, tmp_path, monkeypatch):
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    identity = load(CredentialSet())
    assert identity.credentials.service_account_email == key["client_email"]
    assert identity.project == "warehouse"


BAD = {
    "not json": f"{HIDDEN} no json",
    "a list": json.dumps([HIDDEN]),
    "no type": json.dumps({"private_key": HIDDEN}),
    "unknown type": json.dumps({"type": HIDDEN}),
    "no key": json.dumps({"type": "service_account", "private_key": HIDDEN}),
    "bad key": json.dumps(
        {
            "type": "service_account",
            "private_key": HIDDEN,
            "client_email": "x@y",
            "token_uri": "https://z",
        }
    ),
    "half a user": json.dumps({"type": "authorized_user", "client_secret": HIDDEN}),
    "half federated": json.dumps({"type": "external_account", "audience": HIDDEN}),
}


@pytest.mark.parametrize("text", BAD.values(), ids=list(BAD))
def test_bad_credentials_are_named_and_not_shown(text):
    with pytest.raises(CredentialsUnusable, match=r"^credentials_json: ") as raised:
        load(CredentialSet(credentials_json=text))
    assert HIDDEN not in "".join(traceback.format_exception(raised.value))


def test_a_file_that_is_missing_or_no_text(tmp_path):
    with pytest.raises(CredentialsUnusable, match="No such file"):
        load(CredentialSet(credentials_file=str(tmp_path / "none.json")))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialsUnusable, match="not a text"):
        load(CredentialSet(credentials_file=str(tmp_path / "bytes")))


async def outcome_with(**config):
    async with opened(PubSubSinkType(), PubSubConfig(**config)) as sink:
        return await sink.deliver(make_request(target=TOPIC), 10.0)


async def test_bad_credentials_are_retried_with_a_clear_message(caplog):
    caplog.set_level("DEBUG")
    outcome = await outcome_with(credentials_json=BAD["bad key"])
    assert outcome.detail.startswith(
        "credentials: credentials_json: not valid service_account credentials ("
    )
    assert outcome.detail.endswith("download them again")
    assert outcome.kind == "retryable"
    assert HIDDEN not in caplog.text + repr(outcome)


async def test_missing_credentials_are_retried_with_a_clear_message(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    outcome = await outcome_with()
    assert outcome.kind == "retryable"
    assert outcome.detail.startswith("credentials: File ")
    assert "SINKS['pubsub']" in outcome.detail


async def test_mended_credentials_are_used_without_a_restart(tmp_path, faulty, monkeypatch):
    path = tmp_path / "key.json"
    async with opened(PubSubSinkType(), PubSubConfig(credentials_file=str(path))) as sink:
        request = make_request(target=TOPIC)
        assert "No such file" in (await sink.deliver(request, 10.0)).detail
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{faulty.port}")
        assert (await sink.deliver(request, 10.0)).kind == "delivered"


async def test_a_set_that_is_gone_is_a_matter_of_credentials(faulty):
    config = PubSubConfig(endpoint=faulty.endpoint, credentials={"ours": CredentialSet()})
    async with opened(PubSubSinkType(), config) as sink:
        request = make_request(target=TOPIC, options={"credentials": "theirs"})
        outcome = await sink.deliver(request, 10.0)
    assert outcome.detail.startswith(Failure.CREDENTIALS)
    assert "no set 'theirs'; it has: ours" in outcome.detail


def check(options, **config):
    problems = []
    made = structure(PubSubOptions, options, "options", problems)
    if problems:
        raise InvalidOptions("; ".join(problems))
    PubSubSinkType().validate_options(made, TOPIC, PubSubConfig(**config))


def test_good_options(key):
    for options in (
        {},
        {"ordering_key": "subscription"},
        {"ordering_key": "event", "content_mode": "binary"},
        {"ordering_key": "data.customer.id", "content_mode": "structured"},
        {"credentials": "theirs"},
        {"credentials_json": json.dumps(key)},
    ):
        check(options, credentials={"theirs": CredentialSet()})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ordering_key": "customer.id"}, "none of 'subscription', 'event' and a path"),
        ({"ordering_key": "data."}, "none of 'subscription', 'event' and a path"),
        ({"ordering_key": "data.a..b"}, "none of 'subscription', 'event' and a path"),
        ({"content_mode": "batched"}, "content_mode"),
        ({"credentials": "their"}, "no set 'their'; it has: none"),
        ({"credentials": "a", "credentials_json": "{}"}, "not both"),
        ({"credentials_json": HIDDEN}, "credentials_json: not JSON"),
        ({"credentials_json": json.dumps([HIDDEN])}, "no key of a service account"),
        ({"credentials_json": json.dumps(USER)}, "no key of a service account"),
        (
            {"credentials_json": json.dumps({"type": "service_account", "private_key": HIDDEN})},
            "client_email, token_uri missing",
        ),
    ],
)
def test_bad_options_are_refused_and_secrets_not_shown(options, message):
    with pytest.raises(InvalidOptions, match=message) as raised:
        check(options)
    assert HIDDEN not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_uri": "http://169.254.169.254/token"}, "token_uri is not one of Google's"),
        ({"token_uri": "https://oauth2.googleapis.com.evil.example/token"}, "token_uri"),
        ({"token_uri": "https://oauth2.googleapis.com/token/../x"}, "token_uri"),
        ({"token_uri": "https://OAUTH2.googleapis.com@evil.example/token"}, "token_uri"),
        ({"universe_domain": "evil.example"}, "universe_domain is not googleapis.com"),
        ({"universe_domain": None}, "universe_domain"),
    ],
)
def test_a_subscribers_key_names_nothing_but_googles(key, change, message):
    text = json.dumps({**key, **change})
    with pytest.raises(InvalidOptions, match=message):
        check({"credentials_json": text})
    # One that was subscribed before there was this rule.
    with pytest.raises(CredentialsUnusable, match=message):
        load(SubscriberKey(credentials_json=text))


def test_what_a_subscription_to_pubsub_borrows():
    kind, config = PubSubSinkType(), PubSubConfig(credentials={"theirs": CredentialSet()})

    def borrowed(**options):
        return kind.privileges(PubSubOptions(**options), "orders", config)

    assert borrowed() == ("default-credentials",)
    assert borrowed(credentials="theirs") == ("credentials:theirs",)
    assert borrowed(credentials_json="{}") == ()


def test_secrets_are_in_no_repr(key):
    text = json.dumps(key)
    shown = [
        CredentialSet(credentials_json=text),
        PubSubConfig(
            credentials_json=text, credentials={"a": CredentialSet(credentials_json=text)}
        ),
        PubSubOptions(credentials_json=text),
        load(CredentialSet(credentials_json=text)),
    ]
    assert "PRIVATE KEY" not in repr(shown)


def test_named_sets_are_read_from_the_settings():
    problems = []
    values = {"project": "shop", "credentials": {"theirs": {"credentials_file": "/key.json"}}}
    config = structure(PubSubConfig, values, "SINKS['pubsub']", problems)
    assert problems == []
    assert config == evolve(
        PubSubConfig(project="shop"),
        credentials={"theirs": CredentialSet(credentials_file="/key.json")},
    )


REAL_TLS = Path(__file__).with_name("over_tls.py")


@pytest.mark.parametrize(
    ("case", "detail"),
    [
        ("accepted", "published as message 0"),
        ("expired", "credentials: UNAVAILABLE: Getting metadata from plugin failed"),
        ("unreachable", "credentials: UNAVAILABLE: Getting metadata from plugin failed"),
        ("untrusted", "network: UNAVAILABLE: "),
    ],
)
def test_over_tls_with_a_token(tmp_path, case, detail):
    """In a process of its own: gRPC reads its root certificates once."""
    environment = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    done = subprocess.run(
        [sys.executable, "-W", "error", REAL_TLS, case, tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(tmp_path / "root.pem")},
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["detail"].startswith(detail), report
    assert report["kind"] == ("delivered" if case == "accepted" else "retryable")
    assert report["authorization"] == (["Bearer the-token"] if case == "accepted" else [])
    # What a log at DEBUG holds, all loggers together.
    assert "DEBUG:" in done.stderr
    for secret in ("the-refresh-token", "the-client-secret", "the-token"):
        assert secret not in done.stderr + report["detail"]
