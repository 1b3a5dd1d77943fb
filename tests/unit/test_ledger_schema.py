"""LEDGER_SCHEMA: a schema of PostgreSQL, and of nothing else."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect, quoted
from asyncevents_core.errors import LedgerUnavailable, SettingsError
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.schema import Settings


@pytest.mark.parametrize("name", ["events", "Shop", "_x", "a-b", "a$1", "x" * 63])
def test_a_schema(name):
    assert Settings.from_mapping({"LEDGER_SCHEMA": name}).ledger_schema == name


@pytest.mark.parametrize("name", ["", "pg_temp", "1a", "a b", 'a"b', "a;b", "a.b", "ä", "x" * 64])
def test_what_is_none(name):
    with pytest.raises(SettingsError, match="LEDGER_SCHEMA: it is the name of a schema"):
        Settings.from_mapping({"LEDGER_SCHEMA": name})


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("sqlite:///ledger.db", "give the ledger a file of its own"),
        ("mysql://db/shop", "a schema is a database: name it in LEDGER_URL"),
        ("mariadb://db/shop", "a schema is a database: name it in LEDGER_URL"),
    ],
)
def test_elsewhere_what_to_do_is_said(url, advice):
    settings = Settings.from_mapping({"LEDGER_URL": url, "LEDGER_SCHEMA": "events"})
    with pytest.raises(LedgerUnavailable, match=advice):
        _ = Runtime(settings).ledger


def test_names_are_quoted():
    assert quoted('a"b') == '"a""b"'
    assert SqlDialect("postgresql", "Shop").qualified("asyncevents_event") == (
        '"Shop".asyncevents_event'
    )
    assert SqlDialect("postgresql").qualified("asyncevents_event") == "asyncevents_event"
