"""Secrets are encrypted anew with another key: all of them, once, whatever happens meanwhile."""

from __future__ import annotations

import pytest
from attrs import evolve
from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.delivering.sinks import SinkRack, refusal
from asyncevents_core.engine.managing import secrets
from asyncevents_core.engine.managing.secrets import keys_in_use, rotate_secrets
from asyncevents_core.engine.managing.subscriptions import Checked, change, set_status
from asyncevents_core.errors import SecretKeysError
from asyncevents_core.testing.builders import make_subscription
from tests.clock import ManualClock
from tests.unit.harness import Harness

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
BY = Actor(who="cli:anna", resources=frozenset())


@pytest.fixture
def keyed(tmp_path, monkeypatch):
    """Open one ledger with different keys; two subscriptions a transaction, three a page."""
    monkeypatch.setattr(secrets, "_AT_ONCE", 2)
    monkeypatch.setattr(secrets, "_PAGE", 3)
    opened = []

    def open_it(*keys):
        made = SqlLedger(f"sqlite:///{tmp_path}/l.db", cipher=Cipher(keys))
        opened.append(made)
        return made

    open_it(OLD).upgrade()
    yield open_it
    for one in opened:
        one.close()


def subscribe(ledger, **fields):
    return ledger.run(lambda tx: tx.subscriptions.insert(make_subscription(**fields)))


def entries(ledger):
    return ledger.read(lambda view: view.access.audit(limit=100, before=None))


def test_everything_is_encrypted_anew(keyed):
    made = [subscribe(keyed(OLD), secret=f"s{number}") for number in range(5)]
    subscribe(keyed(OLD), secret=None)
    ledger, heard = keyed(NEW, OLD), []

    done = rotate_secrets(ledger, by=BY, progress=lambda *counts: heard.append(counts))

    assert (done.renewed, done.now.kept) == (5, 5)
    assert (list(done.now.older), list(done.now.missing)) == ([], [])
    assert heard == [(2, 5), (4, 5), (5, 5)]
    kept = keyed(NEW).read(lambda view: view.subscriptions.all())
    assert [one.secret for one in kept if one.id in made] == ["s0", "s1", "s2", "s3", "s4"]


def test_each_transaction_has_its_entry_in_the_audit_log(keyed):
    for _ in range(3):
        subscribe(keyed(OLD), secret="s3cret")
    rotate_secrets(keyed(NEW, OLD), by=BY)
    found = entries(keyed(NEW))
    assert [(one.who, one.action) for one in found] == [("cli:anna", "secrets.rotate")] * 2
    assert [one.details for one in found] == [{"subscriptions": [3]}, {"subscriptions": [1, 2]}]


def test_what_is_done_is_not_done_again(keyed):
    subscribe(keyed(OLD), secret="s3cret")
    ledger = keyed(NEW, OLD)
    assert [rotate_secrets(ledger, by=BY).renewed for _ in range(2)] == [1, 0]
    assert len(entries(ledger)) == 1


def test_an_interrupted_run_is_gone_on_with(keyed):
    for _ in range(5):
        subscribe(keyed(OLD), secret="s3cret")
    ledger = keyed(NEW, OLD)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_secrets(ledger, by=BY, progress=interrupt)

    assert list(keys_in_use(ledger).older) == [3, 4, 5]
    assert rotate_secrets(ledger, by=BY).renewed == 3


def test_what_no_key_decrypts_is_named_and_the_others_go_on(keyed):
    first, lost, last = (subscribe(keyed(key), secret="s3cret") for key in (OLD, OTHER, OLD))
    done = rotate_secrets(keyed(NEW, OLD), by=BY)
    assert (done.renewed, list(done.now.missing)) == (2, [lost])
    assert list(keys_in_use(keyed(NEW)).missing) == [lost]
    assert {first, last} == {1, 3}


def test_what_others_write_with_an_older_key_meanwhile_is_taken_up(keyed):
    before, ledger = keyed(OLD), keyed(NEW, OLD)
    subscribe(before, secret="s3cret")
    written = []

    def write_once(done, total):
        if not written:
            written.append(subscribe(before, secret="s3cret"))

    done = rotate_secrets(ledger, by=BY, progress=write_once)

    assert (done.now.kept, list(done.now.older)) == (2, [])


def test_it_ends_though_others_go_on_with_an_older_key(keyed):
    before, ledger = keyed(OLD), keyed(NEW, OLD)
    subscribe(before, secret="s3cret")
    written = []

    def write(done, total):
        written.append(subscribe(before, secret="s3cret"))

    assert list(rotate_secrets(ledger, by=BY, progress=write).now.older) == written[-1:]


def test_looking_changes_nothing(keyed):
    subscribe(keyed(OLD), secret="s3cret")
    ledger = keyed(NEW, OLD)
    assert [list(keys_in_use(ledger).older) for _ in range(2)] == [[1], [1]]
    assert entries(ledger) == []


# -- what no key decrypts ---------------------------------------------------------------------


@pytest.fixture
def lost(keyed):
    """A ledger whose second subscription has a secret, and its third options, of a lost key."""
    before, after = keyed(OTHER), keyed(NEW)
    for fields in ({}, {"secret": "s3cret"}, {"options": {"password": "s3cret"}}):
        subscribe(before, event_name="order.created", **fields)
    return after


def found(ledger, number):
    return ledger.read(lambda view: view.subscriptions.get(number))


def test_one_that_no_key_decrypts_does_not_hide_the_others(lost):
    shown = lost.read(lambda view: view.subscriptions.all())
    assert [one.unread for one in shown] == [(), ("secret",), ("options",)]
    assert [one.unreadable is None for one in shown] == [True, False, False]
    assert "add the key it was made with" in shown[1].unreadable
    assert (shown[1].secret, shown[2].options) == (None, {})
    assert [one.signed for one in shown] == [False, True, False]


def test_events_go_on_to_the_others_and_it_is_logged_once(lost, caplog):
    harness = Harness(ledger=lost, clock=ManualClock())
    for _ in range(2):
        leases = harness.claim(harness.publish("order.created")).leases
        assert [refusal(lease) is None for lease in leases] == [True, False, False]
    failed = refusal(leases[1])
    assert failed.kind is OutcomeKind.RETRYABLE
    assert failed.detail.startswith("credentials: none of SECRET_KEYS decrypts")
    assert [record.subscription for record in caplog.records] == [2, 3]


async def test_no_attempt_is_made_of_it(lost):
    harness = Harness(ledger=lost, clock=ManualClock())
    lease = harness.claim(harness.publish("order.created")).leases[1]
    rack = SinkRack(lambda name: pytest.fail(f"{name} is opened"))
    assert await rack.attempt(lease, 1.0) == refusal(lease)


def test_it_can_be_disabled_and_deleted_and_keeps_what_is_encrypted(lost, keyed):
    def disabled(old):
        return evolve(old, status=SubscriptionStatus.DISABLED)

    for number in (2, 3):
        edited(lost, number, disabled)
    set_status(lost, [3], SubscriptionStatus.DELETED, by=BY)
    kept = [found(keyed(OTHER), number) for number in (2, 3)]
    assert [one.status for one in kept] == ["disabled", "deleted"]
    assert (kept[0].secret, kept[1].options) == ("s3cret", {"password": "s3cret"})


def test_another_change_must_replace_what_cannot_be_read(lost, keyed):
    for number, name in ((2, "secret"), (3, "options")):
        with pytest.raises(SecretKeysError, match=f"subscription {number}: .* new {name} in"):
            edited(lost, number, lambda old: evolve(old, target="memory:other"))
    assert found(keyed(OTHER), 2).secret == "s3cret"
    edited(lost, 2, lambda old: evolve(old, secret="other", target="memory:other"))
    edited(lost, 3, lambda old: evolve(old, options={"password": "other"}))
    mended = [found(lost, number) for number in (2, 3)]
    assert [one.unreadable for one in mended] == [None, None]
    assert (mended[0].secret, mended[1].options) == ("other", {"password": "other"})


def edited(ledger, number, edit):
    definitions = Harness(ledger=ledger, clock=ManualClock()).definitions
    by = Actor.trusted("cli:anna")
    return change(ledger, definitions, number, edit, check=Checked, by=by)
