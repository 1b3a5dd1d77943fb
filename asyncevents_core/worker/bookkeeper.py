"""The thread that writes outcomes, in groups, and the worker's beats."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.engine.delivering.operational import Operations
from asyncevents_core.engine.delivering.outcomes import (
    Booking,
    Finished,
    Returned,
    book,
    in_plain_words,
)
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.engine.delivering.recovery import retire
from asyncevents_core.engine.shared.progress import Progress
from asyncevents_core.errors import (
    LedgerError,
    LedgerNotMigrated,
    LedgerUnavailable,
)
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.observer import Observers
from asyncevents_core.ports.retry import RetryManager
from asyncevents_core.worker.inboxes import Alarm, Bell
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.recipients import Recipients
from asyncevents_core.worker.retry_teller import RetryTeller
from asyncevents_core.worker.vitals import Vitals

logger = logging.getLogger("asyncevents.worker.bookkeeper")

BATCH: Final = 500
PACE: Final = 0.025
"""Seconds from one batch to the next: nobody waits for an outcome, and each commit costs."""
BEAT_EVERY: Final = 5.0
_LONGEST_PAUSE: Final = 2.0
"""Between tries during an outage: beats must be back well before silent workers are reaped."""
_WAITED: Final = 1.0
"""Seconds after which a transaction that is run again has waited for locks of somebody else."""
_LOOK_AGAIN: Final = 1.0
"""Seconds until outcomes that somebody keeps from being written are tried again."""
_LAST_COMMIT: Final = 5.0
"""Seconds for a commit that is under way when time is over."""
_LAST_WORDS: Final = 5.0
"""Seconds to tell the retry manager what it does not know yet."""


class _LocksHeld(Exception):
    """Somebody holds locks on deliveries of a batch, or on something else that it writes."""


class Bookkeeper:
    """Writes outcomes: at once when idle, in groups under load, again after an outage.

    Outcomes of deliveries that somebody has locked are set aside, and hold up no others.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        retries: RetryManager,
        worker: WorkerRow,
        policy: Policy,
        clock: Clock,
        health: LedgerHealth,
        vitals: Vitals,
        alarm: Alarm,
        bell: Bell,
        observers: Observers,
    ) -> None:
        self._recipients = Recipients(policy.failure, Operations(policy.source), observers)
        self._ledger = ledger
        self._teller = RetryTeller(retries)
        self._worker = worker
        self._policy = policy
        self._clock = clock
        self._health = health
        self._vitals = vitals
        self.progress = Progress("the bookkeeper")
        self._alarm = alarm
        self._claimers_bell = bell
        self._observers = observers
        self._queue: deque[Finished | Returned] = deque()
        self._neighbours: deque[Neighbour] = deque()
        self._pending = 0
        self._aside: list[Finished | Returned] = []
        """Outcomes of deliveries that somebody has locked."""
        self._aside_until = 0.0
        self._locks_told = False
        self._bell = Bell()
        self._stopping = threading.Event()
        self._give_up_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="bookkeeper", daemon=True)

    @property
    def telling(self) -> Progress:
        """How far the thread is that tells the retry manager."""
        return self._teller.progress

    @property
    def unwritten(self) -> int:
        """How many outcomes are not in the ledger yet."""
        return len(self._queue) + self._pending + len(self._aside)

    def start(self) -> None:
        """Write the first beat, then start the thread. Raises `LedgerError`."""
        self._ledger.run(self._beat)
        self._health.beaten()
        self._refresh()
        self._teller.start()
        self._thread.start()

    def put(self, item: Finished | Returned) -> None:
        """Queue an outcome. Never blocks. Thread-safe."""
        self._queue.append(item)
        self._bell.ring()

    def bury(self, delivery_ids: Sequence[UUID]) -> None:
        """Tell the retry manager of dead letters, soon. Thread-safe."""
        self._teller.bury(delivery_ids)

    def met(self, neighbours: Sequence[Neighbour]) -> None:
        """Write down, with the next beat, who else uses the same queues. Thread-safe."""
        self._neighbours.extend(neighbours)

    def stop(self, timeout: float) -> bool:
        """Write what is queued, take the worker off the list, stop; False if time ran out."""
        self._give_up_at = time.monotonic() + timeout
        self._stopping.set()
        self._bell.ring()
        self._thread.join(timeout + _LAST_COMMIT)
        self._teller.stop(_LAST_WORDS)
        return not self.unwritten

    def _run(self) -> None:
        self.progress.begin()
        next_beat = time.monotonic() + BEAT_EVERY
        while not self._stopping.is_set() or (self.unwritten and not self._too_late()):
            if not self._queue:
                self.progress.rest()
                until = min(next_beat, self._aside_until) if self._aside else next_beat
                self._bell.wait(until - time.monotonic())
            self.progress.step()
            begun = time.monotonic()
            if begun >= next_beat:
                # Without progress no sign of life: others take over.
                if not self._vitals.stalled and self._persist(
                    partial(self._ledger.run, self._beat)
                ):
                    self._health.beaten()
                self._persist(self._refresh)
                self._persist(self._note_neighbours)
                self._write_counts()
                next_beat = begun + BEAT_EVERY
            if self._aside and begun >= self._aside_until:
                self._write_batch(self._take_aside(), self._write_unlocked)
            if self._queue:
                self._write_batch(self._take(), self._write_together)
                self._stopping.wait(max(0.0, PACE - (time.monotonic() - begun)))
        if not self.unwritten:
            self._write_counts()
            self._sign_off()
        self.progress.end()

    def _take(self) -> list[Finished | Returned]:
        """Take a batch out of the queue, and count what it says of recipients."""
        batch: list[Finished | Returned] = []
        # Counted before it leaves the queue: `unwritten` must never miss it.
        self._pending = min(BATCH, len(self._queue))
        while self._queue and len(batch) < BATCH:
            batch.append(self._queue.popleft())
        self._recipients.count(batch)
        return batch

    def _take_aside(self) -> list[Finished | Returned]:
        self._pending = len(self._aside)
        batch, self._aside = self._aside, []
        return batch

    def _write_batch(
        self, batch: list[Finished | Returned], write: Callable[[list[Finished | Returned]], bool]
    ) -> None:
        """Write what was taken. What the ledger refuses is written one by one."""
        self._pending = len(batch)
        try:
            if write(batch):
                self._pending = 0
        except Exception:
            logger.exception("outcomes were refused; they are written one by one")
            for one in batch:
                if not self._write_alone(one):
                    break
                self._pending -= 1
        # What is left has to wait: time ran out.
        self._queue.extendleft(reversed(batch[len(batch) - self._pending :]))
        self._pending = 0
        self._claimers_bell.ring()

    def _write_together(self, batch: list[Finished | Returned]) -> bool:
        """Write a batch, without what somebody has locked; False if time ran out."""
        begun = time.monotonic()

        def hurry() -> None:
            if time.monotonic() - begun > _WAITED:
                raise _LocksHeld

        try:
            return self._write(batch, insist=False, before=hurry)
        except _LocksHeld:
            return self._write_unlocked(batch)

    def _write_unlocked(self, batch: list[Finished | Returned]) -> bool:
        """Write what nobody has locked, and set the rest aside; False if time ran out."""

        def write(tx: LedgerTransaction) -> tuple[Booking, list[Finished | Returned]]:
            self.progress.step()
            free = tx.outcomes.lock({one.lease.delivery.id for one in batch})
            booking = self._decided([one for one in batch if one.lease.delivery.id in free])
            self._recipients.write(tx, booking)
            return booking, [one for one in batch if one.lease.delivery.id not in free]

        def once() -> None:
            booking, locked = self._ledger.run(write)
            self._settle(booking)
            self._set_aside(locked)

        return self._persist(once, insist=False)

    def _set_aside(self, locked: list[Finished | Returned]) -> None:
        self._aside += locked
        self._aside_until = time.monotonic() + _LOOK_AGAIN
        if self._aside and not self._locks_told:
            logger.warning(
                "somebody has locked deliveries; their outcomes wait, and others go on",
                extra={"deliveries": len(self._aside)},
            )
        elif self._locks_told and not self._aside:
            logger.info("nobody locks deliveries any more")
        self._locks_told = bool(self._aside)

    def _write(
        self,
        batch: Sequence[Finished | Returned],
        *,
        insist: bool,
        before: Callable[[], None] = lambda: None,
    ) -> bool:
        """Write a batch; False if time ran out. `before` is called each time that it is tried."""
        booking = self._decided(batch)

        def write(tx: LedgerTransaction) -> None:
            # Run again where others hold locks: each time is a step.
            self.progress.step()
            before()
            self._recipients.write(tx, booking)

        if not self._persist(partial(self._ledger.run, write), insist=insist):
            return False
        self._settle(booking)
        return True

    def _decided(self, batch: Sequence[Finished | Returned]) -> Booking:
        return book(batch, policy=self._policy, clock=self._clock, owner=self._worker.id)

    def _settle(self, booking: Booking) -> None:
        """Say what was written."""
        self._recipients.tell()
        self._announce(booking)

    def _write_alone(self, one: Finished | Returned) -> bool:
        """Write one of a batch that was refused; if it is the culprit, in other words."""
        if isinstance(one, Finished):
            try:
                return self._write([one], insist=False)
            except Exception:
                logger.exception(
                    "an outcome was refused; written without its details",
                    extra={"delivery": str(one.lease.delivery.id)},
                )
                one = in_plain_words(one)
        return self._write([one], insist=True)

    def _write_counts(self) -> None:
        """Write how recipients fare, where no further batch may come soon, or at all."""
        if self._recipients.pending and self._persist(
            partial(self._ledger.run, self._recipients.write_rest)
        ):
            self._recipients.tell()

    def _note_neighbours(self) -> None:
        met = list(self._neighbours)
        if met:
            self._ledger.run(lambda tx: tx.neighbours.note(met))
        for _ in met:
            self._neighbours.popleft()

    def _refresh(self) -> None:
        """Hear of what operators have set at run time, and of recipients that fail."""
        self._policy.run_time.refresh(self._ledger)
        self._recipients.refresh(self._ledger)

    def _announce(self, booking: Booking) -> None:
        if booking.retries:
            self._teller.schedule(booking.retries)
            self._alarm.set(min(retry.delay for retry in booking.retries))
        if booking.dead:
            self._teller.bury([one.delivery_id for one in booking.dead])
        for died in booking.dead:
            self._observers.tell(died)

    def _persist(self, write: Callable[[], object], *, insist: bool = True) -> bool:
        """Write until it works; False only when stopping and out of time.

        Unless told to `insist`, raises what is no outage.
        """
        pause = 0.1
        while True:
            self.progress.step()
            try:
                write()
            except (LedgerUnavailable, LedgerNotMigrated) as error:
                if self._health.lost():
                    logger.warning(
                        "the ledger does not answer; outcomes wait", extra={"error": str(error)}
                    )
            except Exception:
                if not insist:
                    raise
                logger.exception("writing outcomes failed; they are kept and written again")
            else:
                if self._health.found():
                    logger.info("the ledger answers again")
                return True
            if self._too_late():
                return False
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _too_late(self) -> bool:
        return self._give_up_at is not None and time.monotonic() >= self._give_up_at

    def _beat(self, tx: LedgerTransaction) -> None:
        self.progress.step()
        tx.workers.beat(evolve(self._worker, trouble=self._vitals.trouble))

    def _sign_off(self) -> None:
        try:
            self._note_neighbours()
            self._ledger.run(lambda tx: retire(tx, self._worker.id))
        except LedgerError as error:
            logger.warning("the worker's row stays; others remove it", extra={"error": str(error)})
