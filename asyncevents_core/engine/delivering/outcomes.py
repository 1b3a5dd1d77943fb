"""Writing the outcomes of attempts, many in one transaction."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import evolve, field, frozen

from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.delivery import Attempt, Claim, DeadReason, DeliveryState
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.outcome import Outcome, OutcomeKind
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.engine.delivering.deciding import delay_after
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.engine.delivering.sinks import LONGEST_DETAIL, LONGEST_RESPONSE
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.ledger import LedgerTransaction
from asyncevents_core.ports.observer import DeliveryDied
from asyncevents_core.ports.retry import ScheduledRetry


@frozen(kw_only=True)
class Finished:
    """An attempt that is over. `started` and `duration` are seconds, the first since the lease."""

    lease: Lease
    outcome: Outcome
    started: float
    duration: float


@frozen(kw_only=True)
class Returned:
    """A lease that is given back: not begun, or (`attempted`) cut off in the middle."""

    lease: Lease
    attempted: bool
    started: float = 0.0
    duration: float = 0.0


class _Fate(enum.Enum):
    DELIVERED = enum.auto()
    RETRY = enum.auto()
    EXHAUSTED = enum.auto()
    PERMANENT = enum.auto()


_REASONS: Final = {_Fate.EXHAUSTED: DeadReason.EXHAUSTED, _Fate.PERMANENT: DeadReason.PERMANENT}


@frozen(kw_only=True)
class _Verdict:
    fate: _Fate
    finished: Finished
    delay: float = 0.0


@frozen(kw_only=True)
class Booking:
    """A batch whose decisions are made: running `write` twice writes the same.

    What has to be kept about outcomes (how recipients fare, say) is written in the same
    transaction.
    """

    retries: tuple[ScheduledRetry, ...]
    dead: tuple[DeliveryDied, ...]
    _gone: tuple[Subscription, ...] = field(repr=False)
    _verdicts: tuple[_Verdict, ...] = field(repr=False)
    _returned: tuple[Returned, ...] = field(repr=False)
    _policy: Policy = field(repr=False)
    _owner: UUID = field(repr=False)

    @property
    def dead_letters(self) -> Sequence[tuple[Finished, DeadReason]]:
        """The attempts after which deliveries were given up, and why."""
        return [
            (one.finished, _REASONS[one.fate]) for one in self._verdicts if one.fate in _REASONS
        ]

    def write(self, tx: LedgerTransaction) -> Sequence[Subscription]:
        """Write the batch: attempts, then successes, failures, disabled subscriptions.

        Return these.
        """
        indexing = self._policy.indexing
        attempts = [_attempt(verdict.finished) for verdict in self._verdicts]
        attempts += [_cut_off(one) for one in self._returned if one.attempted]
        if attempts:
            tx.outcomes.record(attempts, indexing=indexing)
        delivered = [
            one.finished.lease.delivery.id for one in self._verdicts if one.fate is _Fate.DELIVERED
        ]
        if delivered:
            taken = tx.outcomes.mark_delivered(delivered, owner=self._owner)
            if taken:
                tx.outcomes.record(self._overtaken(taken, tx.now()), indexing=indexing)
        self._write_failures(tx)
        if self._returned:
            tx.outcomes.give_back([one.lease.claim for one in self._returned], owner=self._owner)
        return self._disable(tx) if self._gone else ()

    def _disable(self, tx: LedgerTransaction) -> Sequence[Subscription]:
        """Disable what wants no more, unless it was given another target meanwhile."""
        found = [(one, tx.subscriptions.lock_one(one.id)) for one in self._gone]
        gone = [
            seen
            for seen, now in found
            if now is not None
            and now.status is SubscriptionStatus.ENABLED
            and (now.sink, now.target) == (seen.sink, seen.target)
        ]
        if gone:
            tx.subscriptions.set_status([one.id for one in gone], SubscriptionStatus.DISABLED)
            tx.access.write_audit([_disabled(one) for one in gone])
        return gone

    def _overtaken(self, claims: Sequence[Claim], now: int) -> list[Attempt]:
        """Return the attempts of others which successes of this batch have overtaken."""
        leases = {one.finished.lease.delivery.id: one.finished.lease for one in self._verdicts}
        return [
            Attempt.abandoned(
                claim,
                target=leases[claim.id].subscription.target,
                started_at=now,
                detail="an earlier attempt succeeded late",
            )
            for claim in claims
        ]

    def _write_failures(self, tx: LedgerTransaction) -> None:
        groups: defaultdict[tuple[_Fate, float], list[Claim]] = defaultdict(list)
        for verdict in self._verdicts:
            if verdict.fate is not _Fate.DELIVERED:
                groups[verdict.fate, verdict.delay].append(verdict.finished.lease.claim)
        for (fate, delay), claims in groups.items():
            if fate is _Fate.RETRY:
                tx.outcomes.mark_failed(
                    claims,
                    owner=self._owner,
                    state=DeliveryState.WAITING,
                    due_at=tx.now() + micros(delay + self._policy.retry_backstop),
                    reason=None,
                )
                continue
            tx.outcomes.mark_failed(
                claims,
                owner=self._owner,
                state=DeliveryState.DEAD,
                due_at=None,
                reason=_REASONS[fate],
            )


def book(
    batch: Sequence[Finished | Returned], *, policy: Policy, clock: Clock, owner: UUID
) -> Booking:
    """Decide what becomes of each delivery of a batch, before any transaction."""
    verdicts = [
        _judge(one, policy=policy, clock=clock) for one in batch if isinstance(one, Finished)
    ]
    gone = {
        one.finished.lease.subscription.id: one.finished.lease.subscription
        for one in verdicts
        if one.finished.outcome.kind is OutcomeKind.GONE
    }
    return Booking(
        retries=tuple(
            ScheduledRetry(
                delivery_id=one.finished.lease.delivery.id,
                deaths=one.finished.lease.delivery.deaths + 1,
                delay=one.delay,
            )
            for one in verdicts
            if one.fate is _Fate.RETRY
        ),
        dead=tuple(
            DeliveryDied(
                delivery_id=one.finished.lease.delivery.id,
                subscription_id=one.finished.lease.subscription.id,
                sink=one.finished.lease.subscription.sink,
                reason=_REASONS[one.fate],
            )
            for one in verdicts
            if one.fate in _REASONS
        ),
        gone=tuple(gone[number] for number in sorted(gone)),
        verdicts=tuple(verdicts),
        returned=tuple(one for one in batch if isinstance(one, Returned)),
        policy=policy,
        owner=owner,
    )


def in_plain_words(finished: Finished) -> Finished:
    """Return it with as little as possible to write, for a ledger that refused the rest."""
    detail = f"bug in sink {finished.lease.subscription.sink}: the ledger refused its outcome"
    return evolve(finished, outcome=Outcome(kind=finished.outcome.kind, detail=detail))


def _disabled(subscription: Subscription) -> AuditEntry:
    return AuditEntry(
        id=uuid7(),
        who="worker",
        action="subscription.disable",
        subject=str(subscription.id),
        tenant=subscription.tenant,
        details={"reason": "the recipient answered 410 Gone"},
    )


def _judge(finished: Finished, *, policy: Policy, clock: Clock) -> _Verdict:
    outcome, lease = finished.outcome, finished.lease
    if outcome.kind is OutcomeKind.DELIVERED:
        return _Verdict(fate=_Fate.DELIVERED, finished=finished)
    if outcome.kind is not OutcomeKind.RETRYABLE:
        return _Verdict(fate=_Fate.PERMANENT, finished=finished)
    delay = delay_after(
        lease,
        outcome,
        finished.started + finished.duration,
        policy=policy,
        random=clock.random() if lease.subscription.retry.jitter else 0.5,
    )
    if delay is None:
        return _Verdict(fate=_Fate.EXHAUSTED, finished=finished)
    return _Verdict(fate=_Fate.RETRY, finished=finished, delay=delay)


def _attempt(finished: Finished) -> Attempt:
    lease, outcome = finished.lease, finished.outcome
    return Attempt(
        delivery_id=lease.delivery.id,
        claim_no=lease.delivery.claims,
        outcome=outcome.kind,
        detail=storable(outcome.detail, LONGEST_DETAIL),
        http_status=outcome.http_status,
        response=storable(outcome.response, LONGEST_RESPONSE),
        target=lease.subscription.target,
        started_at=lease.leased_at + micros(finished.started),
        duration=finished.duration,
    )


def _cut_off(returned: Returned) -> Attempt:
    lease = returned.lease
    return Attempt.abandoned(
        lease.claim,
        target=lease.subscription.target,
        started_at=lease.leased_at + micros(returned.started),
        detail="its worker was stopped",
        duration=returned.duration,
    )
