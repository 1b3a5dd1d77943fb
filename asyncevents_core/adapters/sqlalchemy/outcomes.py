"""Outcomes: attempts, and what they do to deliveries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Update, bindparam, not_, or_, select, update
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import ColumnElement

from asyncevents_core.adapters.sqlalchemy.deliveries import SqlDeliveries
from asyncevents_core.adapters.sqlalchemy.index_queue import SqlIndexQueue, queueing
from asyncevents_core.adapters.sqlalchemy.insertions import Insertion, Upsert, completed, insertion
from asyncevents_core.adapters.sqlalchemy.schema import attempt, delivery
from asyncevents_core.adapters.sqlalchemy.statements import Noun, chunked, in_order
from asyncevents_core.domain.delivery import Attempt, Claim, DeadReason, DeliveryState
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.ports.ledger.outcomes import Outcomes

_OVER_ABANDONED: Final = Upsert(
    key=("delivery_id", "claim_no"),
    changes=("outcome", "detail", "status", "response", "target", "started_at", "duration"),
    only_over=("outcome", OutcomeKind.ABANDONED.value),
)

_WRITTEN: Final = [column.name for column in attempt.columns if column.name != "id"]

_DELIVERED: Final[Mapping[str, Any]] = {
    "state": DeliveryState.DELIVERED.value,
    "due_at": None,
    "owner": None,
    "parked": False,
    "reason": None,
    "abandonments": 0,
}


class SqlOutcomes(Noun, Outcomes):
    """See `Outcomes`."""

    def lock(self, ids: Collection[UUID]) -> set[UUID]:
        among = self._sql.dialect.among(delivery.c.id, "ids")
        locking = self._sql.dialect.lock(select(delivery.c.id).where(among).order_by(delivery.c.id))
        wanted, got = set(ids), set[UUID]()
        for some in chunked(in_order(ids)):
            got.update(self._sql.execute(locking, {"ids": some}).scalars())
        return wanted - SqlDeliveries(self._sql).existing(wanted - got)

    def record(self, attempts: Sequence[Attempt], *, indexing: bool = False) -> None:
        abandoned = [one for one in attempts if one.outcome is OutcomeKind.ABANDONED]
        others = [one for one in attempts if one.outcome is not OutcomeKind.ABANDONED]
        for some, upsert in ((abandoned, None), (others, _OVER_ABANDONED)):
            if some and indexing:
                self._record_and_queue(some, upsert)
            else:
                self._sql.insert(attempt, [attempt_values(one) for one in some], upsert)

    def _record_and_queue(self, attempts: Sequence[Attempt], upsert: Upsert | None) -> None:
        values = [attempt_values(one) for one in attempts]
        together = self._sql.dialect.prepared(
            ("record and queue", upsert), partial(self._recording_and_queueing, upsert)
        )
        if together is not None:
            together.execute(self._sql, values)
            return
        self._sql.insert(attempt, values, upsert)
        claims = [Claim(id=one.delivery_id, claim_no=one.claim_no) for one in attempts]
        SqlIndexQueue(self._sql).queue(claims)

    def _recording_and_queueing(self, upsert: Upsert | None) -> Insertion | None:
        dialect = self._sql.dialect.name
        return completed(
            insertion(dialect, attempt, _WRITTEN, upsert=upsert), partial(_queued_too, dialect)
        )

    def mark_delivered(self, ids: Collection[UUID], *, owner: UUID) -> Sequence[Claim]:
        done = self._sql.update_prepared(
            "mark delivered", ids, self._marking_delivered, {"owner_": owner}
        )
        return [] if done == len(ids) else self._take_from_others(ids, owner)

    def _marking_delivered(self) -> Update:
        final = [DeliveryState.DELIVERED.value, DeliveryState.CANCELLED.value]
        leased = delivery.c.state == DeliveryState.LEASED.value
        me = bindparam("owner_", type_=delivery.c.owner.type)
        return (
            update(delivery)
            .where(self._sql.dialect.among(delivery.c.id, "ids"))
            .where(delivery.c.state.not_in(final))
            .where(or_(not_(leased), delivery.c.owner == me))
            .values(_DELIVERED)
        )

    def _take_from_others(self, ids: Collection[UUID], owner: UUID) -> list[Claim]:
        """Mark those delivered that somebody else has leased; return their claims."""
        claims: list[Claim] = []
        for some in chunked(in_order(ids)):
            found = (
                select(delivery.c.id, delivery.c.claims)
                .where(delivery.c.id.in_(some))
                .where(delivery.c.state == DeliveryState.LEASED.value)
                .where(delivery.c.owner != owner)
                .order_by(delivery.c.id)
                .with_for_update()
            )
            claims += [Claim(id=row.id, claim_no=row.claims) for row in self._sql.execute(found)]
        self._sql.update(delivery, [one.id for one in claims], _DELIVERED)
        return claims

    def mark_failed(
        self,
        claims: Collection[Claim],
        *,
        owner: UUID,
        state: DeliveryState,
        due_at: int | None,
        reason: DeadReason | None,
    ) -> None:
        for claim_no, ids in _by_number(claims):
            self._sql.update(
                delivery,
                ids,
                {
                    "state": state.value,
                    "due_at": due_at,
                    "owner": None,
                    "parked": False,
                    "reason": None if reason is None else reason.value,
                    "deaths": delivery.c.deaths + 1,
                    "abandonments": 0,
                },
                *_fence(owner, claim_no),
            )

    def give_back(self, claims: Collection[Claim], *, owner: UUID) -> None:
        for claim_no, ids in _by_number(claims):
            self._sql.update(
                delivery,
                ids,
                {"state": DeliveryState.WAITING.value, "due_at": self._sql.now(), "owner": None},
                *_fence(owner, claim_no),
            )


def _by_number(claims: Collection[Claim]) -> list[tuple[int, list[UUID]]]:
    groups: defaultdict[int, list[UUID]] = defaultdict(list)
    for claim in claims:
        groups[claim.claim_no].append(claim.id)
    return sorted(groups.items())


def _fence(owner: UUID, claim_no: int) -> tuple[ColumnElement[bool], ...]:
    return (
        delivery.c.state == DeliveryState.LEASED.value,
        delivery.c.owner == owner,
        delivery.c.claims == claim_no,
    )


def _queued_too(dialect: str, recording: Insert) -> Insert:
    """Return the statement that records attempts and queues those that it has written."""
    # An outcome that is written again returns nothing: it was queued the first time.
    written = recording.returning(attempt.c.id).cte("written")
    return queueing(dialect, select(written.c.id)).add_cte(written)


def attempt_values(attempt: Attempt) -> dict[str, Any]:
    """Return the columns of an attempt."""
    return {
        "delivery_id": attempt.delivery_id,
        "claim_no": attempt.claim_no,
        "outcome": attempt.outcome.value,
        "detail": attempt.detail,
        "status": attempt.http_status,
        # PostgreSQL's text has no NUL.
        "response": attempt.response.replace("\x00", "\ufffd"),
        "target": attempt.target,
        "started_at": attempt.started_at,
        "duration": attempt.duration,
    }


def to_attempt(row: Sequence[Any]) -> Attempt:
    """Read an attempt from a row that begins with the columns of its table."""
    # By position: by name each value is looked up, and lists and an index read many of them.
    (
        id_,
        delivery_id,
        claim_no,
        outcome,
        detail,
        status,
        response,
        target,
        started_at,
        duration,
        *_,
    ) = row
    return Attempt(
        log_id=id_,
        delivery_id=delivery_id,
        claim_no=claim_no,
        outcome=OutcomeKind(outcome),
        detail=detail,
        http_status=status,
        response=response,
        target=target,
        started_at=started_at,
        duration=duration,
    )
