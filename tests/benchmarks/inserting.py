"""The least that publishing could do: INSERT the same rows and commit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import sqlalchemy as sa

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.sqlalchemy.event_rows import event_values
from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.payload import envelope
from tests.benchmarks.constants import EVENT
from tests.benchmarks.driving import BATCH, publish_batch
from tests.benchmarks.payloads import Payloads

_TABLE: Final = event.name


def rows(payloads: Payloads, count: int) -> list[dict[str, Any]]:
    """Return rows of the event table, as publishing writes them."""
    made = []
    for number in range(count):
        event_id, now = uuid7(), time.time_ns() // 1000
        body = envelope(
            event_id=event_id,
            name=EVENT,
            source="/asyncevents",
            occurred_at=now,
            tenant=None,
            data=payloads.texts[number % len(payloads.texts)],
        )
        new = NewEvent(
            id=event_id,
            external_id=None,
            digest=b"",
            name=EVENT,
            tenant=None,
            arguments=None,
            body=body,
            occurred_at=now,
        )
        made.append({**event_values(new), "created_at": now, "due_at": now})
    return made


def publish_singly(events: AsyncEvents, payloads: Payloads, count: int) -> float:
    """Publish one event at a time; return seconds per event."""
    data = payloads.some(0, count)
    begun = time.monotonic()
    for one in data:
        events.publish(EVENT, one)
    return (time.monotonic() - begun) / count


def publish_in_batches(events: AsyncEvents, payloads: Payloads, count: int) -> float:
    """Publish 500 events at a time; return seconds per event."""
    begun = time.monotonic()
    for start in range(0, count, BATCH):
        publish_batch(events, payloads, start, min(BATCH, count - start))
    return (time.monotonic() - begun) / count


def insert_singly(url: str, some: Sequence[dict[str, Any]]) -> float:
    """INSERT and commit each row with psycopg; return seconds per row."""
    with _connected(url) as connection, connection.cursor() as cursor:
        statement = _insert(some[0])
        values = [tuple(row.values()) for row in some]
        begun = time.monotonic()
        for one in values:
            cursor.execute(statement, one)
            connection.commit()
        return (time.monotonic() - begun) / len(some)


def insert_with_sqlalchemy(url: str, some: Sequence[dict[str, Any]]) -> float:
    """INSERT and commit each row with SQLAlchemy Core; return seconds per row."""
    engine = sa.create_engine(url)
    statement = sa.insert(event)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    begun = time.monotonic()
    for row in some:
        with engine.begin() as connection:
            connection.execute(statement, row)
    seconds = time.monotonic() - begun
    engine.dispose()
    return seconds / len(some)


def insert_in_batches(url: str, some: Sequence[dict[str, Any]]) -> float:
    """INSERT 500 rows at a time with psycopg's executemany; return seconds per row."""
    with _connected(url) as connection, connection.cursor() as cursor:
        statement = _insert(some[0])
        values = [tuple(row.values()) for row in some]
        begun = time.monotonic()
        for start in range(0, len(values), BATCH):
            cursor.executemany(statement, values[start : start + BATCH])
            connection.commit()
        return (time.monotonic() - begun) / len(some)


def copy_in_batches(url: str, some: Sequence[dict[str, Any]]) -> float:
    """COPY 500 rows at a time; return seconds per row."""
    with _connected(url) as connection, connection.cursor() as cursor:
        values = [tuple(row.values()) for row in some]
        begun = time.monotonic()
        for start in range(0, len(values), BATCH):
            with cursor.copy(f"COPY {_TABLE} ({', '.join(some[0])}) FROM STDIN") as copy:
                for one in values[start : start + BATCH]:
                    copy.write_row(one)
            connection.commit()
        return (time.monotonic() - begun) / len(some)


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("SELECT 1")
        connection.commit()
        yield connection


def _insert(row: dict[str, Any]) -> str:
    places = ", ".join(["%s"] * len(row))
    return f"INSERT INTO {_TABLE} ({', '.join(row)}) VALUES ({places})"
