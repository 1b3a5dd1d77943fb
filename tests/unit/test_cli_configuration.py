"""`asyncevents configuration`: what operators change while workers run."""

from __future__ import annotations

import getpass

import pytest

from asyncevents_core import AsyncEvents
from asyncevents_core.settings.loading import load_settings
from asyncevents_core.settings.run_time import CHANGEABLE, RunTimeValues

WHO = f"cli:{getpass.getuser()}"


def values(ready, *arguments):
    return {one["name"]: one for one in ready.rows("configuration", *arguments)}


def test_everything_that_can_be_changed_is_listed(ready):
    found = values(ready, "list")
    assert tuple(found) == CHANGEABLE
    assert found["LOG_LIFETIME_DAYS"] == {
        "name": "LOG_LIFETIME_DAYS",
        "value": 30,
        "origin": "default",
        "setting": 30,
        "setting_origin": "default",
        "changed_by": None,
        "changed_at": None,
    }
    shown = ready("configuration", "list").output
    assert not [name for name in CHANGEABLE if name not in shown]


def test_values_are_set_and_unset(ready):
    given = ["MAXIMUM_DEATHS=3", "INDEXING_ENABLED=false", "LOG_CLEANUP_ENABLED=true",
             "LOG_LIFETIME_DAYS=14"]  # fmt: skip
    before = values(ready, "list")
    found = values(ready, "set", *given)
    assert [one["value"] for one in found.values()] == [3, False, True, 14]
    assert {one["origin"] for one in found.values()} == {"ledger"}
    assert {one["changed_by"] for one in found.values()} == {WHO}
    assert found["MAXIMUM_DEATHS"]["setting"] == 5
    assert found["MAXIMUM_DEATHS"]["changed_at"].endswith("Z")
    with AsyncEvents(load_settings()) as events:
        heard = events.runtime.ledger.read(RunTimeValues.of)
        (entry,) = events.runtime.ledger.read(lambda view: view.access.audit(limit=9, before=None))
    assert heard.number("MAXIMUM_DEATHS", 5) == 3
    assert (entry.who, entry.action) == (WHO, "configuration.change")
    back = values(ready, "unset", "MAXIMUM_DEATHS", "INDEXING_ENABLED")
    for name in ("MAXIMUM_DEATHS", "INDEXING_ENABLED"):
        assert back[name] == before[name]
    assert back["LOG_LIFETIME_DAYS"]["value"] == 14
    assert values(ready, "list") == back
    shown = ready("configuration", "list").output
    assert "30 (default)" in shown
    assert WHO in shown


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUE", True), ("yes", True), ("on", True), ("False", False), ("no", False),
     ("off", False), ("1", True), ("0", False)],
)  # fmt: skip
def test_switches(ready, text, value):
    assert values(ready, "set", f"INDEXING_ENABLED={text}")["INDEXING_ENABLED"]["value"] is value


@pytest.mark.parametrize("name", ["maximum_deaths", "maximum-deaths", "Maximum_Deaths"])
def test_names_as_one_writes_them(ready, name):
    assert values(ready, "set", f"{name}=0")["MAXIMUM_DEATHS"]["value"] == 0
    assert values(ready, "unset", name)["MAXIMUM_DEATHS"]["value"] == 5


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["set"], 2, "NAME=VALUE"),
        (["set", "MAXIMUM_DEATHS"], 2, "write MAXIMUM_DEATHS=VALUE"),
        (["set", "MAXIMUM_DEATHS=1", "maximum-deaths=2"], 2, "there twice"),
        (["set", "MAXIMUM_DEATHS="], 1, "must be a whole number from 0"),
        (["set", "MAXIMUM_DEATHS=-1"], 1, "must be a whole number from 0"),
        (["set", "MAXIMUM_DEATHS=1.5"], 1, "must be a whole number from 0"),
        (["set", "MAXIMUM_DEATHS=true"], 1, "must be a whole number from 0"),
        (["set", "MAXIMUM_DEATHS=" + "9" * 5000], 1, "must be a whole number from 0"),
        (["set", "LOG_LIFETIME_DAYS=0"], 1, "must be a whole number from 1"),
        (["set", "INDEXING_ENABLED=2"], 1, "must be true or false"),
        (["set", "INDEXING_ENABLED=perhaps"], 1, "must be true or false"),
        (["set", "MAXIMUM_DEATH=1"], 1, "did you mean 'MAXIMUM_DEATHS'"),
        (["set", "LEDGER_URL=x"], 1, "cannot be changed at run time"),
        (["set", "LOG_LIFETIME_DAYS=7", "MAXIMUM_DEATHS=x"], 1, "MAXIMUM_DEATHS must be"),
        (["unset"], 2, "NAME"),
        (["unset", "NOTHING"], 1, "cannot be changed at run time"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_set(ready, arguments, code, text):
    assert text in ready("configuration", *arguments, code=code).output
    assert "ledger" not in {one["origin"] for one in values(ready, "list").values()}
