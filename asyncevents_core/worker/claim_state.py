"""What the claiming thread does next: decided by pure functions of what it knows and sees."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from attrs import evolve, field, frozen

from asyncevents_core.domain.event import ALONE_LINE
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.leases import Claimed, Resolved
from asyncevents_core.engine.delivering.round import Round
from asyncevents_core.ports.broker import HandOff

PACE: Final = 0.005
"""Seconds from one round to the next, at least."""
SWEEP_EVERY: Final = 1.0
REAP_EVERY: Final = 5.0
BLOCKED_WAIT: Final = 0.05
"""Seconds to wait for a permit, or for outcomes to be written."""
MOST_UNWRITTEN: Final = 2_000
"""With so many outcomes unwritten nothing more is started; none is ever dropped."""
SUSPECTS_EVERY: Final = 1.0
"""Seconds from the end of one event that is resolved alone to the next: others have a turn."""
MOST_EVENTS: Final = 64
"""Events that a round takes from hand-offs, and as many from the sweep: with more of them, those
that are claimed wait for the loop while permits fall free."""


@frozen(kw_only=True)
class Situation:
    """What one look at the process and its ledger shows. Times are monotonic seconds."""

    now: float
    hand_offs: int = 0
    """Messages with ids of events that wait."""
    retries: int = 0
    """Messages of the retry manager that wait."""
    resolved: int = 0
    """Results of services that wait."""
    alarm: bool = False
    """The time of a retry has come that this process scheduled."""
    next_alarm: float | None = None
    free: int = 0
    """Permits."""
    in_flight: int = 0
    """Attempts under way."""
    unwritten: int = 0
    """Outcomes that are not in the ledger yet."""
    ledger_down: bool = False
    ledger_settled: bool = True
    """Leases that ran out may be claimed: their owners have had time to write outcomes."""
    ledger_steady: bool = True
    """Silent workers may be taken for vanished: those who live have had time to beat."""


@frozen(kw_only=True)
class Taken:
    """What the next round takes along; it is given back if the round fails."""

    hand_offs: Sequence[HandOff] = ()
    retries: Sequence[HandOff] = ()
    resolved: Sequence[Resolved] = ()

    def __bool__(self) -> bool:
        return bool(self.hand_offs or self.retries or self.resolved)


@frozen(kw_only=True)
class ClaimState:
    """What the claiming thread knows from the rounds before. Times are monotonic seconds."""

    roles: frozenset[Role]
    next_sweep: float = 0.0
    next_reap: float = 0.0
    resolving: frozenset[UUID] = field(default=frozenset(), repr=False)
    """Events whose service is being called."""
    parked: frozenset[int] = field(default=frozenset(), repr=False)
    """Subscriptions that have parked deliveries."""
    lines: frozenset[str] = frozenset()
    """Lines that have parked events."""
    more_events: bool = False
    more_due: bool = False
    more_held: bool = False
    """Held deliveries wait to be released: when those before them have begun."""
    alone: bool = False
    """A delivery runs alone, or waits for that: nothing else starts."""
    resolving_alone: UUID | None = None
    """The event that was the last to be resolved alone."""
    next_suspect: float = 0.0
    """Until then events that need not be resolved alone have their turn."""

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way, as far as the rounds know."""
        return not (self.resolving or self.more_events or self.more_due or self.more_held)

    def busy(self, seen: Situation) -> bool:
        """Tell whether a delivery would not be alone in this process."""
        return bool(seen.in_flight or self.resolving)

    def calls_services(self, seen: Situation) -> bool:
        """Tell whether services may be called: not while one runs alone, or waits for that."""
        alone = self.resolving_alone in self.resolving
        return not (self.alone or alone or self._suspects_turn(seen))

    def lines_to_claim(self, seen: Situation) -> Collection[str]:
        """Return the lines of events that may be claimed if their services have room."""
        if Role.TRIGGER not in self.roles or not self.calls_services(seen) or self.room(seen) <= 0:
            return ()
        return self.lines - {ALONE_LINE}

    def room(self, seen: Situation) -> int:
        """Return how many deliveries may start: none while outcomes pile up or one runs alone."""
        if (self.alone and self.busy(seen)) or seen.unwritten >= MOST_UNWRITTEN:
            return 0
        return seen.free

    def outcomes_first(self, seen: Situation) -> bool:
        """Tell whether to claim nothing yet.

        After an outage outcomes go first, or their deliveries would be sent again.
        """
        return seen.ledger_down and seen.unwritten > 0

    def pause(self, seen: Situation) -> float:
        """Return for how long to sleep before the next look, unless rung."""
        if self.outcomes_first(seen):
            return BLOCKED_WAIT
        if seen.resolved or seen.retries or (seen.next_alarm and seen.next_alarm <= seen.now):
            return 0.0
        if self.more_due or self.more_held or seen.hand_offs:
            return BLOCKED_WAIT if self.room(seen) <= 0 else 0.0
        wake = self.next_sweep
        if ALONE_LINE in self.lines and not self.resolving:
            wake = min(wake, max(self.next_suspect, seen.now + BLOCKED_WAIT))
        if seen.next_alarm is not None:
            wake = min(wake, seen.next_alarm)
        return max(0.0, wake - seen.now)

    def ids_to_take(self, seen: Situation, parked: Collection[int]) -> int:
        """Return how many ids of hand-offs to claim now; `parked` could start deliveries too."""
        room = self.room(seen)
        if Role.TRIGGER not in self.roles or room <= 0:
            return 0
        # With a backlog of deliveries that could start, half of the room is theirs.
        share = max(1, room // 2) if self.more_due or parked else room
        return min(share, MOST_EVENTS)

    def next_round(
        self, seen: Situation, taken: Taken, parked: Sequence[int], lines: Sequence[str]
    ) -> Round | None:
        """Return what to claim now; None if there is nothing to do.

        `parked` are the subscriptions with parked deliveries whose own permits allow more, `lines`
        those with parked events whose service has room.
        """
        room, sweep = self.room(seen), self._sweeps(seen)
        retry, trigger = Role.RETRY in self.roles, Role.TRIGGER in self.roles
        suspect = trigger and room > 0 and self._suspects_turn(seen) and not self.resolving
        may_be_due = seen.alarm or self.more_due or sweep or bool(taken.retries)
        due = retry and room > 0 and may_be_due
        release = retry and (self._looks_around(seen) or self._releases_more(seen))
        if not (taken or sweep or due or parked or lines or suspect or release):
            return None
        return Round(
            room=max(0, room),
            event_ids=_ids(taken.hand_offs),
            retry_ids=_ids(taken.retries),
            resolved=taken.resolved,
            parked=parked,
            due=due,
            expired=seen.ledger_settled,
            idle=not self.busy(seen),
            services=self.calls_services(seen),
            lines=lines,
            suspect=suspect and not self.alone,
            sweep=MOST_EVENTS if sweep and trigger else 0,
            release=release,
            find_lines=self._looks_around(seen) and trigger,
        )

    def reaps(self, seen: Situation) -> bool:
        """Tell whether to look for workers that have vanished, after the round.

        In a transaction of its own, so that a round never waits for what they have locked.
        """
        return self._looks_around(seen) and seen.ledger_steady

    def after(
        self, seen: Situation, wanted: Round, claimed: Claimed, *, random: float
    ) -> ClaimState:
        """Return the state after a round that is committed. `random` in 0..1 moves the sweep."""
        more_due = self.more_due
        if Role.RETRY in self.roles:
            unlooked = (self.more_due or bool(wanted.retry_ids)) and not wanted.due
            more_due = claimed.left_waiting or unlooked
        next_sweep, next_reap = self.next_sweep, self.next_reap
        if self._sweeps(seen):
            next_sweep = seen.now + self._until_sweep(seen, claimed, random)
        if self._looks_around(seen):
            next_reap = seen.now + REAP_EVERY
        fanned_out = {one.resolving.event.id for one in wanted.resolved}
        begun = {one.event.id for one in claimed.resolving}
        alone = [one.event.id for one in claimed.resolving if one.alone]
        # It is over, or it could not begin: calls of its service hang.
        others = self.resolving_alone in fanned_out or (wanted.suspect and not alone)
        return evolve(
            self,
            next_sweep=next_sweep,
            next_reap=next_reap,
            resolving=(self.resolving - fanned_out) | begun,
            parked=(self.parked - claimed.emptied) | claimed.parked,
            lines=(self.lines - claimed.emptied_lines) | claimed.lines,
            more_events=claimed.more_events,
            more_due=more_due,
            more_held=claimed.more_held if wanted.release else self.more_held,
            alone=(self.alone and self.busy(seen)) or claimed.runs_alone,
            resolving_alone=alone[0] if alone else self.resolving_alone,
            next_suspect=seen.now + SUSPECTS_EVERY if others else self.next_suspect,
        )

    def without(self, event_id: UUID) -> ClaimState:
        """Return the state after an event was fanned out apart: its deliveries are due rows."""
        return evolve(
            self, resolving=self.resolving - {event_id}, more_due=Role.RETRY in self.roles
        )

    def _sweeps(self, seen: Situation) -> bool:
        return seen.now >= self.next_sweep

    def _suspects_turn(self, seen: Situation) -> bool:
        return ALONE_LINE in self.lines and seen.now >= self.next_suspect

    def _looks_around(self, seen: Situation) -> bool:
        return self._sweeps(seen) and seen.now >= self.next_reap

    def _releases_more(self, seen: Situation) -> bool:
        return self.more_held and not self.more_due and self.room(seen) > 0

    def _until_sweep(self, seen: Situation, claimed: Claimed, random: float) -> float:
        if self.room(seen) <= 0:
            return BLOCKED_WAIT
        if claimed.more_events:
            # Without the broker this is the only source: go on while there is more. Where hand-offs
            # wait, most of these are theirs, which would be claimed in vain.
            return BLOCKED_WAIT if seen.hand_offs else PACE
        return SWEEP_EVERY * (0.9 + 0.2 * random)


def _ids(messages: Sequence[HandOff]) -> frozenset[UUID]:
    return frozenset(one for message in messages for one in message.ids)
