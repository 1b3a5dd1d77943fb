"""The thread that claims: it looks, decides what to claim, and hands on what it got."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final
from uuid import UUID

from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.calls import Calls
from asyncevents_core.engine.delivering.events import chunks_of, fan_out_chunk, is_large
from asyncevents_core.engine.delivering.leases import Claimant, Claimed, Resolved
from asyncevents_core.engine.delivering.operational import Operations
from asyncevents_core.engine.delivering.permits import Permits
from asyncevents_core.engine.delivering.rates import take_turns
from asyncevents_core.engine.delivering.recovery import Reaped, reap_workers
from asyncevents_core.engine.delivering.round import Round, RoundResult, claim_round
from asyncevents_core.engine.delivering.services import ServiceCaller
from asyncevents_core.engine.delivering.telling import tell_of_lost, tell_of_round
from asyncevents_core.engine.shared.progress import Progress
from asyncevents_core.errors import LedgerNotMigrated, LedgerUnavailable
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.observer import DeliveryDied, EventFailed, Observers, RoundClaimed
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.claim_state import PACE, ClaimState, Situation, Taken
from asyncevents_core.worker.deliverer import Deliverer
from asyncevents_core.worker.inboxes import Alarm, Bell, Inbox, ResolvedInbox
from asyncevents_core.worker.ledger_health import LedgerHealth

logger = logging.getLogger("asyncevents.worker.claimer")

_LONGEST_PAUSE: Final = 5.0
_RETRIES_AT_ONCE: Final = 500
_AWAY: Final = (LedgerUnavailable, LedgerNotMigrated)
"""What is worth waiting for; anything else fails again with the same rows."""
_LAST_TRANSACTION: Final = 5.0
"""Seconds for a transaction that is under way when time is over."""


class Claimer:
    """Claims what free permits can start at once, and nothing more."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        claimant: Claimant,
        permits: Permits,
        calls: Calls,
        roles: Collection[Role],
        hand_offs: Inbox,
        retries: Inbox,
        resolved: ResolvedInbox,
        alarm: Alarm,
        bell: Bell,
        health: LedgerHealth,
        clock: Clock,
        services: ServiceCaller,
        deliverer: Deliverer,
        bookkeeper: Bookkeeper,
        observers: Observers,
    ) -> None:
        self._ledger = ledger
        self._claimant = claimant
        self._permits = permits
        self._calls = calls
        self._hand_offs = hand_offs
        self._retries = retries
        self._resolved = resolved
        self._alarm = alarm
        self._bell = bell
        self._health = health
        self._clock = clock
        self._services = services
        self._deliverer = deliverer
        self._bookkeeper = bookkeeper
        self._observers = observers
        self._operations = Operations(claimant.policy.source)
        self._state = ClaimState(roles=frozenset(roles))
        self.claimed = 0
        """Events that this worker has claimed."""
        self.stale = 0
        """Ids in hand-offs that found nothing to do: sent twice, swept before, or unknown."""
        self.progress = Progress("the claimer")
        self._stop = threading.Event()
        self._stopped_claiming = threading.Event()
        self._give_up_at = 0.0
        self._thread = threading.Thread(target=self._run, name="claimer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def claim_no_more(self, grace: float) -> None:
        """Begin no other round; for `grace` seconds fan out what services return. No waiting."""
        self._give_up_at = time.monotonic() + grace
        self._stop.set()
        self._bell.ring()

    def stop(self, grace: float) -> None:
        """Claim nothing more; waits up to `grace` seconds for the transaction under way.

        As long, what services still return is fanned out: `join` waits for that.
        """
        self.claim_no_more(grace)
        if not self._stopped_claiming.wait(grace):
            logger.warning("a transaction hangs; what it claims is left to other workers")

    def join(self) -> None:
        """Wait for the thread, but not for a transaction that hangs; `stop` comes first."""
        self._thread.join(max(0.0, self._give_up_at - time.monotonic()) + _LAST_TRANSACTION)

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way through this thread."""
        on_the_way = len(self._resolved) or len(self._hand_offs) or len(self._retries)
        return self._state.idle and not on_the_way

    def _run(self) -> None:
        self.progress.begin()
        pause = 0.0
        try:
            while not self._stop.is_set():
                self._wait(pause or self._state.pause(self._look()))
                if self._stop.is_set():
                    break
                begun = time.monotonic()
                pause = self._try(self._claim, pause)
                if not pause:
                    time.sleep(max(0.0, PACE - (time.monotonic() - begun)))
        finally:
            self._stopped_claiming.set()
        self._finish()
        self.progress.end()

    def _wait(self, timeout: float) -> None:
        self.progress.rest()
        self._bell.wait(timeout)
        self.progress.step()

    def _finish(self) -> None:
        """Fan out what services return within the grace; workers take it as due rows.

        And write down what filters did since the last time.
        """
        pause = 0.0
        while self._state.resolving and (left := self._give_up_at - time.monotonic()) > 0:
            if pause or not len(self._resolved):
                self._wait(min(left, pause or left))
            pause = self._try(self._fan_out_late, pause)
        self._try(self._write_filter_counts, 0.0)

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

    def _look(self) -> Situation:
        now = time.monotonic()
        next_alarm = self._alarm.next
        return Situation(
            now=now,
            hand_offs=len(self._hand_offs),
            retries=len(self._retries),
            resolved=len(self._resolved),
            alarm=next_alarm is not None and next_alarm <= now,
            next_alarm=next_alarm,
            free=self._permits.free,
            in_flight=self._permits.in_flight,
            unwritten=self._bookkeeper.unwritten,
            ledger_down=self._health.down,
            ledger_settled=self._health.settled,
            ledger_steady=self._health.steady,
        )

    def _claim(self) -> None:
        seen = self._look()
        if self._state.outcomes_first(seen):
            return
        resolved = self._take_resolved()
        state = self._state
        parked = self._permits.with_room(state.parked) if state.room(seen) > 0 else []
        lines = self._calls.with_room(state.lines_to_claim(seen), self._claimant.definitions)
        taken = Taken(
            resolved=resolved,
            hand_offs=self._hand_offs.take(state.ids_to_take(seen, parked)),
            retries=self._retries.take(_RETRIES_AT_ONCE),
        )
        self._alarm.ring_off(seen.now)
        wanted = state.next_round(seen, taken, parked, lines)
        if wanted is None:
            return
        begun = self._clock.monotonic()
        try:
            result = self._ledger.run(functools.partial(self._round, wanted=wanted))
        except Exception as error:
            self._hand_offs.put_back(taken.hand_offs)
            self._retries.put_back(taken.retries)
            if isinstance(error, _AWAY):
                self._resolved.put_back(taken.resolved)
            else:
                self._fan_out_singly(taken.resolved)
            raise
        self._claimant.looks.settle()
        self._permits.take(result.permits)
        self._calls.take(result.calls)
        if result.permits.starved:
            delay = take_turns(self._ledger, self._permits, result.permits)
            if delay is not None:
                self._alarm.set(delay)
        if self._health.found():
            logger.info("the ledger answers again")
        self._hand_offs.acknowledge(taken.hand_offs)
        self._retries.acknowledge(taken.retries)
        claimed = result.claimed
        self._state = state.after(seen, wanted, claimed, random=self._clock.random())
        self._hand_on(claimed, begun)
        if state.reaps(seen):
            self._reap()

    def _reap(self) -> None:
        """Make the leases of vanished workers due, a transaction per batch."""
        self._operations.refresh(self._ledger)
        self._write_filter_counts()
        leases = 0
        reaped = Reaped(more=True)
        while reaped.more and not self._stop.is_set():
            self.progress.step()
            reaped = self._ledger.run(self._reap_some)
            leases += reaped.leases
        if leases:
            logger.warning("workers have vanished", extra={"leases": leases})

    def _write_filter_counts(self) -> None:
        content = self._claimant.content
        counts = content.take_counts()
        if not counts:
            return
        written: set[int] = set()
        try:
            written = self._ledger.run(lambda tx: tx.subscriptions.add_filter_counts(counts))
        finally:
            content.put_back({k: v for k, v in counts.items() if k not in written})

    def _reap_some(self, tx: LedgerTransaction) -> Reaped:
        reaped = reap_workers(tx, me=self._claimant.owner)
        tell_of_lost(tx, self._operations, reaped.lost)
        return reaped

    def _round(self, tx: LedgerTransaction, *, wanted: Round) -> RoundResult:
        # Run again where others hold locks: each time is a step.
        self.progress.step()
        result = claim_round(tx, self._claimant, wanted, self._permits, self._calls)
        tell_of_round(tx, self._operations, self._claimant, result.claimed)
        return result

    def _hand_on(self, claimed: Claimed, begun: float) -> None:
        self.claimed += claimed.events
        self.stale += claimed.stale
        if claimed.dead:
            self._bookkeeper.bury([one.id for one in claimed.dead])
        if claimed.leases:
            self._deliverer.submit(claimed.leases, begun)
        for resolving in claimed.resolving:
            self._services.submit(resolving, self._resolved)
        if self._observers.any:
            self._tell(claimed, self._clock.monotonic() - begun)

    def _tell(self, claimed: Claimed, seconds: float) -> None:
        self._observers.tell(
            RoundClaimed(
                events=claimed.events,
                deliveries=[lease.delivery.id for lease in claimed.leases],
                resolving=len(claimed.resolving),
                stale=claimed.stale,
                more=claimed.left_waiting or claimed.more_events,
                seconds=seconds,
            )
        )
        for dead in claimed.dead:
            subscription = self._claimant.subscriptions.get(dead.subscription_id)
            self._observers.tell(
                DeliveryDied(
                    delivery_id=dead.id,
                    subscription_id=dead.subscription_id,
                    sink=None if subscription is None else subscription.sink,
                    reason=DeadReason.POISON,
                )
            )
        for one in claimed.failed:
            self._observers.tell(EventFailed(event_id=one.id, event_name=one.name, error=one.error))

    # -- what services returned ---------------------------------------------------------------

    def _take_resolved(self) -> list[Resolved]:
        """Take what a round can fan out. What is large is fanned out here, in chunks."""
        waiting = deque(self._resolved.take())
        taken: list[Resolved] = []
        try:
            while waiting:
                one = waiting.popleft()
                data_is_there = one.error is None and not one.unstarted
                if data_is_there and is_large(self._claimant, one.resolving.event):
                    self._fan_out_large(one)
                else:
                    taken.append(one)
        except _AWAY:
            self._resolved.put_back([*taken, one, *waiting])
            raise
        except Exception:
            self._resolved.put_back([*taken, *waiting])
            raise
        return taken

    def _fan_out_large(self, resolved: Resolved) -> None:
        """Fan a large event out, a transaction per chunk; workers then take it as due rows."""
        event = resolved.resolving.event
        chunks = chunks_of(self._claimant, event)
        for number, chunk in enumerate(chunks, start=1):
            self.progress.step()
            write = functools.partial(
                fan_out_chunk,
                claimant=self._claimant,
                resolved=resolved,
                subscriptions=chunk,
                last=number == len(chunks),
            )
            try:
                owned = self._ledger.run(write)
            except _AWAY:
                raise
            except Exception:
                # Whoever finds its lease run out tries again.
                self._strike_off(event.id)
                raise
            if not owned:
                break
        self._strike_off(event.id)

    def _fan_out_late(self) -> None:
        self._fan_out_singly(self._take_resolved())

    def _fan_out_singly(self, resolved: Sequence[Resolved]) -> None:
        """Fan out what services returned, each in its own transaction, for workers to take.

        So a result that cannot be written keeps no others waiting: it becomes a failure.
        """
        left = deque(resolved)
        while left:
            self.progress.step()
            wanted = Round(resolved=[left[0]])
            try:
                self._ledger.run(functools.partial(self._round, wanted=wanted))
            except _AWAY:
                self._resolved.put_back(list(left))
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
            self._strike_off(left.popleft().resolving.event.id)

    def _strike_off(self, event_id: UUID) -> None:
        self._state = self._state.without(event_id)
