"""A ledger that a newer version has made: everybody says what to do."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.sqlalchemy.migrating import REVISION
from asyncevents_core.errors import LedgerNotMigrated


@pytest.fixture(params=["9999", f"{REVISION}a_other", "9999_from_9998"])
def newer(request, tmp_path):
    with ledger_at(request.param, tmp_path) as events:
        yield events


@pytest.fixture
def serving(tmp_path):
    """Publish to a ledger that a newer version has made, which serves this one."""
    with ledger_at(f"9999_from_{REVISION[:4]}", tmp_path) as events:
        yield events


@contextmanager
def ledger_at(revision, tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    settings = {"LEDGER_URL": url, "BROKER_URL": "memory://", "EVENTS": {"order.created": {}}}
    with AsyncEvents(settings) as events:
        events.upgrade()
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE asyncevents_alembic_version SET version_num = '{revision}'"
            )
        engine.dispose()
        yield events


def test_workers_and_check_say_so(newer):
    with pytest.raises(LedgerNotMigrated, match=r"a newer version has made it.*pip install"):
        newer.runtime.ledger.check()


def test_upgrading_says_so_instead_of_alembic(newer):
    with pytest.raises(LedgerNotMigrated, match="a newer version has made it") as caught:
        newer.upgrade()
    assert "alembic" not in str(caught.value).lower()


def test_publishing_goes_on_and_says_so_once(newer, caplog, tmp_path):
    for _ in range(3):
        newer.publish("order.created", {})
    engine = sa.create_engine(f"sqlite:///{tmp_path}/ledger.db")
    with engine.begin() as connection:
        newer.publish("order.created", {}, session=connection)
    engine.dispose()
    assert caplog.text.count("a newer version has made it") == 1


def test_a_ledger_of_this_version_is_not_spoken_of(tmp_path, caplog):
    url = f"sqlite:///{tmp_path}/ledger.db"
    with AsyncEvents({"LEDGER_URL": url, "EVENTS": {"a": {}}}) as events:
        events.upgrade()
        events.publish("a", {})
    assert "newer" not in caplog.text


def test_a_newer_schema_that_serves_this_version_is_worked_with(serving, caplog):
    (warning,) = serving.runtime.ledger.check()
    assert "a newer version of asyncevents-core has made it" in warning
    serving.publish("order.created", {})
    assert "newer" not in caplog.text


def test_upgrading_leaves_a_newer_schema_that_serves_this_version(serving):
    assert serving.upgrade() == f"9999_from_{REVISION[:4]}"
    assert serving.upgrade() == f"9999_from_{REVISION[:4]}"
