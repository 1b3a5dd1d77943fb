"""The threads and the loop's side of one worker, wired together."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from attrs import frozen

from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.schedule import next_run
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.delivering.claims import EventClaims, Resolved, Resolving
from asyncevents_core.engine.delivering.due import DueDeliveries
from asyncevents_core.engine.delivering.permits import Permits
from asyncevents_core.engine.delivering.services import ServiceCaller
from asyncevents_core.engine.delivering.sinks import SinkRack
from asyncevents_core.engine.delivering.subscription_index import SubscriptionIndex
from asyncevents_core.engine.overrides import refresh
from asyncevents_core.engine.publishing.publish import SWEEP_AFTER
from asyncevents_core.errors import LedgerError
from asyncevents_core.ports.broker import Consumer, HandOff
from asyncevents_core.runtime import Runtime
from asyncevents_core.worker.bell import Bell
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.claimer import Claimer, Outlets
from asyncevents_core.worker.deliverer import Deliverer
from asyncevents_core.worker.indexing import IndexConsumer
from asyncevents_core.worker.janitor import Janitor
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.receiver import PREFETCH, Inbox, Receiver
from asyncevents_core.worker.rounds import Rounds

logger = logging.getLogger("asyncevents.worker")

EXPIRE_EVERY: Final = 0.25
_LEAST_TO_WRITE: Final = 5.0
"""Seconds to write outcomes, when attempts used up the grace."""
_Acknowledge = Callable[[Sequence[HandOff]], None]


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
        self._side = ThreadPoolExecutor(1, thread_name_prefix="supervisor")
        self._ledger = runtime.ledger
        self._horizon = SWEEP_AFTER + policy.retry_backstop
        bell, health = Bell(), LedgerHealth()
        index = SubscriptionIndex()
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
        hand_offs, woken = Inbox(bell), Inbox(bell)
        self._receivers: list[Receiver] = []
        acknowledge: _Acknowledge = _ignore
        acknowledge_woken: _Acknowledge = _ignore
        if Role.TRIGGER in options.roles:
            acknowledge = self._receive(
                "receiver", lambda: runtime.broker.consumer(prefetch=PREFETCH), hand_offs
            )
        if Role.RETRY in options.roles and runtime.retry_manager.wakes:
            acknowledge_woken = self._receive(
                "retries", lambda: runtime.retry_manager.woken(prefetch=PREFETCH), woken
            )
        self._caretaker: Janitor | None = None
        if Role.RETRY in options.roles:
            self._caretaker = Janitor(
                ledger=runtime.ledger,
                enabled=settings.log_cleanup_enabled,
                days=settings.log_lifetime_days,
                indexed=policy.indexing,
                next_run=functools.partial(next_run, settings.log_cleanup_schedule),
            )
        self._indexing: IndexConsumer | None = None
        if policy.indexing and Role.INDEX in options.roles:
            self._indexing = IndexConsumer(
                ledger=runtime.ledger,
                open_indexer=runtime.open_indexer,
                enabled=settings.indexing_enabled,
            )
        self._bookkeeper = Bookkeeper(
            ledger=runtime.ledger,
            retries=runtime.retry_manager,
            worker=self.row,
            policy=policy,
            clock=clock,
            health=health,
            heard=functools.partial(refresh, runtime.ledger, policy.live),
            scheduled=self._expect,
            written=bell.ring,
        )
        self.deliverer = Deliverer(
            loop=loop,
            sinks=self.sinks,
            permits=self.permits,
            policy=policy,
            clock=clock,
            report=self._bookkeeper.put,
            freed=bell.ring,
        )
        events = EventClaims(
            index=index, definitions=runtime.catalog, policy=policy, owner=self.row.id
        )
        self._claimer = Claimer(
            ledger=runtime.ledger,
            rounds=Rounds(
                index=index,
                events=events,
                due=DueDeliveries(index=index, policy=policy, owner=self.row.id),
                permits=self.permits,
                roles=options.roles,
                owner=self.row.id,
                health=health,
            ),
            events=events,
            permits=self.permits,
            roles=options.roles,
            most_resolving=settings.service_threads * 8,
            inbox=hand_offs,
            woken=woken,
            bell=bell,
            health=health,
            clock=clock,
            outlets=Outlets(
                deliver=self.deliverer.submit,
                resolve=self._resolve,
                resolvable=lambda: self.services.room,
                acknowledge=acknowledge,
                acknowledge_woken=acknowledge_woken,
                bury=self._bookkeeper.bury,
                unwritten=lambda: self._bookkeeper.unwritten,
            ),
        )

    def sign_on(self) -> None:
        """Check the ledger, open the sinks, write the first beat. Raises `LedgerError`."""
        self._ledger.check()
        self.sinks.open_early(self._ledger.read(lambda queries: queries.sinks_in_use()))
        self._bookkeeper.start()

    def start(self) -> None:
        """Start the threads that claim and receive."""
        self._claimer.start()
        for receiver in self._receivers:
            receiver.start()
        for helper in (self._caretaker, self._indexing):
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
        watch = asyncio.get_running_loop().create_task(self.deliverer.watch())
        try:
            while True:
                self.services.expire()
                await asyncio.sleep(EXPIRE_EVERY)
        finally:
            watch.cancel()

    def idle(self) -> bool:
        """Tell whether there is nothing to do within seconds, here or in the ledger. Blocks."""
        if self._busy():
            return False
        try:
            backlog = self._ledger.read(lambda queries: queries.backlog(horizon=self._horizon))
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
        return await asyncio.get_running_loop().run_in_executor(self._side, self.idle)

    async def stop(self, grace: float) -> int:
        """Stop claiming, finish attempts and services, write outcomes, release everything.

        All that is under way shares `grace` seconds. Nothing here waits without an end.
        Returns how many threads hang still, in services or sinks.
        """
        loop = asyncio.get_running_loop()
        run, until = loop.run_in_executor, loop.time() + grace
        await run(self._side, self._claimer.stop, grace)
        await self.deliverer.drain(max(0.0, until - loop.time()))
        await run(self._side, self._claimer.join)
        if self._caretaker is not None:
            await run(self._side, self._caretaker.stop)
        for receiver in self._receivers:
            await run(self._side, receiver.stop)
        left = max(_LEAST_TO_WRITE, until - loop.time())
        if not await run(self._side, self._bookkeeper.stop, left):
            logger.error(
                "outcomes could not be written; their deliveries are sent again",
                extra={"outcomes": self._bookkeeper.unwritten},
            )
        if self._indexing is not None:
            # The last outcomes are indexed by whoever has the lease next.
            await run(self._side, self._indexing.stop)
        self.services.close()
        hanging = self.stuck
        await self.sinks.close()
        self._side.shutdown()
        return hanging

    def _receive(self, name: str, connect: Callable[[], Consumer], inbox: Inbox) -> _Acknowledge:
        """Make a receiver and return how to acknowledge its messages."""
        receiver = Receiver(name=name, connect=connect, inbox=inbox)
        self._receivers.append(receiver)
        return receiver.ack

    def _busy(self) -> bool:
        return bool(self.permits.in_flight or self._bookkeeper.unwritten or not self._claimer.idle)

    def _expect(self, delay: float) -> None:
        self._claimer.expect(delay)

    def _resolve(self, resolving: Resolving, done: Callable[[Resolved], None]) -> None:
        self.services.submit(resolving, done)


def _ignore(messages: Sequence[HandOff]) -> None:
    """Acknowledge nothing: nothing is received."""


def _worker_row(roles: Collection[Role]) -> WorkerRow:
    return WorkerRow(
        id=uuid7(),
        host=socket.gethostname(),
        pid=os.getpid(),
        roles=tuple(roles),
        started_at=0,
        beat_at=0,
    )
