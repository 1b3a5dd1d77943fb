"""How recipients fare: failures in a row, what people are told, and when a subscription ends.

Counted in memory, and written in the transaction of outcomes: for one subscription once a second
at most, and only while it fails. What a worker has counted and not written dies with it, if it is
killed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.failing import LONGEST_ERROR, FailurePolicy, Streak, Turn
from asyncevents_core.domain.instant import iso, to_datetime, uuid7
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.engine.delivering.outcomes import Finished
from asyncevents_core.ports.ledger import LedgerTransaction
from asyncevents_core.ports.ledger.subscriptions import KeptStreak

_WRITTEN_EVERY: Final = 1.0
_WORKER: Final = "worker"


@define
class _Tally:
    """Attempts of one subscription since the last time they were written.

    `failures` are those after the last success, if there was one. `telling` says whether people
    hear of it: not if all of it was about events that tell people something.
    """

    subscription: Subscription
    succeeded: bool = False
    failures: int = 0
    error: str = ""
    telling: bool = False

    def add(self, finished: Finished) -> None:
        self.subscription = finished.lease.subscription
        self.telling |= not finished.lease.event.is_operational
        if finished.outcome.kind is OutcomeKind.DELIVERED:
            self.succeeded = True
            self.failures, self.error = 0, ""
            return
        self.failures += 1
        self.error = storable(finished.outcome.detail, LONGEST_ERROR)

    def after(self, kept: Streak, now: int) -> Streak:
        """Return the streak with these attempts behind it, which ended just before `now`."""
        before = Streak() if self.succeeded else kept
        if not self.failures:
            return before
        return evolve(
            before,
            failures=before.failures + self.failures,
            since=before.since or now,
            error=self.error,
        )


@frozen(kw_only=True)
class Turned:
    """A subscription whose recipient begins to fail, fails for too long, or is well again.

    `telling`: whether people may hear of it by an event.
    """

    subscription: Subscription
    turn: Turn
    streak: Streak
    telling: bool


@define
class Health:
    """Counts attempts by subscription. Belongs to one thread.

    `usual` is the policy of subscriptions that have none of their own; it says everything.
    """

    usual: FailurePolicy
    _failing: set[int] = field(factory=set, init=False)
    """Those that are known to fail, by whoever found out."""
    _tallies: dict[int, _Tally] = field(factory=dict, init=False)
    _next_write: float = field(default=0.0, init=False)
    _written: dict[int, bool] = field(factory=dict, init=False)
    """Subscriptions that were written, and whether they fail now."""

    def know(self, failing: Collection[int]) -> None:
        """Hear which subscriptions fail: their successes count from now on."""
        self._failing = set(failing)

    def count(self, batch: Iterable[object]) -> None:
        """Count attempts that are over, in their order."""
        for one in batch:
            if not isinstance(one, Finished):
                continue
            number = one.lease.subscription.id
            tally = self._tallies.get(number)
            if tally is None:
                well = one.outcome.kind is OutcomeKind.DELIVERED and number not in self._failing
                if well or one.outcome.kind is OutcomeKind.ABANDONED:
                    continue
                tally = self._tallies[number] = _Tally(one.lease.subscription)
            tally.add(one)

    @property
    def pending(self) -> bool:
        """Whether something was counted and is not written yet."""
        return bool(self._tallies)

    def write(self, tx: LedgerTransaction, *, at_once: bool = False) -> Sequence[Turned]:
        """Write what was counted, and return what it comes to, once it is committed.

        Without `at_once` only if it is time to. Subscriptions that somebody else has locked, or
        has changed meanwhile, are left: the first until the next time, the others for good.
        """
        self._written = {}
        if not self._tallies or (time.monotonic() < self._next_write and not at_once):
            return ()
        kept = tx.subscriptions.lock_streaks(sorted(self._tallies))
        streaks: dict[int, Streak] = {}
        turned: list[Turned] = []
        for number, row in kept.items():
            tally = self._tallies[number]
            self._written[number] = False
            if _is_about_another(tally.subscription, row):
                continue
            turn, streak = self._decide(tally, row.streak, tx.now())
            self._written[number] = streak.failures > 0
            if streak != row.streak:
                streaks[number] = streak
            if turn is not Turn.NONE:
                turned.append(
                    Turned(
                        subscription=tally.subscription,
                        turn=turn,
                        streak=streak if turn is not Turn.RECOVER else row.streak,
                        telling=tally.telling,
                    )
                )
        tx.subscriptions.set_streaks(streaks)
        ended = [one.subscription.id for one in turned if one.turn is Turn.DISABLE]
        if ended:
            tx.subscriptions.set_status(ended, SubscriptionStatus.DISABLED)
        if turned:
            tx.access.write_audit([_entry(one) for one in turned])
        return turned

    def settle(self) -> None:
        """Forget what was written: its transaction is committed."""
        if not self._written:
            return
        for number, fails in self._written.items():
            del self._tallies[number]
            if fails:
                self._failing.add(number)
            else:
                self._failing.discard(number)
        self._written = {}
        self._next_write = time.monotonic() + _WRITTEN_EVERY

    def _decide(self, tally: _Tally, kept: Streak, now: int) -> tuple[Turn, Streak]:
        streak = tally.after(kept, now)
        if not streak.failures:
            return (Turn.NONE if kept.warned_at is None else Turn.RECOVER), Streak()
        if not tally.failures:
            return Turn.NONE, streak
        turn = streak.turn(tally.subscription.failure.over(self.usual), now)
        return turn, streak if turn is Turn.NONE else evolve(streak, warned_at=now)


def _is_about_another(seen: Subscription, row: KeptStreak) -> bool:
    """Tell whether a subscription was changed, or disabled, since these attempts were leased."""
    return row.status is not SubscriptionStatus.ENABLED or row.modified_at != seen.modified_at


_ACTIONS: Final[Mapping[Turn, str]] = {
    Turn.WARN: "subscription.failing",
    Turn.DISABLE: "subscription.disable",
    Turn.RECOVER: "subscription.recover",
}


def _entry(one: Turned) -> AuditEntry:
    details: dict[str, object] = {"failures": one.streak.failures}
    if one.streak.since is not None:
        details["failing_since"] = iso(to_datetime(one.streak.since))
    if one.turn is not Turn.RECOVER:
        details["error"] = one.streak.error
    if one.turn is Turn.DISABLE:
        details["reason"] = "the recipient has failed for too long"
    return AuditEntry(
        id=uuid7(),
        who=_WORKER,
        action=_ACTIONS[one.turn],
        subject=str(one.subscription.id),
        tenant=one.subscription.tenant,
        details=details,
    )
