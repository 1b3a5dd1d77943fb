"""The thread that claims: T1 (claim) for hand-offs, T3 (due) for deliveries, T4 (sweep)."""

from __future__ import annotations

import functools
import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.claims import (
    ClaimResult,
    EventClaims,
    Lease,
    Resolved,
    Resolving,
)
from asyncevents_core.engine.delivering.permits import Permits
from asyncevents_core.errors import LedgerNotMigrated, LedgerUnavailable
from asyncevents_core.ports.broker import HandOff
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.worker.bell import Bell
from asyncevents_core.worker.bookkeeper import MOST_UNWRITTEN
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.receiver import Inbox
from asyncevents_core.worker.rounds import Round, Rounds

logger = logging.getLogger("asyncevents.worker.claimer")

PACE: Final = 0.005
SWEEP_EVERY: Final = 1.0
REAP_EVERY: Final = 5.0
_SWEEP_EVENTS: Final = 500
_LONGEST_PAUSE: Final = 5.0
_WOKEN_AT_ONCE: Final = 500
_BLOCKED_WAIT: Final = 0.05
_AWAY: Final = (LedgerUnavailable, LedgerNotMigrated)
"""What is worth waiting for; anything else fails again with the same rows."""
_LAST_TRANSACTION: Final = 5.0
"""Seconds for a transaction that is under way when time is over."""


@frozen(kw_only=True)
class Outlets:
    """Where the claimer's results go. All are safe to call from its thread."""

    deliver: Callable[[Sequence[Lease], float], None]
    resolve: Callable[[Resolving, Callable[[Resolved], None]], None]
    resolvable: Callable[[], int]
    acknowledge: Callable[[Sequence[HandOff]], None]
    acknowledge_woken: Callable[[Sequence[HandOff]], None]
    bury: Callable[[Sequence[UUID]], None]
    unwritten: Callable[[], int]


class Claimer:
    """Claims what free permits can start at once, and nothing more."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        rounds: Rounds,
        events: EventClaims,
        permits: Permits,
        roles: Collection[Role],
        most_resolving: int,
        inbox: Inbox,
        woken: Inbox,
        bell: Bell,
        health: LedgerHealth,
        clock: Clock,
        outlets: Outlets,
    ) -> None:
        self._ledger = ledger
        self._rounds = rounds
        self._events = events
        self._permits = permits
        self._roles = frozenset(roles)
        self._most_resolving = most_resolving
        self._inbox = inbox
        self._woken = woken
        self._bell = bell
        self._health = health
        self._clock = clock
        self._outlets = outlets
        self._resolved: deque[Resolved] = deque()
        self._resolving: set[UUID] = set()
        self._expected: list[float] = []
        self._parked: set[int] = set()
        self._more_events = False
        self._more_due = False
        self._alone = False
        self.claimed = 0
        """Events that this worker has claimed."""
        self.stale = 0
        """Ids in hand-offs that found nothing to do: sent twice, swept before, or unknown."""
        self._next_sweep = 0.0
        self._next_reap = 0.0
        self._stop = threading.Event()
        self._claimed = threading.Event()
        self._give_up_at = 0.0
        self._thread = threading.Thread(target=self._run, name="claimer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Claim nothing more; waits up to `grace` seconds for the transaction under way.

        As long, what services still return is fanned out: `join` waits for that.
        """
        self._give_up_at = time.monotonic() + grace
        self._stop.set()
        self._bell.ring()
        if not self._claimed.wait(grace):
            logger.warning("a transaction hangs; what it claims is left to other workers")

    def join(self) -> None:
        """Wait for the thread, but not for a transaction that hangs; `stop` comes first."""
        self._thread.join(max(0.0, self._give_up_at - time.monotonic()) + _LAST_TRANSACTION)

    def expect(self, delay: float) -> None:
        """A delivery becomes due in `delay` seconds: look then. Thread-safe."""
        heapq.heappush(self._expected, time.monotonic() + delay)
        self._bell.ring()

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way through this thread."""
        on_the_way = self._resolved or self._resolving or len(self._inbox) or len(self._woken)
        return not (on_the_way or self._more_events or self._more_due)

    def _run(self) -> None:
        pause = 0.0
        try:
            while not self._stop.is_set():
                self._bell.wait(pause or self._until_next())
                if self._stop.is_set():
                    break
                begun = time.monotonic()
                pause = self._try(self._cycle, pause)
                if not pause:
                    time.sleep(max(0.0, PACE - (time.monotonic() - begun)))
        finally:
            self._claimed.set()
        self._finish()

    def _finish(self) -> None:
        """Fan out what services return within the grace; workers take it as due rows."""
        pause = 0.0
        while self._resolving and (left := self._give_up_at - time.monotonic()) > 0:
            if pause or not self._resolved:
                self._bell.wait(min(left, pause or left))
            pause = self._try(self._fan_out_late, pause)

    def _try(self, step: Callable[[], None], pause: float) -> float:
        """Run a step; return how long to pause before the next: 0 when it worked."""
        try:
            step()
        except _AWAY as error:
            if self._health.lost():
                logger.warning(
                    "the ledger does not answer; claiming waits", extra={"error": str(error)}
                )
        except Exception:
            logger.exception("claiming failed; trying again")
        else:
            return 0.0
        return min(_LONGEST_PAUSE, max(0.2, pause * 2))

    def _until_next(self) -> float:
        """Return how long to sleep unless rung."""
        now = time.monotonic()
        if self._resolved or len(self._woken) or (self._expected and self._expected[0] <= now):
            return 0.0
        waiting = self._more_due or (len(self._inbox) and self._may_resolve() > 0)
        if waiting:
            return _BLOCKED_WAIT if self._room() <= 0 else 0.0
        wake = self._next_sweep
        if self._expected:
            wake = min(wake, self._expected[0])
        return max(0.0, wake - now)

    def _may_resolve(self) -> int:
        """Return how many more events may be claimed while services are being called."""
        return min(self._most_resolving - len(self._resolving), self._outlets.resolvable())

    def _room(self) -> int:
        """Return how many deliveries may start: none while outcomes pile up or one runs alone."""
        if self._alone:
            if self._permits.in_flight:
                return 0
            self._alone = False
        if self._outlets.unwritten() >= MOST_UNWRITTEN:
            return 0
        return self._permits.free

    def _cycle(self) -> None:
        now = time.monotonic()
        if self._health.down and self._outlets.unwritten():
            # After an outage outcomes go first, or their deliveries would be sent again.
            self._next_sweep = now + _BLOCKED_WAIT
            return
        resolved = self._take_resolved()
        room = self._room()
        sweep = now >= self._next_sweep
        expected = self._pop_expected(now)
        woken = self._woken.take(_WOKEN_AT_ONCE)
        wants_due = (
            Role.RETRY in self._roles
            and room > 0
            and (expected or self._more_due or sweep or bool(woken))
        )
        parked = self._permits.with_room(self._parked) if room > 0 else []
        messages: list[HandOff] = []
        if Role.TRIGGER in self._roles and room > 0:
            # With a backlog of deliveries that could start, half of the room is theirs.
            share = max(1, room // 2) if self._more_due or parked else room
            messages = self._inbox.take(min(share, self._may_resolve()))
        if not (messages or woken or resolved or sweep or wants_due or parked):
            return
        wanted = Round(
            room=room,
            messages=messages,
            woken=woken,
            resolved=resolved,
            parked=parked,
            due=wants_due,
            sweep=min(_SWEEP_EVENTS, self._may_resolve()) if sweep else None,
            reap=sweep and now >= self._next_reap,
        )
        taken = self._clock.monotonic()
        try:
            result, plan = self._ledger.run(lambda tx: self._rounds.execute(tx, wanted))
        except Exception as error:
            self._inbox.put_back(messages)
            self._woken.put_back(woken)
            if isinstance(error, _AWAY):
                self._resolved.extendleft(reversed(resolved))
            else:
                self._fan_out_singly(resolved)
            raise
        self._permits.take(plan)
        if plan.next_token is not None:
            heapq.heappush(self._expected, now + plan.next_token)
        if self._health.found():
            logger.info("the ledger answers again")
        self._outlets.acknowledge(messages)
        self._outlets.acknowledge_woken(woken)
        if sweep:
            self._next_sweep = now + self._until_sweep(room, result)
        if wanted.reap:
            self._next_reap = now + REAP_EVERY
        self._more_events = result.more_events
        if Role.RETRY in self._roles:
            unlooked = (self._more_due or bool(woken)) and not wants_due
            self._more_due = result.left_waiting or unlooked
        self._hand_on(result, taken, resolved)

    def _until_sweep(self, room: int, result: ClaimResult) -> float:
        if room <= 0:
            return _BLOCKED_WAIT
        if result.more_events:
            # Without the broker this is the only source: go on while there is more.
            return PACE
        return SWEEP_EVERY * (0.9 + 0.2 * self._clock.random())

    def _fan_out_late(self) -> None:
        self._fan_out_singly(self._take_resolved())

    def _fan_out_singly(self, resolved: Sequence[Resolved]) -> None:
        """Fan out what services returned, each in its own transaction, for workers to take.

        So a result that cannot be written keeps no others waiting: it becomes a failure.
        """
        left = deque(resolved)
        while left:
            wanted = Round(room=0, resolved=[left[0]])
            try:
                self._ledger.run(functools.partial(self._rounds.execute, wanted=wanted))
            except _AWAY:
                self._resolved.extendleft(reversed(left))
                raise
            except Exception as error:
                resolving = left[0].resolving
                logger.exception(
                    "the result of a service cannot be written",
                    extra={"event": str(resolving.event.id)},
                )
                if left[0].error is None:
                    left[0] = Resolved(
                        resolving=resolving, error=f"its result cannot be written: {error}"
                    )
                    continue
                # Not even that: whoever finds its lease run out tries again.
            self._resolving.discard(left.popleft().resolving.event.id)
            self._more_due = Role.RETRY in self._roles

    def _hand_on(self, result: ClaimResult, taken: float, resolved: Sequence[Resolved]) -> None:
        self.claimed += result.events
        self.stale += result.stale
        self._resolving.difference_update(one.resolving.event.id for one in resolved)
        self._parked -= result.emptied
        self._parked |= result.parked
        if result.wants_alone or any(lease.alone for lease in result.leases):
            self._alone = True
        if result.dead:
            self._outlets.bury(result.dead)
        if result.leases:
            self._outlets.deliver(result.leases, taken)
        for resolving in result.resolving:
            self._resolving.add(resolving.event.id)
            self._outlets.resolve(resolving, self._on_resolved)

    def _take_resolved(self) -> list[Resolved]:
        taken: list[Resolved] = []
        while self._resolved:
            one = self._resolved.popleft()
            data_is_there = one.error is None and not one.unstarted
            if data_is_there and self._events.large(one.resolving.event):
                if taken:
                    self._resolved.appendleft(one)
                    break
                self._fan_out_large(one)
                continue
            taken.append(one)
        return taken

    def _fan_out_large(self, resolved: Resolved) -> None:
        """Fan a large event out, a transaction per chunk; workers then take it as due rows."""
        chunks = self._events.chunks(resolved.resolving.event)
        for number, chunk in enumerate(chunks, start=1):
            last = number == len(chunks)

            def write(
                tx: LedgerTransaction, chunk: Sequence[Subscription] = chunk, last: bool = last
            ) -> bool:
                return self._events.fan_out_chunk(tx, resolved, chunk, last=last)

            try:
                owned = self._ledger.run(write)
            except _AWAY:
                self._resolved.appendleft(resolved)
                raise
            except Exception:
                # Whoever finds its lease run out tries again.
                self._resolving.discard(resolved.resolving.event.id)
                raise
            if not owned:
                break
        self._resolving.discard(resolved.resolving.event.id)
        self._more_due = Role.RETRY in self._roles

    def _on_resolved(self, resolved: Resolved) -> None:
        self._resolved.append(resolved)
        self._bell.ring()

    def _pop_expected(self, now: float) -> bool:
        found = False
        while self._expected and self._expected[0] <= now:
            heapq.heappop(self._expected)
            found = True
        return found
