"""`asyncevents token`, what else the command line audits, and `serve` without its extra."""

from __future__ import annotations

import getpass

import pytest

from tests.absent import without


def audit(folder):
    from asyncevents_core import AsyncEvents
    from asyncevents_core.settings.loading import load_settings

    with AsyncEvents(load_settings()) as events:
        found = events.runtime.ledger.read(lambda view: view.access.audit(limit=99, before=None))
    return [(one.who, one.action, one.subject) for one in reversed(found)]


def test_a_tokens_life(folder, ready):
    shown = ready("token", "create", "shop", "--resource", "view", "--resource", "logs").output
    text = shown.splitlines()[-1]
    assert text.startswith("aet_")
    (listed,) = ready.rows("token", "list")
    assert (listed["name"], listed["state"]) == ("shop", "valid")
    assert listed["resources"] == ["view", "logs"]
    assert text not in ready("token", "list").output
    raw = b"".join(one.read_bytes() for one in folder.glob("asyncevents.db*"))
    # The secret may have underscores of its own.
    assert text.split("_", 2)[-1].encode() not in raw
    ready("token", "revoke", listed["id"])
    assert ready.rows("token", "list")[0]["state"] == "revoked"
    assert "token list" in ready("token", "revoke", listed["id"], code=1).output
    who = f"cli:{getpass.getuser()}"
    assert audit(folder) == [
        (who, "token.create", listed["id"]),
        (who, "token.revoke", listed["id"]),
    ]


def test_a_token_that_expires_and_is_bound(ready):
    (made,) = ready.rows(
        "token", "create", "x", "--resource", "manage", "--tenant", "7", "--days", "0.5"
    )
    assert (made["tenant"], made["state"]) == ("7", "valid")
    assert made["expires_at"] > made["created_at"]


def test_a_token_that_may_publish_some_events(ready):
    (made,) = ready.rows("token", "create", "till", "--resource", "publish:sales.*, !sales.paid")
    assert made["resources"] == ["publish:sales.*, !sales.paid"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["x"], 2, "--resource"),
        (["x", "--resource", "veiw"], 1, "view"),
        (["x", "--resource", "publish:sales..*"], 1, "no empty level"),
        (["x", "--resource", "publish:"], 1, "must not be empty"),
        (["", "--resource", "view"], 1, "name"),
        (["x", "--resource", "view", "--days", "0"], 2, "--days"),
        (["x", "--resource", "view", "--tenant", ""], 1, "tenant"),
        (["a\nb", "--resource", "view"], 1, "that can be printed"),
        (["x", "--resource", "view", "--tenant", "a\tb"], 1, "that can be printed"),
        (["x", "--resource", "view", "--tenant", "acme "], 1, "begin or end with a space"),
    ],
)
def test_tokens_are_checked(ready, arguments, code, text):
    assert text in ready("token", "create", *arguments, code=code).output
    assert ready.rows("token", "list") == []


def test_changes_of_subscriptions_are_audited(folder, ready):
    ready("subscribe", "example.created", "https://example.com/hook", "--secret", "hidden")
    for command in ("disable", "disable", "enable"):
        ready("subscriptions", command, "1")
    ready("subscriptions", "delete", "1", "--yes")
    ready("cleanup", "--yes")
    who = f"cli:{getpass.getuser()}"
    assert audit(folder) == [
        (who, "subscription.create", "1"),
        (who, "subscription.disable", "1"),
        (who, "subscription.enable", "1"),
        (who, "subscription.delete", "1"),
        (who, "cleanup", ""),
        (who, "cleanup.done", ""),
    ]


def test_check_shows_the_origin_of_each_value(ready, settings):
    settings(MAXIMUM_DEATHS="3")
    found = {one["what"]: one["detail"] for one in ready.rows("check")}
    assert found["MAXIMUM_DEATHS"] == "3 (environment variable ASYNCEVENTS_MAXIMUM_DEATHS)"


@pytest.mark.parametrize("missing", ["litestar", "uvicorn"])
def test_serve_names_the_extra_that_is_missing(ready, monkeypatch, missing):
    without(monkeypatch, missing, "asyncevents_core.web", "litestar", "uvicorn")
    output = ready("serve", code=1).output
    assert "pip install 'asyncevents-core[web]'" in output


def test_serve_names_an_address_that_is_taken(ready):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}" in ready("serve", "--port", str(port), code=1).output


@pytest.mark.parametrize("proxy", ["proxy.internal", "*", "10.0.0.1/8", "10.0.0", ""])
def test_serve_wants_addresses_of_proxies(ready, proxy):
    output = ready("serve", "--trusted-proxy", proxy, code=2).output
    assert "is no address and no network" in output
