"""For an application whose own Alembic migrates the database that the ledger is in.

`alembic revision --autogenerate` takes every table that the application's models do not have for
one to be dropped. In `env.py`:

    from asyncevents_core.alembic_support import include_name

    context.configure(…, include_name=include_name)

Whoever has such a function already calls this one within it.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

_LEDGER: Final = "asyncevents_"
_BROKER: Final = frozenset({"kombu_message", "kombu_queue"})
"""The tables of kombu's SQL transport, where BROKER_URL is the same database."""


def is_ours(table: str) -> bool:
    """Tell whether a table belongs to the ledger, or to a broker in a database."""
    return table.startswith(_LEDGER) or table in _BROKER


def include_name(
    name: str | None, type_: str, parent_names: MutableMapping[str, str | None]
) -> bool:
    """Leave our tables out of what Alembic compares: its hook `include_name`.

    https://alembic.sqlalchemy.org/en/latest/autogenerate.html#omitting-table-names-from-the-autogenerate-process
    """
    return type_ != "table" or name is None or not is_ours(name)


def include_object(
    object: object, name: str | None, type_: str, reflected: bool, compare_to: object
) -> bool:
    """Do the same as its hook `include_object`, which is asked after the tables were read."""
    return include_name(name, type_, {})
