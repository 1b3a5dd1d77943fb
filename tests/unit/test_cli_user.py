"""`asyncevents user`: who may sign in to the pages."""

from __future__ import annotations

import getpass
import re
import sys

import pytest

PASSWORD = "correct horse battery"
TYPED = f"{PASSWORD}\n{PASSWORD}\n"


@pytest.fixture
def ann(ready):
    ready("user", "create", "Ann", "--resource", "view", "--resource", "logs", stdin=TYPED)
    return ready


def test_a_users_life(ann, folder):
    (listed,) = ann.rows("user", "list")
    assert (listed["name"], listed["state"], listed["tenant"]) == ("Ann", "enabled", None)
    assert listed["resources"] == ["view", "logs"]
    assert listed["signed_in_at"] is None
    assert "is disabled\n" in ann("user", "disable", "ann").output
    assert "is disabled already" in ann("user", "disable", "ann").output
    assert ann.rows("user", "list")[0]["state"] == "disabled"
    assert "user enable" in ann("user", "link", "ann", code=1).output
    assert "is enabled\n" in ann("user", "enable", "ann").output
    ann("user", "password", "ann", stdin="another password\nanother password\n")
    ann("user", "delete", "ann", stdin="n\n", code=1)
    ann("user", "delete", "ann", stdin="y\n")
    assert ann.rows("user", "list") == []
    assert "user list" in ann("user", "delete", "ann", "--yes", code=1).output
    assert audit() == [
        "user.create",
        "user.disable",
        "user.enable",
        "user.password",
        "user.delete",
    ]
    raw = b"".join(one.read_bytes() for one in folder.glob("asyncevents.db*"))
    assert PASSWORD.encode() not in raw


def audit():
    from asyncevents_core import AsyncEvents
    from asyncevents_core.settings.loading import load_settings

    with AsyncEvents(load_settings()) as events:
        found = events.runtime.ledger.read(lambda view: view.access.audit(limit=99, before=None))
    assert {one.who for one in found} == {f"cli:{getpass.getuser()}"}
    return [one.action for one in reversed(found)]


def test_the_password_is_not_shown_and_what_is_next_is(ready):
    shown = ready("user", "create", "ann", "--resource", "manage", stdin=TYPED).output
    assert PASSWORD not in shown
    assert "asyncevents serve" in shown
    assert "/admin" in shown


def test_the_password_from_stdin(ready):
    command = ["user", "create", "ann", "--resource", "view", "--tenant", "7", "--password-stdin"]
    shown = ready(*command, "--json", stdin=f"{PASSWORD}\nmore\n").stdout
    assert '"name": "ann"' in shown
    assert '"tenant": "7"' in shown
    assert PASSWORD not in shown
    ready("user", "password", "ann", "--password-stdin", stdin="another password")


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "text"),
    [
        (["x"], TYPED, 2, "--resource"),
        (["x", "--resource", "veiw"], TYPED, 1, "view"),
        (["x", "--resource", "view", "--tenant", "a "], TYPED, 1, "tenant"),
        (["", "--resource", "view"], TYPED, 1, "name"),
        (["x", "--resource", "view", "--password-stdin"], "short\n", 1, "12 characters"),
        (["x", "--resource", "view", "--password-stdin"], "", 1, "12 characters"),
        (["ANN", "--resource", "view"], TYPED, 1, "already"),
    ],
)
def test_users_are_checked(ann, arguments, stdin, code, text):
    assert text in ann("user", "create", *arguments, stdin=stdin, code=code).output
    assert len(ann.rows("user", "list")) == 1


def test_the_command_line_gives_no_more_than_it_has(ann, settings):
    settings(CLI_RESOURCES="[]")
    refused = ann("user", "create", "x", "--resource", "all", stdin=TYPED, code=1).output
    assert "all" in refused
    ann("user", "create", "x", "--resource", "manage", stdin=TYPED)


def test_a_link(ann):
    shown = ann("user", "link", "ann").output.splitlines()
    assert "10 minutes" in shown[0]
    assert re.fullmatch(r"http://127.0.0.1:8000/admin/sign-in/link/ael_[\w-]+", shown[1])
    shown = ann("user", "link", "ann", "--url", "https://shop.example/events/").output
    assert "https://shop.example/events/admin/sign-in/link/ael_" in shown
    assert "user list" in ann("user", "link", "nobody", code=1).output


def test_the_list_fits_into_80_columns(ann, monkeypatch):
    name = "somebody with a name that is long " * 4
    ann("user", "create", name.strip(), "--resource", "manage", stdin=TYPED)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", ann("user", "list").output).splitlines()
    assert max(map(len, shown)) <= 80
    assert len(shown) == 4
    assert "view, logs" in "".join(shown)
    assert "never" in shown[2]


def test_the_extra_that_is_missing_is_named(ready, monkeypatch):
    monkeypatch.delitem(sys.modules, "asyncevents_core.adapters.argon2_hasher", raising=False)
    monkeypatch.setitem(sys.modules, "argon2", None)
    output = ready("user", "create", "x", "--resource", "view", stdin=TYPED, code=1).output
    assert "pip install 'asyncevents-core[web]'" in output
