"""The direction of imports, and that importing the package costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import asyncevents_core

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


def test_publishing_loads_neither_migrations_nor_commands_nor_clients():
    made = "from asyncevents_core import AsyncEvents; AsyncEvents({})._ready_publisher()"
    assert not loaded(made) & {
        "alembic",
        "click",
        "rich",
        "watchfiles",
        "aiohttp",
        "httpx",
        "litestar",
    }


def test_marking_events_loads_neither_database_nor_broker():
    assert not loaded("from asyncevents_core import event") & {"sqlalchemy", "kombu", "alembic"}


@pytest.mark.parametrize("name", sorted(asyncevents_core.__all__))
def test_every_public_name_is_there_and_documented(name):
    value = getattr(asyncevents_core, name)
    assert isinstance(value, str) or (value.__doc__ or "").strip()


def test_names_are_listed_for_completion_and_others_are_refused():
    assert set(asyncevents_core.__all__) <= set(dir(asyncevents_core))
    with pytest.raises(AttributeError, match="nonsense"):
        asyncevents_core.nonsense  # noqa: B018
