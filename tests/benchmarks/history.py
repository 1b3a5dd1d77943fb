"""A ledger that has grown: events that are over, by the million, loaded past the project."""

from __future__ import annotations

import random
import sqlite3
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from attrs import define, field

from asyncevents_core.adapters.sqlalchemy import schema
from asyncevents_core.domain.instant import NIL
from asyncevents_core.domain.payload import envelope
from tests.benchmarks.payloads import Payloads

DAYS: Final = 60
_DAY: Final = 86_400_000_000
SPAN: Final = DAYS * _DAY
HOUR: Final = 3_600_000_000
"""Microseconds."""
_SECOND: Final = 1_000_000
_CHUNK: Final = 20_000
_DEAD_SHARE: Final = 0.02
_DEAD_ATTEMPTS: Final = 6
_RETRIED_EVERY: Final = 9
_ATTEMPTS_PER_EVENT: Final = 2 * (
    (1 - _DEAD_SHARE) * (1 + 1 / _RETRIED_EVERY) + _DEAD_SHARE * _DEAD_ATTEMPTS
)
_SAMPLE_EVERY: Final = 1_000

_COLUMNS: Final = {
    schema.event.name: "id, digest, name, body, state, claims, deaths, abandonments, "
    "occurred_at, created_at",
    schema.delivery.name: "id, event_id, subscription_id, replay_request, state, reason, "
    "claims, deaths, abandonments, parked, created_at",
    schema.attempt.name: "delivery_id, claim_no, outcome, detail, status, response, target, "
    "started_at, duration",
}
_IDENTIFIERS: Final = {"id", "event_id", "delivery_id", "replay_request"}
"""The columns that hold a UUID, among those above."""
_HEX: Final = "\\\\x"
"""What binary values begin with in COPY."""
_DELIVERED: Final = "delivered\tHTTP 200\t200\tok"
_RETRYABLE: Final = "retryable\tHTTP 503\t503\tunavailable"


@define
class History:
    """Each event was delivered to two subscriptions, spread evenly over the last 60 days.

    One delivery in nine needed a second attempt, one in fifty is a dead letter after six. Ids
    and times fit each other. `sample` are the ids of one delivery in a thousand.
    """

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    sample: list[uuid.UUID] = field(factory=list)


def load(
    url: str,
    *,
    name: str,
    payloads: Payloads,
    subscriptions: Sequence[int],
    attempts: int,
    seed: int,
    progress: Callable[[int], None],
    span: int = SPAN,
    ago: int = 0,
) -> History:
    """Write so many attempts and what belongs to them; `progress` hears how many there are.

    They are spread over `span` microseconds, the last of them `ago` microseconds ago. The ledger is
    on PostgreSQL or SQLite.
    """
    history = History()
    events = max(1, round(attempts / _ATTEMPTS_PER_EVENT))
    begin = time.time_ns() // 1000 - ago - span
    # A little less than evenly: how many events it takes is known on average only.
    step = span * 9 // (events * 10)
    writer = _Writer(history, random.Random(seed), name, payloads, subscriptions)
    with _opened(url) as store:
        while history.attempts < attempts:
            for _ in range(_CHUNK):
                writer.event(begin + history.events * step)
                if history.attempts >= attempts:
                    break
            writer.flush(store)
            progress(history.attempts)
    return history


class _Store(ABC):
    """Where rows go: lines of COPY, by table."""

    @abstractmethod
    def write(self, lines: Mapping[str, Sequence[str]]) -> None:
        """Write them and commit."""


@define
class _PostgreSql(_Store):
    connection: psycopg.Connection[Any]

    def write(self, lines: Mapping[str, Sequence[str]]) -> None:
        """See `_Store`."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for table, some in lines.items():
                with cursor.copy(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN") as stream:
                    stream.write("".join(some))


@define
class _Sqlite(_Store):
    connection: sqlite3.Connection

    def write(self, lines: Mapping[str, Sequence[str]]) -> None:
        """See `_Store`."""
        with self.connection:
            for table, some in lines.items():
                names = _COLUMNS[table].split(", ")
                columns = [schema.metadata.tables[table].c[name] for name in names]
                places = ", ".join("?" * len(names))
                self.connection.executemany(
                    f"INSERT INTO {table} ({_COLUMNS[table]}) VALUES ({places})",
                    (
                        [_value(column, text) for column, text in zip(columns, row, strict=True)]
                        for row in (line.rstrip("\n").split("\t") for line in some)
                    ),
                )


@contextmanager
def _opened(url: str) -> Iterator[_Store]:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(parsed.database))) as connection:
            yield _Sqlite(connection)
        return
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        yield _PostgreSql(connection)


def _value(column: sa.Column[Any], text: str) -> object:
    """Return what SQLite keeps for a value of COPY. It makes numbers of texts by itself."""
    if text == "\\N":
        return None
    if isinstance(column.type, sa.Boolean):
        return text == "t"
    if isinstance(column.type, sa.LargeBinary):
        return bytes.fromhex(text.removeprefix(_HEX))
    if column.name in _IDENTIFIERS:
        return bytes.fromhex(text)
    return text


class _Writer:
    """Makes the lines of COPY; there is nothing in them that would have to be quoted."""

    def __init__(
        self,
        history: History,
        source: random.Random,
        name: str,
        payloads: Payloads,
        subscriptions: Sequence[int],
    ) -> None:
        self._history = history
        self._source = source
        self._name = name
        self._subscriptions = subscriptions
        self._texts = payloads.texts
        self._lines: dict[str, list[str]] = {table: [] for table in _COLUMNS}

    def event(self, at: int) -> None:
        """Add an event with its deliveries and their attempts."""
        event_id = self._identifier(at)
        number = self._history.events
        body = envelope(
            event_id=event_id,
            name=self._name,
            source="/asyncevents",
            occurred_at=at,
            tenant=None,
            data=self._texts[number % len(self._texts)],
        )
        self._lines[schema.event.name].append(
            f"{event_id.hex}\t\\\\x\t{self._name}\t\\\\x{body.hex()}\t"
            f"fanned_out\t0\t0\t0\t{at}\t{at}\n"
        )
        for place in (2 * number, 2 * number + 1):
            self._delivery(event_id, self._subscriptions[place % len(self._subscriptions)], at)
        self._history.events += 1

    def flush(self, store: _Store) -> None:
        """Write what was added."""
        store.write(self._lines)
        for lines in self._lines.values():
            lines.clear()

    def _delivery(self, event_id: uuid.UUID, subscription_id: int, at: int) -> None:
        delivery_id = self._identifier(at + 5_000)
        dead = self._source.random() < _DEAD_SHARE
        retried = self._history.deliveries % _RETRIED_EVERY == 0
        count = _DEAD_ATTEMPTS if dead else 1 + retried
        state = "dead\texhausted" if dead else "delivered\t\\N"
        self._lines[schema.delivery.name].append(
            f"{delivery_id.hex}\t{event_id.hex}\t{subscription_id}\t{NIL.hex}\t{state}\t{count}\t"
            f"{count if dead else count - 1}\t0\tf\t{at}\n"
        )
        for claim in range(1, count + 1):
            outcome = _RETRYABLE if dead or claim < count else _DELIVERED
            self._lines[schema.attempt.name].append(
                f"{delivery_id.hex}\t{claim}\t{outcome}\thttp://127.0.0.1:9/{subscription_id}\t"
                f"{at + claim * _SECOND}\t0.01\n"
            )
        if self._history.deliveries % _SAMPLE_EVERY == 0:
            self._history.sample.append(delivery_id)
        self._history.deliveries += 1
        self._history.attempts += count

    def _identifier(self, at: int) -> uuid.UUID:
        """Return the UUIDv7 of a moment, in microseconds."""
        milliseconds, rest = divmod(at, 1000)
        fraction = (rest << 12) // 1000
        random_bits = self._source.getrandbits(62)
        return uuid.UUID(
            int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random_bits
        )
