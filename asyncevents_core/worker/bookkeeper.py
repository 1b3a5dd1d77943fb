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
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.domain.worker import WorkerRow
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
from asyncevents_core.ports.observer import Observers, SubscriptionChanged
from asyncevents_core.ports.retry import RetryManager
from asyncevents_core.worker.inboxes import Alarm, Bell
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.retry_teller import RetryTeller
from asyncevents_core.worker.vitals import Vitals

logger = logging.getLogger("asyncevents.worker.bookkeeper")

BATCH: Final = 500
PACE: Final = 0.025
"""Seconds from one batch to the next: nobody waits for an outcome, and each commit costs."""
BEAT_EVERY: Final = 5.0
_LONGEST_PAUSE: Final = 2.0
"""Between tries during an outage: beats must be back well before silent workers are reaped."""
_LAST_COMMIT: Final = 5.0
"""Seconds for a commit that is under way when time is over."""
_LAST_WORDS: Final = 5.0
"""Seconds to tell the retry manager what it does not know yet."""


class Bookkeeper:
    """Writes outcomes: at once when idle, in groups under load, again after an outage."""

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
        return len(self._queue) + self._pending

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
        while not self._stopping.is_set() or (self._queue and not self._too_late()):
            if not self._queue:
                self.progress.rest()
                self._bell.wait(next_beat - time.monotonic())
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
                next_beat = begun + BEAT_EVERY
            if self._queue:
                self._write_batch()
                self._stopping.wait(max(0.0, PACE - (time.monotonic() - begun)))
        if not self.unwritten:
            self._sign_off()
        self.progress.end()

    def _write_batch(self) -> None:
        batch: list[Finished | Returned] = []
        # Counted before it leaves the queue: `unwritten` must never miss it.
        self._pending = min(BATCH, len(self._queue))
        while self._queue and len(batch) < BATCH:
            batch.append(self._queue.popleft())
        self._pending = len(batch)
        try:
            self._write(batch, insist=False)
        except Exception:
            logger.exception("outcomes were refused; they are written one by one")
            for one in batch:
                if not self._write_alone(one):
                    break
        # What is left has to wait: time ran out.
        self._queue.extendleft(reversed(batch[len(batch) - self._pending :]))
        self._pending = 0
        self._claimers_bell.ring()

    def _write(self, batch: Sequence[Finished | Returned], *, insist: bool) -> bool:
        booking = book(batch, policy=self._policy, clock=self._clock, owner=self._worker.id)
        if not self._persist(
            partial(self._ledger.run, partial(self._book, booking)), insist=insist
        ):
            return False
        self._pending -= len(batch)
        self._announce(booking)
        return True

    def _book(self, booking: Booking, tx: LedgerTransaction) -> None:
        # Run again where others hold locks: each time is a step.
        self.progress.step()
        booking.write(tx)

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

    def _note_neighbours(self) -> None:
        met = list(self._neighbours)
        if met:
            self._ledger.run(lambda tx: tx.neighbours.note(met))
        for _ in met:
            self._neighbours.popleft()

    def _refresh(self) -> None:
        """Hear of what operators have set at run time."""
        self._policy.run_time.refresh(self._ledger)

    def _announce(self, booking: Booking) -> None:
        if booking.retries:
            self._teller.schedule(booking.retries)
            self._alarm.set(min(retry.delay for retry in booking.retries))
        if booking.dead:
            self._teller.bury([one.delivery_id for one in booking.dead])
        for died in booking.dead:
            self._observers.tell(died)
        for subscription_id in booking.disabled:
            self._observers.tell(
                SubscriptionChanged(
                    subscription_id=subscription_id, status=SubscriptionStatus.DISABLED
                )
            )
            logger.warning(
                "the recipient answered 410 Gone: subscription disabled",
                extra={"subscription": subscription_id},
            )

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
