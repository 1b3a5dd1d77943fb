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
from asyncevents_core.engine.delivering.calls import Calls
from asyncevents_core.engine.delivering.leases import Claimant
from asyncevents_core.engine.delivering.permits import Permits
from asyncevents_core.engine.delivering.services import ServiceCaller
from asyncevents_core.engine.delivering.sinks import MOST_LEFT_ALONE, SinkRack
from asyncevents_core.engine.publishing.publish import SWEEP_AFTER
from asyncevents_core.engine.shared.progress import LoopProgress
from asyncevents_core.errors import LedgerError
from asyncevents_core.logging_setup import Format
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.configs import ledger_options
from asyncevents_core.settings.schema import Settings
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.children import Home
from asyncevents_core.worker.claimer import Claimer
from asyncevents_core.worker.deliverer import Deliverer
from asyncevents_core.worker.inboxes import Alarm, Bell, Inbox, PublicationInbox, ResolvedInbox
from asyncevents_core.worker.indexing import IndexConsumer, index_consumer
from asyncevents_core.worker.intake import Intake
from asyncevents_core.worker.isolation import IsolatedResolver, ServiceProcesses
from asyncevents_core.worker.janitor import Janitor
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.measuring import Measuring
from asyncevents_core.worker.receiving import intakes, receivers
from asyncevents_core.worker.sink_processes import WorkerSinks
from asyncevents_core.worker.vitals import Vitals
from asyncevents_core.worker.watchdog import BLOCKED_AFTER, Limits, Watch, Watchdog

logger = logging.getLogger("asyncevents.worker")

EXPIRE_EVERY: Final = 0.25
_LEAST_TO_WRITE: Final = 5.0
"""Seconds to write outcomes, when attempts used up the grace."""


@frozen(kw_only=True)
class WorkerOptions:
    """How to run: which roles, and whether to exit when there is nothing left to do.

    `handle_signals` installs handlers of `stop_signals()`; only possible on the main thread. The
    process is this worker's then: its watchdog may end it. `settings_module` is where the settings
    come from, None if they are a mapping: services in processes of their own need it. Those log in
    `log_format` from `log_level` on.
    """

    roles: tuple[Role, ...] = (Role.TRIGGER, Role.RETRY, Role.INDEX)
    drain: bool = False
    handle_signals: bool = True
    settings_module: str | None = None
    log_format: Format = "text"
    log_level: str = "info"

    def home_for(self, setting: str) -> Home:
        """Return what processes for a setting need. Raises `SettingsError`."""
        return Home.of(self.settings_module, self.log_format, self.log_level, setting=setting)


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
        bell = Bell()
        self.health, self.vitals = health, vitals = LedgerHealth(), Vitals()
        alarm, resolved = Alarm(bell), ResolvedInbox(bell)
        hand_offs, retries = PublicationInbox(bell), Inbox(bell)
        asked = PublicationInbox(bell)
        self._intakes = intakes(runtime, options.roles, hand_offs, asked)
        self.permits = Permits(
            budget=settings.permits,
            per_subscription=settings.permits_per_subscription,
            probe_after=settings.probe_after,
        )
        self.sinks = SinkRack(WorkerSinks(runtime.sinks, options.home_for), runtime.tracing)
        calls = Calls(threads=settings.service_threads)
        self._processes = service_processes(runtime, options)
        self.services = _service_caller(runtime, calls, self._processes)
        self._janitor = _janitor(runtime, options.roles)
        self._indexing = index_consumer(runtime, options.roles)
        self._bookkeeper = Bookkeeper(
            ledger=runtime.ledger,
            retries=runtime.retry_manager,
            worker=self.row,
            policy=policy,
            clock=clock,
            health=health,
            vitals=vitals,
            alarm=alarm,
            bell=bell,
            observers=runtime.observers,
        )
        self._receivers = receivers(
            runtime, options.roles, hand_offs, retries, asked, self._bookkeeper.met
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
            claimant=Claimant(
                owner=self.row.id,
                policy=policy,
                definitions=runtime.catalog,
                filters=runtime.filters,
            ),
            permits=self.permits,
            calls=calls,
            roles=options.roles,
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

        self.ending = "the beginning"
        """What `stop` waits for."""
        self._stepping = LoopProgress("the event loop")
        self._measuring = Measuring(
            ledger=runtime.ledger,
            observers=runtime.observers,
            permits=self.permits,
            bookkeeper=self._bookkeeper,
            receivers=self._receivers,
            indexing=self._indexing,
            health=health,
            vitals=vitals,
            loop=self._stepping,
            stuck=lambda: self.stuck,
        )
        self._watchdog: Watchdog | None = None
        if settings.watchdog:
            self._watchdog = Watchdog(
                self._watches(settings),
                vitals=vitals,
                deliverer=self.deliverer,
                services=self.services,
                sinks=self.sinks,
                sink_limit=Limits.of(settings.watchdog, ledger_options(settings)).helper,
                exits=options.handle_signals,
            )

    def _watches(self, settings: Settings) -> list[Watch]:
        """Return what the watchdog looks at: all that runs here."""
        limits = Limits.of(settings.watchdog, ledger_options(settings))
        soon = settings.watchdog / 2
        helpers = [self._bookkeeper.telling, *(one.progress for one in self._receivers)]
        helpers += [one.progress for one in self._helpers()]
        return [
            Watch(
                progress=self._stepping, named_after=BLOCKED_AFTER, limit=limits.loop, vital=True
            ),
            Watch(
                progress=self.services.progress,
                named_after=BLOCKED_AFTER,
                limit=limits.loop + settings.service_timeout,
            ),
            Watch(
                progress=self._claimer.progress, named_after=soon, limit=limits.ledger, vital=True
            ),
            Watch(
                progress=self._bookkeeper.progress,
                named_after=soon,
                limit=limits.ledger,
                vital=True,
            ),
            *(Watch(progress=one, named_after=soon, limit=limits.helper) for one in helpers),
        ]

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
        for helper in self._helpers():
            helper.start()
        if self._watchdog is not None:
            self._watchdog.start()

    def _helpers(self) -> list[Janitor | IndexConsumer | Intake]:
        found = (self._janitor, self._indexing, *self._intakes)
        return [one for one in found if one is not None]

    @property
    def counts(self) -> dict[str, int]:
        """What this worker has done, for the log."""
        return {"events": self._claimer.claimed, "stale_hand_offs": self._claimer.stale}

    @property
    def exhausted(self) -> str | None:
        """What hangs in all of its threads, in calls whose time is over: it is of no use here."""
        if self.services.stuck >= self.services.threads:
            return "services"
        if (service := self.services.exhausted) is not None:
            return f"the service {service!r}"
        if self.deliverer.left_alone >= MOST_LEFT_ALONE:
            return "attempts that were cancelled"
        sink = self.sinks.exhausted
        return None if sink is None else f"the sink {sink!r}"

    @property
    def stuck(self) -> int:
        """How many calls go on although their time is over, in threads or on an event loop."""
        # Services in processes of their own are killed: no thread hangs in them.
        services = 0 if self._processes else self.services.stuck
        return self.sinks.stuck + self.deliverer.left_alone + services

    async def watch(self) -> None:
        """Expire slow service calls, move slow attempts aside; runs until cancelled."""
        loop = asyncio.get_running_loop()
        watches = [
            loop.create_task(self.deliverer.watch()),
            loop.create_task(self._stepping.keep_stepping()),
        ]
        if self._observers.any:
            watches.append(loop.create_task(self._measuring.run(self._checks)))
        try:
            while True:
                self.services.expire()
                await asyncio.sleep(EXPIRE_EVERY)
        finally:
            for one in watches:
                one.cancel()

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
        self.ending = "a transaction of the claimer"
        await run(self._checks, self._claimer.stop, grace)
        self.ending = "attempts"
        await self.deliverer.drain(max(0.0, until - loop.time()))
        self.ending = "services"
        await run(self._checks, self._claimer.join)
        if self._janitor is not None:
            self.ending = "the clean-up"
            await run(self._checks, self._janitor.stop)
        for intake in self._intakes:
            # Before the receivers, which acknowledge what it has published.
            self.ending = "publications"
            await run(self._checks, intake.stop)
        for receiver in self._receivers:
            self.ending = receiver.progress.name
            await run(self._checks, receiver.stop)
        self.ending = "outcomes"
        left = max(_LEAST_TO_WRITE, until - loop.time())
        if not await run(self._checks, self._bookkeeper.stop, left):
            logger.error(
                "outcomes could not be written; their deliveries are sent again",
                extra={"outcomes": self._bookkeeper.unwritten},
            )
        if self._indexing is not None:
            # The last outcomes are indexed by whoever has the lease next.
            self.ending = "the index"
            await run(self._checks, self._indexing.stop)
        self.ending = "services"
        self.services.close()
        if self._processes is not None:
            await run(self._checks, self._processes.close)
        self.ending = "sinks"
        hanging = self.stuck + await self.sinks.close()
        self.ending = "the process's end"
        self._checks.shutdown()
        if self._watchdog is not None:
            self._watchdog.stop()
        return hanging

    def _busy(self) -> bool:
        if self._intakes and not self._nothing_to_publish():
            return True
        return bool(self.permits.in_flight or self._bookkeeper.unwritten or not self._claimer.idle)

    def _nothing_to_publish(self) -> bool:
        # What only the broker's queue holds, no look into the ledger would find.
        idle = all(one.idle for one in self._intakes)
        return idle and all(one.found_nothing for one in self._receivers)


def service_processes(runtime: Runtime, options: WorkerOptions) -> ServiceProcesses | None:
    """Return what runs services in processes of their own, if SERVICE_ISOLATION says so.

    Nothing is started yet. Raises `SettingsError` where that is not possible.
    """
    if runtime.settings.service_isolation == "thread" or Role.TRIGGER not in options.roles:
        return None
    return ServiceProcesses(
        options.home_for("SERVICE_ISOLATION"), timeout=runtime.settings.service_timeout
    )


def _service_caller(
    runtime: Runtime, calls: Calls, processes: ServiceProcesses | None
) -> ServiceCaller:
    policy = runtime.policy
    return ServiceCaller(
        resolver=runtime.resolver
        if processes is None
        else IsolatedResolver(processes, runtime.tracing),
        threads=runtime.settings.service_threads,
        # That a process which has started ends in time is its own pool's work.
        timeout=policy.service_start + policy.service_timeout,
        patience=policy.service_patience,
        clock=runtime.clock,
        calls=calls,
        schemas=runtime.schema_checks,
        tracing=runtime.tracing,
    )


def _janitor(runtime: Runtime, roles: Collection[Role]) -> Janitor | None:
    if Role.RETRY not in roles:
        return None
    settings = runtime.settings
    return Janitor(
        ledger=runtime.ledger,
        enabled=settings.log_cleanup_enabled,
        days=settings.log_lifetime_days,
        indexed=runtime.policy.indexing,
        idle=settings.web_session_idle,
        source=settings.source,
        next_run=functools.partial(next_run, settings.log_cleanup_schedule),
        observers=runtime.observers,
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
