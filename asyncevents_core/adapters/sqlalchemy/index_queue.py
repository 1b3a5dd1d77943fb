"""The queue of attempts for an indexer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, literal, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from asyncevents_core.adapters.sqlalchemy.schema import attempt, index_queue
from asyncevents_core.adapters.sqlalchemy.statements import Noun, chunked
from asyncevents_core.domain.delivery import Claim
from asyncevents_core.ports.ledger.index import IndexQueue


class SqlIndexQueue(Noun, IndexQueue):
    """See `IndexQueue`."""

    def queue(self, claims: Collection[Claim]) -> None:
        numbers: defaultdict[int, list[Any]] = defaultdict(list)
        for claim in claims:
            numbers[claim.claim_no].append(claim.id)
        for claim_no, ids in sorted(numbers.items()):
            for some in chunked(sorted(ids)):
                of_claim = and_(attempt.c.delivery_id.in_(some), attempt.c.claim_no == claim_no)
                self._queue(of_claim)

    def queue_deleted(self, log_ids: Sequence[int]) -> None:
        """Queue attempts that this transaction is about to delete."""
        self._queue(attempt.c.id.in_(log_ids))

    def unqueue(self, versions: Mapping[int, int]) -> None:
        for version, some in _by_version(versions):
            self._sql.execute(
                delete(index_queue)
                .where(index_queue.c.attempt_id.in_(some))
                .where(index_queue.c.version == version)
            )

    def set_aside(self, versions: Mapping[int, int]) -> None:
        for version, some in _by_version(versions):
            self._sql.execute(
                update(index_queue)
                .where(index_queue.c.attempt_id.in_(some))
                .where(index_queue.c.version == version)
                .values(version=-version)
            )

    def queue_set_aside(self) -> int:
        changed = self._sql.execute(
            update(index_queue)
            .where(index_queue.c.version < 0)
            .values(version=1 - index_queue.c.version)
        )
        return changed.rowcount

    def _queue(self, which: ColumnElement[bool]) -> None:
        found = select(attempt.c.id).where(which)
        self._sql.execute(queueing(self._sql.dialect.name, found))


def queueing(dialect: str, found: Select[Any]) -> Insert:
    """Return the statement that queues the attempts whose ids a SELECT finds, for the index."""
    ids = found.subquery("found")
    # In their order: others may queue some of them, too.
    source = select(ids.c.id, literal(1)).order_by(ids.c.id)
    columns = ["attempt_id", "version"]
    newer = func.abs(index_queue.c.version) + 1
    if dialect in {"mysql", "mariadb"}:
        made = mysql.insert(index_queue).from_select(columns, source)
        return made.on_duplicate_key_update(version=newer)
    kind = sqlite if dialect == "sqlite" else postgresql
    inserting = kind.insert(index_queue).from_select(columns, source)
    queued: Insert = inserting.on_conflict_do_update(
        index_elements=["attempt_id"], set_={"version": newer}
    )
    return queued


def _by_version(versions: Mapping[int, int]) -> Iterator[tuple[int, list[int]]]:
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for log_id, version in versions.items():
        groups[version].append(log_id)
    for version, ids in sorted(groups.items()):
        for some in chunked(sorted(ids)):
            yield version, some
