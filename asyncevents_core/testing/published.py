"""What the fixture `published_events` gives to a test: what was published, and assertions on it.

`record_published_events` gives the same without pytest.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.application import AsyncEvents
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.engine.publishing.publish import (
    Publisher,
    PublishRules,
    prepare,
)
from asyncevents_core.engine.publishing.request import PublishRequest
from asyncevents_core.ports.resolver import Definitions
from asyncevents_core.testing.transactions import Followed, SqlTransactions

_UNSET: Final[Any] = object()


@frozen(kw_only=True)
class PublishedEvent:
    """One event that was published; `data` as a subscriber without a service would get it."""

    id: UUID
    name: str
    data: Any
    tenant: str | None
    event_id: str | None


class PublishedEvents(Sequence[PublishedEvent]):
    """The events that were published, in order. Thread-safe.

    An event counts as soon as it is published, also before its transaction is committed: many
    tests never commit. If the transaction, or the savepoint that it was published in, is rolled
    back, it was never published. A plain DBAPI connection does not tell: its events stay.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recorded: list[tuple[PublishedEvent, Followed]] = []

    def __len__(self) -> int:
        return len(self._events())

    def __iter__(self) -> Iterator[PublishedEvent]:
        return iter(self._events())

    def __getitem__(self, index: Any) -> Any:
        return self._events()[index]

    def named(self, name: str) -> list[PublishedEvent]:
        """Return the events of that name."""
        return [one for one in self if one.name == name]

    def clear(self) -> None:
        """Forget everything so far."""
        with self._lock:
            self._recorded.clear()

    def assert_published(
        self,
        name: str,
        *,
        data: object = _UNSET,
        times: int | None = None,
        tenant: str | None = _UNSET,
    ) -> None:
        """Fail unless such an event was published: at least once, or exactly `times` times.

        `data` and `tenant` are compared where they are given.
        """
        found = [
            one
            for one in self.named(name)
            if (data is _UNSET or one.data == _plain(data))
            and (tenant is _UNSET or one.tenant == tenant)
        ]
        good = bool(found) if times is None else len(found) == times
        if not good:
            wanted = name if data is _UNSET else f"{name} {json.dumps(_plain(data))}"
            often = "at least once" if times is None else f"{times} times"
            raise AssertionError(
                f"expected {wanted} {often}, found {len(found)}; published was:\n{self._listing()}"
            )

    def assert_nothing_published(self) -> None:
        """Fail if anything was published."""
        if self._events():
            raise AssertionError(f"expected nothing, published was:\n{self._listing()}")

    def record(self, event: PublishedEvent, transaction: Followed) -> None:
        """Add an event that was published in a transaction."""
        with self._lock:
            self._recorded.append((event, transaction))

    def _events(self) -> list[PublishedEvent]:
        with self._lock:
            recorded = list(self._recorded)
        return [event for event, transaction in recorded if not transaction.rolled_back]

    def _listing(self) -> str:
        lines = [f"  {one.name} {json.dumps(one.data)}" for one in self]
        return "\n".join(lines) or "  nothing"


class RecordingPublisher(Publisher):
    """Records instead of sending; refuses what a real publisher refuses."""

    def __init__(
        self,
        events: PublishedEvents,
        transactions: SqlTransactions,
        definitions: Definitions,
        rules: PublishRules,
    ) -> None:
        self._events = events
        self._transactions = transactions
        self._definitions = definitions
        self._rules = rules

    def publish_many(
        self, requests: Sequence[PublishRequest], *, transaction: object | None
    ) -> list[UUID]:
        prepared = prepare(requests, self._definitions, self._rules)
        followed = self._transactions.follow(transaction)
        for event in prepared:
            self._events.record(
                PublishedEvent(
                    id=event.id,
                    name=event.name,
                    data=from_json(event.published),
                    tenant=event.tenant,
                    event_id=event.external_id,
                ),
                followed,
            )
        return [event.id for event in prepared]


@contextmanager
def record_published_events() -> Iterator[PublishedEvents]:
    """Record what every `AsyncEvents` publishes while the block runs, instead of sending it.

    Needs no database and no broker. For `unittest` and Django's tests; with pytest, use the fixture
    `published_events`. Not to be used in two threads at the same time.
    """
    recorded, transactions = PublishedEvents(), SqlTransactions()

    def publisher(self: AsyncEvents) -> Publisher:
        runtime = self.runtime
        return RecordingPublisher(recorded, transactions, runtime.catalog, runtime.publish_rules)

    original = AsyncEvents._ready_publisher
    AsyncEvents._ready_publisher = publisher  # type: ignore[method-assign]
    try:
        with transactions.listening():
            yield recorded
    finally:
        AsyncEvents._ready_publisher = original  # type: ignore[method-assign]


def _plain(data: object) -> Any:
    """Return data as JSON makes it, so that tuples, UUIDs and the like compare equal."""
    return from_json(to_json(data))
