"""The threads and the loop's side of one worker, wired together."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from attrs import frozen

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.schedule import next_run
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.delivering.leases import Claimant
from asyncevents_core.engine.delivering.permits import Permits
from asyncevents_core.engine.delivering.services import ServiceCaller
from asyncevents_core.engine.delivering.sinks import SinkRack
from asyncevents_core.engine.publishing.publish import SWEEP_AFTER
from asyncevents_core.errors import LedgerError
from asyncevents_core.ports.observer import BACKLOG_EVERY, BacklogCounted
from asyncevents_core.runtime import Runtime
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.claimer import Claimer
from asyncevents_core.worker.deliverer import Deliverer
from asyncevents_core.worker.inboxes import Alarm, Bell, Inbox, ResolvedInbox
from asyncevents_core.worker.indexing import IndexConsumer
from asyncevents_core.worker.janitor import Janitor
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.receiver import PREFETCH, Receiver

logger = logging.getLogger("asyncevents.worker")

EXPIRE_EVERY: Final = 0.25
_LEAST_TO_WRITE: Final = 5.0
"""Seconds to write outcomes, when attempts used up the grace."""


@frozen(kw_only=True)
class WorkerOptions:
    """How to run: which roles, and whether to exit when there is nothing left to do.

    `handle_signals` installs handlers of `stop_signals()`; only possible on the main thread.
    """

    roles: tuple[Role, ...] = (Role.TRIGGER, Role.RETRY, Role.INDEX)
    drain: bool = False
    handle_signals: bool = True


class WorkerAssembly:
    """The threads and the loop's side of one worker, wired."""

    def __init__(
        self, runtime: Runtime, options: WorkerOptions, loop: asyncio.AbstractEventLoop
    ) -> None:
        settings, policy, clock = runtime.settings, runtime.policy, runtime.clock
        self.row = _worker_row(options.roles)
        self._ledger = runtime.ledger
        self._observers = runtime.observers
        self._horizon = SWEEP_AFTER + policy.retry_backstop
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="checks")
        bell, health = Bell(), LedgerHealth()
        alarm, resolved = Alarm(bell), ResolvedInbox(bell)
        hand_offs, retries = Inbox(bell), Inbox(bell)
        self._receivers = _receivers(runtime, options.roles, hand_offs, retries)
        self.permits = Permits(
            budget=settings.permits, per_subscription=settings.permits_per_subscription
        )
        self.sinks = SinkRack(runtime.open_sink)
        self.services = ServiceCaller(
            resolver=runtime.resolver,
            threads=settings.service_threads,
            timeout=settings.service_timeout,
            patience=policy.service_patience,
            clock=clock,
        )
        self._janitor = _janitor(runtime, options.roles)
        self._indexing = _index_consumer(runtime, options.roles)
        self._bookkeeper = Bookkeeper(
            ledger=runtime.ledger,
            retries=runtime.retry_manager,
            worker=self.row,
            policy=policy,
            clock=clock,
            health=health,
            alarm=alarm,
            bell=bell,
            observers=runtime.observers,
        )
        self.deliverer = Deliverer(
            loop=loop,
            sinks=self.sinks,
            permits=self.permits,
            policy=policy,
            clock=clock,
            bookkeeper=self._bookkeeper,
            bell=bell,
            observers=runtime.observers,
        )
        self._claimer = Claimer(
            ledger=runtime.ledger,
            claimant=Claimant(owner=self.row.id, policy=policy, definitions=runtime.catalog),
            permits=self.permits,
            roles=options.roles,
            most_resolving=settings.service_threads * 8,
            hand_offs=hand_offs,
            retries=retries,
            resolved=resolved,
            alarm=alarm,
            bell=bell,
            health=health,
            clock=clock,
            services=self.services,
            deliverer=self.deliverer,
            bookkeeper=self._bookkeeper,
            observers=runtime.observers,
        )

    def sign_on(self) -> None:
        """Check the ledger, open the sinks, write the first beat. Raises `LedgerError`."""
        self._ledger.check()
        self.sinks.open_early(self._ledger.read(lambda view: view.subscriptions.sinks_in_use()))
        self._bookkeeper.start()

    def start(self) -> None:
        """Start the threads that claim and receive."""
        self._claimer.start()
        for receiver in self._receivers:
            receiver.start()
        for helper in (self._janitor, self._indexing):
            if helper is not None:
                helper.start()

    @property
    def counts(self) -> dict[str, int]:
        """What this worker has done, for the log."""
        return {"events": self._claimer.claimed, "stale_hand_offs": self._claimer.stale}

    @property
    def stuck(self) -> int:
        """How many threads hang in calls whose time is over."""
        return self.services.stuck + self.sinks.stuck

    async def watch(self) -> None:
        """Expire slow service calls, move slow attempts aside; runs until cancelled."""
        loop = asyncio.get_running_loop()
        watches = [loop.create_task(self.deliverer.watch())]
        if self._observers.any:
            watches.append(loop.create_task(self._watch_backlog()))
        try:
            while True:
                self.services.expire()
                await asyncio.sleep(EXPIRE_EVERY)
        finally:
            for one in watches:
                one.cancel()

    async def _watch_backlog(self) -> None:
        """Tell observers what is open; runs until cancelled."""
        while True:
            await asyncio.get_running_loop().run_in_executor(self._checks, self._tell_backlog)
            await asyncio.sleep(BACKLOG_EVERY)

    def _tell_backlog(self) -> None:
        try:
            backlog = self._ledger.read(lambda view: view.backlog())
        except LedgerError as error:
            logger.warning("cannot count the backlog", extra={"error": str(error)})
        else:
            self._observers.tell(BacklogCounted(backlog=backlog))

    def idle(self) -> bool:
        """Tell whether there is nothing to do within seconds, here or in the ledger. Blocks."""
        if self._busy():
            return False
        try:
            backlog = self._ledger.read(lambda view: view.backlog(horizon=self._horizon))
            if self._indexing is not None and not self._indexing.idle():
                return False
        except LedgerError as error:
            logger.warning("cannot count the backlog", extra={"error": str(error)})
            return False
        events = backlog.events_due + backlog.events_resolving
        deliveries = backlog.waiting_due + backlog.parked + backlog.leased
        return not (events or deliveries or self._busy())

    async def is_idle(self) -> bool:
        """As `idle`, without blocking the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._checks, self.idle)

    def claim_no_more(self, grace: float) -> None:
        """Begin nothing else; `stop`, with the same grace, comes next. No waiting."""
        self._claimer.claim_no_more(grace)

    async def stop(self, grace: float) -> int:
        """Stop claiming, finish attempts and services, write outcomes, release everything.

        All that is under way shares `grace` seconds. Nothing here waits without an end.
        Returns how many threads hang still, in services or sinks.
        """
        loop = asyncio.get_running_loop()
        run, until = loop.run_in_executor, loop.time() + grace
        await run(self._checks, self._claimer.stop, grace)
        await self.deliverer.drain(max(0.0, until - loop.time()))
        await run(self._checks, self._claimer.join)
        if self._janitor is not None:
            await run(self._checks, self._janitor.stop)
        for receiver in self._receivers:
            await run(self._checks, receiver.stop)
        left = max(_LEAST_TO_WRITE, until - loop.time())
        if not await run(self._checks, self._bookkeeper.stop, left):
            logger.error(
                "outcomes could not be written; their deliveries are sent again",
                extra={"outcomes": self._bookkeeper.unwritten},
            )
        if self._indexing is not None:
            # The last outcomes are indexed by whoever has the lease next.
            await run(self._checks, self._indexing.stop)
        self.services.close()
        hanging = self.stuck
        await self.sinks.close()
        self._checks.shutdown()
        return hanging

    def _busy(self) -> bool:
        return bool(self.permits.in_flight or self._bookkeeper.unwritten or not self._claimer.idle)


def _receivers(
    runtime: Runtime, roles: Collection[Role], hand_offs: Inbox, retries: Inbox
) -> list[Receiver]:
    """Return what receives: hand-offs from the broker, retries from a manager that wakes."""
    receivers = []
    if Role.TRIGGER in roles:
        receivers.append(
            Receiver(
                name="receiver",
                connect=functools.partial(runtime.broker.consumer, prefetch=PREFETCH),
                inbox=hand_offs,
            )
        )
    if Role.RETRY in roles and runtime.retry_manager.wakes:
        receivers.append(
            Receiver(
                name="retries",
                connect=functools.partial(runtime.retry_manager.woken, prefetch=PREFETCH),
                inbox=retries,
            )
        )
    return receivers


def _janitor(runtime: Runtime, roles: Collection[Role]) -> Janitor | None:
    if Role.RETRY not in roles:
        return None
    settings = runtime.settings
    return Janitor(
        ledger=runtime.ledger,
        enabled=settings.log_cleanup_enabled,
        days=settings.log_lifetime_days,
        indexed=runtime.policy.indexing,
        next_run=functools.partial(next_run, settings.log_cleanup_schedule),
    )


def _index_consumer(runtime: Runtime, roles: Collection[Role]) -> IndexConsumer | None:
    if not runtime.policy.indexing or Role.INDEX not in roles:
        return None
    return IndexConsumer(
        ledger=runtime.ledger,
        open_indexer=runtime.open_indexer,
        enabled=runtime.settings.indexing_enabled,
    )


def _worker_row(roles: Collection[Role]) -> WorkerRow:
    return WorkerRow(
        id=uuid7(),
        host=socket.gethostname(),
        pid=os.getpid(),
        roles=tuple(roles),
        started_at=0,
        beat_at=0,
    )
