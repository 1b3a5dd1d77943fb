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


def loaded(statement: str) -> set[str]:
    code = (
        f"{statement}\nimport sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
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
