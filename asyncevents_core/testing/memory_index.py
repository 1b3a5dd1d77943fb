"""The ledger in memory: the queue of attempts for an indexer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

from asyncevents_core.domain.trace import LoggedAttempt
from asyncevents_core.ports.index_queue import IndexBacklog, QueuedAttempt
from asyncevents_core.ports.ledger import Claim, LedgerTransaction
from asyncevents_core.testing.memory_tables import Tables


class IndexOperations(LedgerTransaction):
    """The part of a transaction that is about the index."""

    _tables: Tables

    def queue_for_index(self, claims: Collection[Claim]) -> None:
        for claim in claims:
            row = self._tables.attempts.get((claim.id, claim.claim_no))
            if row is not None:
                queue(self._tables, row.log_id)

    def queued_for_index(self, *, after: int, limit: int) -> Sequence[QueuedAttempt]:
        attempts = {one.log_id: one for one in logged(self._tables)}
        queue = self._tables.index_queue.items()
        waiting = sorted(one for one in queue if one[1] > 0 and one[0] > after)
        return [
            QueuedAttempt(log_id=log_id, version=version, logged=attempts.get(log_id))
            for log_id, version in waiting[:limit]
        ]

    def unqueue(self, versions: Mapping[int, int]) -> None:
        for log_id, version in versions.items():
            if self._tables.index_queue.get(log_id) == version:
                self._tables.index_queue.delete(log_id)

    def set_aside(self, versions: Mapping[int, int]) -> None:
        for log_id, version in versions.items():
            if self._tables.index_queue.get(log_id) == version:
                self._tables.index_queue.put(log_id, -version)

    def queue_set_aside(self) -> int:
        aside = [log_id for log_id, version in self._tables.index_queue.items() if version < 0]
        for log_id in aside:
            queue(self._tables, log_id)
        return len(aside)


def queue(tables: Tables, log_id: int) -> None:
    """Queue an attempt, once more if it waits already."""
    tables.index_queue.put(log_id, abs(tables.index_queue.get(log_id) or 0) + 1)


def logged(tables: Tables) -> list[LoggedAttempt]:
    """Return every attempt with what can be searched for, lowest log_id first."""
    found: list[LoggedAttempt] = []
    for row in tables.attempts:
        delivery = tables.deliveries.get(row.attempt.delivery_id)
        event = None if delivery is None else tables.events.get(delivery.event_id)
        subscription = (
            None if delivery is None else tables.subscriptions.get(delivery.subscription_id)
        )
        if delivery is None or event is None or subscription is None:
            continue
        found.append(
            LoggedAttempt(
                log_id=row.log_id,
                attempt=row.attempt,
                event=event.event,
                subscription_id=delivery.subscription_id,
                sink=subscription.subscription.sink,
                delivery_state=delivery.state,
                newest=delivery.claims == row.attempt.claim_no,
            )
        )
    return sorted(found, key=attrgetter("log_id"))


def backlog(tables: Tables) -> IndexBacklog:
    """See `IndexQueries`."""
    waiting = {log_id for log_id, version in tables.index_queue.items() if version > 0}
    times = [one.attempt.started_at for one in logged(tables) if one.log_id in waiting]
    return IndexBacklog(
        waiting=len(waiting),
        oldest=times[0] if times else None,
        set_aside=sum(version < 0 for _, version in tables.index_queue.items()),
        first=_first(tables),
    )


def _first(tables: Tables) -> int | None:
    lowest = min((row.log_id for _, row in tables.attempts.items()), default=None)
    return None if lowest is None or tables.index_queue.get(lowest) is not None else lowest
