"""Each test has a ledger of its own, whose time stands; the command line's also a folder."""

from __future__ import annotations

import sqlite3
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

import pytest

from asyncevents_core.adapters.sqlalchemy import SqlLedger, dialects
from asyncevents_core.engine.managing import sessions
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.ledger import make_ledger
from tests.clock import ManualClock
from tests.hashing import PASSWORD, PlainHasher
from tests.ledgers import put_ledger
from tests.unit.commandline import Cli
from tests.unit.harness import Harness
from tests.unit.signing_in import GROUPS, HOME, IDLE

DAY: Final = 86_400 * 1_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ledger(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqlLedger]:
    """It begins at a midnight, and its time passes by `clock` alone."""
    monkeypatch.setitem(dialects.CLOCKS, "sqlite", str(next_midnight()))
    made = make_ledger(tmp_path, clock_offset=clock.offset)
    yield made
    made.close()


def next_midnight() -> int:
    """Return the next midnight (UTC) in microseconds: not before the ids that are made now."""
    now = time.time_ns() // 1000
    return now + -now % DAY


@pytest.fixture
def harness(ledger: Ledger, clock: ManualClock) -> Harness:
    return Harness(ledger=ledger, clock=clock)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASYNCEVENTS_SETTINGS_MODULE", raising=False)
    monkeypatch.setattr(sys, "path", sys.path[:])
    return tmp_path


@pytest.fixture
def run() -> Cli:
    return Cli()


@pytest.fixture
def settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Change settings: through the environment, which wins."""
    name = f"settings_{uuid.uuid4().hex}"
    monkeypatch.setenv("ASYNCEVENTS_SETTINGS_MODULE", name)

    def change(**values: str) -> str:
        for key, value in values.items():
            monkeypatch.setenv(f"ASYNCEVENTS_{key}", value)
        return name

    return change


@pytest.fixture
def ready(run: Cli, settings: Callable[..., str], folder: Path) -> Cli:
    name = settings()
    run("init", name)
    # As `asyncevents db upgrade` would make it, and sooner.
    put_ledger(folder, "asyncevents.db")
    return run


@pytest.fixture
def hasher():
    return PlainHasher()


@pytest.fixture
def sign_in(ledger, hasher):
    def attempt(name="ann", password=PASSWORD, *, address=HOME):
        return sessions.sign_in(ledger, hasher, name=name, password=password, address=address)

    return attempt


@pytest.fixture
def session_of(ledger):
    def find(text, *, idle=IDLE, groups=GROUPS, tenants=None):
        return sessions.session_of(ledger, text, tenants=tenants or {}, groups=groups, idle=idle)

    return find


class Distribution:
    def __init__(self, name: str) -> None:
        self.name = name
        self.version = "1.2.3"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a plugin from its source, under the name of a distribution."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def make(name: str, source: str) -> EntryPoint:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        # Another test may have imported a module of that name.
        sys.modules.pop(module, None)
        point = EntryPoint(name, module, "asyncevents")
        vars(point)["dist"] = Distribution(f"dist-{name}")
        made.append(module)
        return point

    yield make
    for module in made:
        sys.modules.pop(module, None)


@pytest.fixture
def sqlite_file(tmp_path):
    """An SQLite file as ledgers and brokers have it, with the table ``a (b)``."""
    path = tmp_path / "some.db"
    with sqlite3.connect(path) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE a (b)")
    made.close()
    return path
