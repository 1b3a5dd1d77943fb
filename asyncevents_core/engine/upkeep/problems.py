"""What a look at the ledger says is wrong, in words: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from asyncevents_core.domain.counts import shown_count
from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.domain.problem import Problem, ProblemKind
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.upkeep.status import Status
from asyncevents_core.ports.ledger.server import Holder, Locks

OVERDUE_AFTER: Final = 60.0
"""Seconds that something may be due while workers live."""
BEHIND: Final = 10_000
"""Attempts that may wait for the index while it is fed."""
LITTLE_ROOM: Final = 100_000_000
"""Bytes on the ledger's disk."""
IDLE_WITH_LOCKS: Final = 10.0
"""Seconds that a transaction may be idle with locks."""
_APART: Final = (
    "give each application a BROKER_PREFIX, or a virtual host or database of its own at the broker"
)
_MOST_NAMED: Final = 5
"""Of a kind; the others are counted."""


def problems_of(found: Status, *, indexing: bool) -> Iterator[Problem]:
    """Say what is wrong with workers and backlog; `indexing`: there is an indexer."""
    yield from _of_workers(found)
    yield from _of_backlog(found)
    if indexing:
        yield from _of_index(found)
    if found.dead_letters or found.events_failed:
        yield Problem.advised(
            kind=ProblemKind.UNDELIVERED,
            words="there are dead letters",
            advice="`asyncevents dead-letters`, `asyncevents replay --dead`",
        )
    yield from _of_recipients(found)


def _of_recipients(found: Status) -> Iterator[Problem]:
    if number := found.recipients_failing:
        recipients = "recipient fails" if number == 1 else "recipients fail"
        yield Problem.advised(
            kind=ProblemKind.FAILING_RECIPIENT,
            words=f"{number:,} {recipients} time after time",
            advice="find out which, and why, with `asyncevents subscriptions list --failing`",
        )


def _of_workers(found: Status) -> Iterator[Problem]:
    waiting = found.deliveries_due or found.retries_scheduled or found.parked
    nobody = ProblemKind.NO_CONSUMER if found.workers else ProblemKind.NO_WORKER
    if found.events_open and not found.consumers(Role.TRIGGER):
        yield Problem.advised(
            kind=nobody,
            words="nobody takes the open events",
            advice="`asyncevents worker`",
        )
    if waiting and not found.consumers(Role.RETRY):
        yield Problem.advised(
            kind=nobody,
            words="nobody makes the deliveries that wait",
            advice="`asyncevents worker`",
        )
    for one in found.workers:
        if one.trouble is not None:
            yield Problem.advised(
                kind=ProblemKind.STUCK_WORKER,
                words=f"{_name(one)}: {one.trouble}",
                advice="its log has the stack; it exits with 3 where it cannot go on",
            )
    for one in found.silent[:_MOST_NAMED]:
        yield Problem.advised(
            kind=ProblemKind.SILENT_WORKER,
            words=f"{_name(one)} gave no sign for {(found.now - one.beat_at) / 1e6:.0f} s",
            advice="it is frozen, cut off or dead; others take over what it had",
        )
    if more := len(found.silent[_MOST_NAMED:]):
        yield Problem.advised(
            kind=ProblemKind.SILENT_WORKER,
            words=f"{more:,} more workers gave no sign",
            advice="they are forgotten as soon as another worker lives",
        )


def _of_backlog(found: Status) -> Iterator[Problem]:
    late = found.oldest_due_seconds or 0.0
    if found.workers and late > OVERDUE_AFTER:
        yield Problem.advised(
            kind=ProblemKind.OVERDUE,
            words=f"the oldest has been due for {late:.0f} s, though workers are alive",
            advice="where nothing else is named here, there are too few: `--processes`",
        )


def _of_index(found: Status) -> Iterator[Problem]:
    number = shown_count(found.index_waiting, exact=found.index_exact)
    attempts = "attempt waits" if found.index_waiting == 1 else "attempts wait"
    waiting = f"{number} {attempts} for the search index"
    if found.index_waiting and not found.consumers(Role.INDEX):
        yield Problem.advised(
            kind=ProblemKind.INDEX_BEHIND,
            words=f"{waiting}, and nobody feeds it",
            advice="`asyncevents worker --consumers index`",
        )
    elif found.index_waiting >= BEHIND:
        yield Problem.advised(
            kind=ProblemKind.INDEX_BEHIND,
            words=waiting,
            advice="searches find older attempts only; deliveries are not held up",
        )


def of_read_only(why: str) -> Problem:
    """Say that the database only reads."""
    return Problem.advised(
        kind=ProblemKind.READ_ONLY,
        words=f"the ledger's database only reads: {why}",
        advice="let LEDGER_URL lead to the server that writes, or let this one write",
    )


def of_refusal(error: Exception) -> Problem:
    """Say that nothing can be written."""
    return Problem.advised(
        kind=ProblemKind.NOT_WRITABLE,
        words=f"the ledger cannot be written: {error}",
        advice="workers go on by themselves once it can; `asyncevents check` tries more",
    )


def of_locks(locks: Locks) -> Iterator[Problem]:
    """Say who blocks whom."""
    for one in locks.holders[:_MOST_NAMED]:
        yield Problem.advised(
            kind=ProblemKind.BLOCKED,
            words=f"session {one.number} ({one.who}), {_held(one)}",
            advice=f"if it does not end by itself: `{one.ended_by}`",
        )
    if more := len(locks.holders[_MOST_NAMED:]):
        yield Problem.advised(
            kind=ProblemKind.BLOCKED,
            words=f"{more:,} more sessions hold locks",
            advice="begin with the first",
        )


def of_unseen(locks: Locks) -> Iterator[Problem]:
    """Say what this user may not see."""
    if locks.unseen is not None:
        yield Problem.advised(
            kind=ProblemKind.UNSEEN,
            words="who holds locks cannot be seen in full",
            advice=locks.unseen,
        )


def of_room(free: int) -> Iterator[Problem]:
    """Say that the disk is nearly full."""
    if free < LITTLE_ROOM:
        yield Problem.advised(
            kind=ProblemKind.DISK,
            words=f"the ledger's disk has {free / 1e6:.0f} MB left",
            advice="make room: `asyncevents cleanup`, or a larger disk",
        )


def of_broker(error: Exception) -> Problem:
    """Say what is wrong with the broker, and that it is no disaster."""
    return Problem.advised(
        kind=ProblemKind.BROKER,
        words=f"the broker cannot be used: {error}",
        advice="deliveries go on from the ledger, some seconds later; mend the broker",
    )


def of_neighbours(met: Sequence[Neighbour], *, own: UUID | None, now: int) -> Iterator[Problem]:
    """Name those whose messages workers met in queues of this application's, the last first.

    `own` is the id of this ledger, `now` microseconds of its clock.
    """
    for one in met[:_MOST_NAMED]:
        whose = "messages that are no hand-offs"
        if one.ledger_id is not None:
            whose = f"hand-offs of another ledger ({one.ledger_id}; this is {own})"
        minutes = (now - one.seen_at) / 60e6
        yield Problem.advised(
            kind=ProblemKind.NEIGHBOUR,
            words=f"{whose} arrived in the queue {one.queue}, the last {minutes:.0f} minutes ago, "
            f"from {one.source}",
            advice=_APART,
        )
    if more := len(met[_MOST_NAMED:]):
        yield Problem.advised(
            kind=ProblemKind.NEIGHBOUR, words=f"{more:,} more of this kind", advice=_APART
        )


def _name(one: WorkerRow) -> str:
    return f"worker {one.pid} on {one.host}"


def _held(one: Holder) -> str:
    does = f"{one.doing} for {one.seconds:.0f} s"
    if not one.waiting:
        return f"{does}, holds locks"
    others = "another" if one.waiting == 1 else f"{one.waiting} others"
    return f"{does}, blocks {others} (for {one.longest_wait:.0f} s)"
