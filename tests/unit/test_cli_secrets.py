"""`asyncevents secrets rotate`."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from cryptography.fernet import Fernet

NEW, OTHER = (Fernet.generate_key().decode() for _ in range(2))
TARGET = "https://example.com/hook"


@pytest.fixture
def old(folder, ready, settings):
    """The key of the settings module, with which two subscriptions are encrypted."""
    key = Fernet.generate_key().decode()
    settings(SECRET_KEYS=key)
    for _ in range(2):
        ready("subscribe", "example.created", TARGET)
    return key


def test_a_key_is_rotated(ready, settings, old):
    settings(SECRET_KEYS=f"{NEW},{old}")
    output = ready("secrets", "rotate").stdout
    assert "2 subscriptions encrypted anew" in output
    assert "the first of SECRET_KEYS is enough, the others can be removed" in output
    settings(SECRET_KEYS=NEW)
    assert len(ready.rows("subscriptions", "list")) == 2
    assert "0 subscriptions encrypted anew" in ready("secrets", "rotate").stdout


def test_deleted_and_disabled_ones_are_among_them(ready, settings, old):
    ready("subscriptions", "disable", "1")
    ready("subscriptions", "delete", "2", "--yes")
    settings(SECRET_KEYS=f"{NEW},{old}")
    assert "2 subscriptions encrypted anew" in ready("secrets", "rotate").stdout
    settings(SECRET_KEYS=NEW)
    for number, status in (("1", "disabled"), ("2", "deleted")):
        assert ready.rows("subscriptions", "show", number)[0]["status"] == status


def test_check_says_what_needs_an_older_key_and_changes_nothing(ready, settings, old):
    settings(SECRET_KEYS=f"{NEW},{old}")
    for _ in range(2):
        output = ready("secrets", "rotate", "--check", code=1).stdout
        assert "2 of 2 subscriptions with secrets or options need an older key: 1, 2" in output
    ready("secrets", "rotate")
    assert "is enough" in ready("secrets", "rotate", "--check").stdout


def test_what_no_key_decrypts_is_named(ready, settings, old):
    settings(SECRET_KEYS=OTHER)
    ready("subscribe", "example.created", TARGET)
    settings(SECRET_KEYS=f"{NEW},{old}")
    output = ready("secrets", "rotate", code=1).output
    assert "2 subscriptions encrypted anew" in output
    assert "none of SECRET_KEYS decrypts what is kept of subscription 3: add the key" in output
    settings(SECRET_KEYS=f"{NEW},{OTHER}")
    assert "1 subscription encrypted anew" in ready("secrets", "rotate").stdout


def test_with_one_key_nothing_can_be_removed(ready, old):
    output = ready("secrets", "rotate").stdout
    assert "2 subscriptions with secrets or options: the first of SECRET_KEYS is enough\n" in output


def test_it_is_in_the_audit_log(ready, settings, old, folder):
    settings(SECRET_KEYS=f"{NEW},{old}")
    ready("secrets", "rotate")
    with contextlib.closing(sqlite3.connect(folder / "asyncevents.db")) as ledger:
        (action,) = ledger.execute(
            "SELECT action FROM asyncevents_audit ORDER BY at DESC"
        ).fetchone()
    assert action == "secrets.rotate"


def test_without_the_key_they_are_listed_and_can_be_given_a_new_secret(ready, settings, old):
    settings(SECRET_KEYS=NEW)
    assert "enabled, unreadable" in " ".join(ready("subscriptions", "list").stdout.split())
    assert "subscription 1: none of SECRET_KEYS decrypts" in " ".join(
        ready("check", code=1).output.split()
    )
    ready("subscriptions", "change", "1", "--new-secret")
    ready("subscriptions", "delete", "2", "--yes")
    (kept,) = ready.rows("subscriptions", "list")
    assert (kept["signed"], kept["unreadable"]) == (True, None)
