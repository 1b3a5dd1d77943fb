"""The direction of imports, and that importing the package costs next to nothing."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import asyncevents_core
from asyncevents_core import errors, indexer_kit, plugin, testing

HEAVY = (
    "sqlalchemy",
    "kombu",
    "click",
    "rich",
    "cattrs",
    "cryptography",
    "alembic",
    "httpx",
    "litestar",
)


def loaded(statement: str, *, parts: int = 1) -> set[str]:
    """Return the modules that a statement loads: of each name so many parts."""
    code = (
        f"{statement}\nimport sys; "
        f"print(*sorted({{'.'.join(name.split('.')[:{parts}]) for name in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_no_dependency():
    assert not loaded("import asyncevents_core") & set(HEAVY)


def test_what_plugins_import_loads_attrs_and_pluggy_only():
    names = loaded("import asyncevents_core.plugin")
    assert {"attrs", "pluggy"} <= names
    assert not names & set(HEAVY)


def test_an_application_is_imported_without_what_it_needs_at_first_use():
    names = loaded("from asyncevents_core import AsyncEvents; AsyncEvents()")
    assert not names & {*HEAVY, "pluggy", "cloudevents", "cronsim", "yaml", "amqp", "greenlet"}
    # Of Python's own: what few applications have imported already, or none needs to publish.
    assert not names & {"asyncio", "concurrent", "ssl", "logging", "ipaddress", "uuid", "json"}


def test_an_application_is_imported_without_the_ledgers_classes():
    names = loaded("from asyncevents_core import AsyncEvents; AsyncEvents()", parts=3)
    assert "asyncevents_core.application" in names
    assert not {
        one
        for one in names
        if one.startswith(("asyncevents_core.ports", "asyncevents_core.domain"))
    }


def test_making_its_parts_loads_neither_the_ledgers_database_nor_its_broker():
    made = "from asyncevents_core import AsyncEvents; AsyncEvents({}).definitions()"
    assert not loaded(made) & {"sqlalchemy", "alembic", "kombu", "amqp", "luqum", "tantivy"}


def test_publishing_loads_neither_migrations_nor_commands_nor_clients():
    made = "from asyncevents_core import AsyncEvents; AsyncEvents({})._ready_publisher()"
    assert not loaded(made) & {
        "alembic",
        "click",
        "rich",
        "watchfiles",
        "httpcore",
        "httptools",
        "httpx",
        "litestar",
    }


def test_a_ledger_is_used_without_the_orm_and_messages_are_read_without_the_sdk(tmp_path):
    made = (
        "from asyncevents_core import AsyncEvents; "
        f"events = AsyncEvents({{'LEDGER_URL': 'sqlite:///{tmp_path}/ledger.db'}}); "
        "events.upgrade(); list(events.subscriptions()); "
        "import asyncevents_core.adapters.kombu.protocol"
    )
    names = loaded(made, parts=2)
    assert "sqlalchemy.engine" in names
    assert not names & {"sqlalchemy.orm", "cloudevents.core", "dateutil.parser"}


def test_marking_events_loads_neither_database_nor_broker():
    assert not loaded("from asyncevents_core import event") & {"sqlalchemy", "kombu", "alembic"}


def exported_by(module):
    """Return what a module exports by ``from home import X as X``, with its home."""
    return {
        name.asname: one.module
        for one in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(one, ast.ImportFrom)
        for name in one.names
        if name.asname == name.name
    }


@pytest.mark.parametrize("module", [asyncevents_core, testing])
def test_type_checkers_see_the_names_that_are_there_at_run_time(module):
    assert exported_by(module) == module._HOMES


NAMES = {
    asyncevents_core: sorted(asyncevents_core.__all__),
    errors: sorted(errors.__all__),
    indexer_kit: sorted(indexer_kit.__all__),
    plugin: sorted(exported_by(plugin)),
    testing: sorted(testing.__all__),
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in NAMES.items() for name in names]
)
def test_every_public_name_is_there_and_documented(module, name):
    value = getattr(module, name)
    assert isinstance(value, str | int) or (inspect.getdoc(value) or "").strip()


def test_every_public_name_has_one_home():
    names = [name for of_module in NAMES.values() for name in of_module]
    assert len(names) == len(set(names)) > 80


def test_names_are_listed_for_completion_and_others_are_refused():
    assert set(asyncevents_core.__all__) <= set(dir(asyncevents_core))
    with pytest.raises(AttributeError, match="nonsense"):
        asyncevents_core.nonsense  # noqa: B018


JOINING = """
import sqlite3, sys
from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.sqlalchemy.ledger import SqlLedger

def look(self):
    seen.append("asyncevents_core.adapters.sqlalchemy.joined" in sys.modules)

seen, SqlLedger._notice_revision = [], look
events = AsyncEvents({"LEDGER_URL": "sqlite:///ledger.db", "EVENTS": {"a.b": {}}})
events.runtime.ledger.join(sqlite3.connect(":memory:"))
assert seen == [True], seen
"""


def test_who_joins_has_imported_the_orm_before_the_schema_is_looked_at(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", JOINING],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
