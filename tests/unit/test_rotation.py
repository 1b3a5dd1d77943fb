"""A new secret beside the old one."""

from __future__ import annotations

import time

import pytest
from attrs import evolve

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.secret import (
    SecretKind,
    generate_secret,
    kind_of,
    public_jwk,
    receiver_secret,
)
from asyncevents_core.domain.subscription import MOST_SECRETS, OlderSecret
from asyncevents_core.engine.delivering.sinks import Prepared, request_of
from asyncevents_core.engine.managing.rotation import end_older_secrets, rotate_secret
from asyncevents_core.engine.managing.subscriptions import Checked, change, subscribe
from asyncevents_core.errors import InvalidSecret, InvalidValue, NotFound
from asyncevents_core.testing.builders import make_subscription

EVENTS = EventCatalog([EventDefinition(name="order.created")])
BY = Actor.trusted("operator")
FIRST = "whsec_" + "A" * 32
HOUR = 3600 * 1_000_000


@pytest.fixture
def one(ledger):
    wanted = make_subscription(event_name="order.created")
    return subscribe(ledger, EVENTS, evolve(wanted, secret=FIRST), check=Checked, by=BY)


@pytest.fixture
def rotate(ledger, one):
    def rotated(overlap=3600.0, **more):
        return rotate_secret(ledger, EVENTS, one.id, overlap=overlap, check=Checked, by=BY, **more)

    return rotated


def test_both_sign_until_the_end(rotate):
    before = time.time_ns() // 1000
    changed = rotate(3600.0)
    assert changed.secret not in {None, FIRST}
    (older,) = changed.older_secrets
    assert older.secret == FIRST
    assert older.until is not None
    assert before + HOUR <= older.until <= time.time_ns() // 1000 + HOUR
    assert changed.secrets(older.until - 1) == (changed.secret, FIRST)
    assert changed.secrets(older.until) == (changed.secret,)


def test_an_attempt_has_those_that_sign_now(harness):
    harness.subscribe()
    event_id = harness.publish()
    (lease,) = harness.claim(event_id).leases
    nothing = Prepared(options=None, value=None)
    now = time.time_ns() // 1000

    def secrets(secret, *older):
        subscription = evolve(lease.subscription, secret=secret, older_secrets=older)
        return request_of(evolve(lease, subscription=subscription), nothing).secrets

    assert secrets(None) == ()
    assert secrets("a") == ("a",)
    ended, going_on = OlderSecret(secret="b", until=now - 1), OlderSecret(secret="c")
    later = OlderSecret(secret="d", until=now + HOUR)
    assert secrets("a", ended, going_on, later) == ("a", "c", "d")


def test_without_an_overlap_the_old_one_ends_at_once(rotate):
    assert rotate(0.0).older_secrets == ()


def test_without_an_end_it_goes_on_until_somebody_ends_it(ledger, one, rotate):
    assert [older.until for older in rotate(None).older_secrets] == [None]
    done = end_older_secrets(ledger, EVENTS, one.id, check=Checked, by=BY)
    assert done.older_secrets == ()


def test_another_rotation_prolongs_none(rotate):
    first = rotate(3600.0)
    second = rotate(86_400.0)
    assert [older.secret for older in second.older_secrets] == [first.secret, FIRST]
    assert second.older_secrets[1].until == first.older_secrets[0].until
    third = rotate(60.0)
    ends = [older.until for older in third.older_secrets]
    assert max(ends) <= time.time_ns() // 1000 + 60_000_000


def test_those_that_have_ended_are_forgotten(ledger, one, rotate):
    ended = OlderSecret(secret="whsec_" + "B" * 32, until=1)
    change(
        ledger,
        EVENTS,
        one.id,
        lambda old: evolve(old, older_secrets=(ended,)),
        check=Checked,
        by=BY,
    )
    assert [older.secret for older in rotate().older_secrets] == [FIRST]


def test_there_are_not_too_many(rotate):
    for _ in range(MOST_SECRETS - 1):
        rotate(None)
    with pytest.raises(InvalidValue, match="end the older ones first"):
        rotate(None)
    assert rotate(0.0).older_secrets == ()


def test_a_secret_that_is_replaced_ends_those_before(ledger, one, rotate):
    """Whoever replaces one that has become known wants nothing signed with it."""
    rotate(3600.0)
    replaced = change(
        ledger,
        EVENTS,
        one.id,
        lambda old: evolve(old, secret="whsec_" + "C" * 32),
        check=Checked,
        by=BY,
    )
    assert replaced.older_secrets == ()


def test_the_kind_stays_unless_another_is_wanted(rotate):
    assert kind_of(rotate().secret) is SecretKind.SYMMETRIC
    assert kind_of(rotate(kind=SecretKind.ED25519).secret) is SecretKind.ED25519
    assert kind_of(rotate().secret) is SecretKind.ED25519
    assert rotate(secret="mine").secret == "mine"


@pytest.mark.parametrize("secret", ["whsec_***", "whsk_AAAA", "whpk_AAAA"])
def test_a_secret_of_no_use_is_refused(rotate, secret):
    with pytest.raises(InvalidSecret):
        rotate(secret=secret)


def test_what_is_not_signed_has_none_to_rotate(ledger):
    wanted = make_subscription(event_name="order.created")
    made = subscribe(ledger, EVENTS, evolve(wanted, secret=None), check=Checked, by=BY)
    with pytest.raises(InvalidSecret, match="has no secret"):
        rotate_secret(ledger, EVENTS, made.id, overlap=1.0, check=Checked, by=BY)
    with pytest.raises(NotFound):
        rotate_secret(ledger, EVENTS, 99, overlap=1.0, check=Checked, by=BY)


def test_nothing_secret_is_audited(ledger, one, rotate):
    changed = rotate(3600.0)
    (entry,) = (
        each
        for each in ledger.read(lambda view: view.access.changes_of(one.id, limit=10, tenant=None))
        if each.action == "subscription.change"
    )
    assert entry.details["secret"] == "changed"
    assert len(entry.details["older_secrets_until"][1]) == 1
    assert changed.secret not in str(entry)
    assert FIRST not in str(entry)
    assert FIRST not in repr(changed)


def test_they_are_encrypted_and_read_with_the_newest_key(tmp_path):
    from cryptography.fernet import Fernet

    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    url = f"sqlite:///{tmp_path}/l.db"
    first = SqlLedger(url, cipher=Cipher((old,)))
    first.upgrade()
    older = (OlderSecret(secret="whsec_" + "D" * 32, until=5), OlderSecret(secret="e"))
    wanted = evolve(make_subscription(), secret=FIRST, older_secrets=older)
    number = first.run(lambda tx: tx.subscriptions.insert(wanted))
    assert first.read(lambda view: view.subscriptions.get(number)).older_secrets == older
    assert b"D" * 32 not in (tmp_path / "l.db").read_bytes()
    first.close()
    both = SqlLedger(url, cipher=Cipher((new, old)))
    assert both.run(lambda tx: tx.subscriptions.renew_secrets([number])) == {number}
    both.close()
    latest = SqlLedger(url, cipher=Cipher((new,)))
    assert latest.read(lambda view: view.subscriptions.get(number)).older_secrets == older
    latest.close()
    other = SqlLedger(url, cipher=Cipher((old,)))
    unread = other.read(lambda view: view.subscriptions.get(number))
    assert "older_secrets" in unread.unread
    other.close()


def test_a_public_key_is_written_as_json_web_keys_are():
    """The key and its thumbprint are those of RFC 8037, appendix A."""
    import base64

    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    token = "whsk_" + base64.b64encode(seed).decode()
    assert public_jwk(token) == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "use": "sig",
        "alg": "EdDSA",
    }


def test_what_is_made_can_be_used():
    for kind, prefix in ((SecretKind.SYMMETRIC, "whsec_"), (SecretKind.ED25519, "whpk_")):
        secret = generate_secret(kind)
        assert kind_of(secret) is kind
        assert receiver_secret(secret).startswith(prefix)
        assert generate_secret(kind) != secret
