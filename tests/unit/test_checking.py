"""`AsyncEvents.check`, and what else keeps the first event from waiting."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from asyncevents_core import AsyncEvents
from asyncevents_core.errors import LedgerNotMigrated, LedgerUnavailable, SettingsError, UnknownName
from tests.integration.project import eventually
from tests.ledgers import put_ledger

MODULE = """
import threading
from asyncevents_core import event

IMPORTED_ON = threading.get_ident()

@event("order.created")
def order(id: int) -> dict[str, object]:
    return {"id": id}
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(name="shop_checked", **settings):
        (tmp_path / f"{name}.py").write_text(MODULE)
        values = {
            "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
            "BROKER_URL": f"sqla+sqlite:///{tmp_path}/broker.db",
            "EVENT_MODULES": [name],
            **settings,
        }
        made.append(AsyncEvents(values))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_all_is_well(make, tmp_path):
    put_ledger(tmp_path)
    events = make()
    assert events.check() == []
    # Nothing is left to be opened.
    assert events._opened is not None
    events.publish("order.created", {"id": 1})


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({}, LedgerNotMigrated, "asyncevents db upgrade"),
        ({"LEDGER_URL": "postgresql://u@127.0.0.1:1/x"}, LedgerUnavailable, "127.0.0.1:1"),
        ({"EVENT_MODULES": ["no_such_module"]}, SettingsError, "no_such_module"),
        ({"LEDGER_URL": 5}, SettingsError, "LEDGER_URL"),
    ],
)
def test_what_is_wrong_is_said(make, settings, error, text):
    with pytest.raises(error, match=text):
        make(**settings).check()


async def test_the_first_event_in_a_session_does_not_import_on_the_loop(make, tmp_path):
    put_ledger(tmp_path)
    events = make("shop_first")
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    async with AsyncSession(engine) as session, session.begin():
        await events.apublish("order.created", {"id": 1}, session=session)
    await engine.dispose()
    import shop_first

    assert threading.get_ident() != shop_first.IMPORTED_ON


def test_a_worker_beside_that_ends_is_told_at_once(make, tmp_path, caplog):
    put_ledger(tmp_path)
    events = make(SERVICE_RESOLVER="nobody")
    with pytest.raises(UnknownName), events.worker():
        eventually(lambda: "the worker beside has ended" in caplog.text, what="the log says so")
    (record,) = [one for one in caplog.records if one.message == "the worker beside has ended"]
    assert "nobody" in record.error
