"""Rows by the hundred thousand, written by COPY."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import schema
from tests.benchmarks.constants import SECRET

_SUBSCRIPTION: Final = (
    "event_name", "sink", "target", "secret", "tenant", "jitter", "status", "holding",
    "created_at",
)  # fmt: skip


def load_subscriptions(
    url: str, secret_keys: Sequence[str], names: Iterable[tuple[str, str | None]]
) -> None:
    """Write an enabled subscription for each pair of an event's name and a tenant."""
    secret = Cipher(secret_keys).encrypt(SECRET)
    rows = (
        (name, "http", f"http://127.0.0.1:9/{number}", secret, tenant, 0.0, "enabled", False, 0)
        for number, (name, tenant) in enumerate(names)
    )
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        copy(connection, schema.subscription.name, _SUBSCRIPTION, rows)
        connection.execute(
            f"UPDATE {schema.meta.name} SET subscription_epoch = subscription_epoch + 1"
        )


def copy(
    connection: psycopg.Connection[Any],
    table: str,
    columns: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    """COPY rows into a table."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as stream,
    ):
        for row in rows:
            stream.write_row(row)
