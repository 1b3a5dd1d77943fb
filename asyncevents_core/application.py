"""`AsyncEvents`: what an application makes once and publishes with."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from asyncevents_core.engine.publishing.request import PublishRequest
from asyncevents_core.under_test import within_test

# All else is imported at first use: every process of an application imports this module, and most
# of them publish or work much later, or never.
if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor
    from uuid import UUID

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session, scoped_session

    from asyncevents_core.domain.access import Actor
    from asyncevents_core.domain.event import EventDefinition
    from asyncevents_core.domain.subscription import NewSubscription, Subscription
    from asyncevents_core.domain.trace import Trace
    from asyncevents_core.engine.publishing.publish import Publisher
    from asyncevents_core.opened_publisher import OpenedPublisher
    from asyncevents_core.ports.observer import Observer
    from asyncevents_core.runtime import Runtime
    from asyncevents_core.settings.schema import Settings
    from asyncevents_core.web.beside import LocalPages
    from asyncevents_core.worker.assembly import WorkerOptions
    from asyncevents_core.worker.process import Worker

_PUBLISH_THREADS = 4


class AsyncEvents:
    """Publishes events. Make one per application and keep it::

        events = AsyncEvents()  # settings module: ASYNCEVENTS_SETTINGS_MODULE
        events.publish("sales.order.created", {"id": 42})

    `source` is the name of a settings module, a mapping of settings, a `Settings`, or None for
    the module that ASYNCEVENTS_SETTINGS_MODULE names. Nothing is loaded or connected before
    the first use. Thread-safe; an object made before `fork()` works in the children.

    `observers` hear what happens in this process, and hold nothing up; see `Observer`. `plugins`
    are objects or modules with hooks of this application, after those that PLUGINS names.
    """

    def __init__(
        self,
        source: str | Mapping[str, object] | Settings | None = None,
        *,
        observers: Sequence[Observer] = (),
        plugins: Sequence[object] = (),
    ) -> None:
        self._source = source
        self._observers, self._own_plugins = tuple(observers), tuple(plugins)
        self._lock = threading.RLock()
        self._runtime: Runtime | None = None
        self._opened: OpenedPublisher | None = None
        self._threads: ThreadPoolExecutor | None = None
        # What a test makes of settings of its own is its own.
        by_name = source is None or isinstance(source, str)
        self._protected = by_name or not within_test()
        _survive_fork(self)

    # -- publishing -------------------------------------------------------------------------

    def publish(
        self,
        name: str,
        data: object,
        *,
        tenant: str | None = None,
        event_id: str | None = None,
        session: Session | scoped_session[Session] | Connection | None = None,
        connection: object | None = None,
    ) -> UUID:
        """Publish one event and return its id.

        `data` becomes JSON (attrs classes, dataclasses, datetimes, Decimals, UUIDs and enums
        are converted; sets are sorted by their JSON text); for an event with a service it is the
        object of its arguments. Keys are texts, each once; objects and lists are in each other
        up to 100 levels deep. `tenant` limits it to the subscriptions of that tenant and those
        without one. `event_id` makes publishing idempotent: the same id with the same content is
        one event. Both have 1 to 255 printable characters, and no space around them.

        With `session` (a SQLAlchemy Session or Connection) or `connection` (a DBAPI connection,
        e.g. Django's) the event belongs to that transaction: rolled back, it never happened;
        committed, it is delivered. Without them it is committed here.

        Raises `UnknownEvent`, `InvalidPayload`, `PayloadTooLarge`, `EventConflict`,
        `ForeignTransaction`, `LedgerUnavailable`, `LedgerNotMigrated`; `ServiceArguments` where the
        event's service is imported in this process and would not take them; `LedgerProtected` in
        tests; with EAGER = True also `EagerDeliveryFailed`, and what the service raises.
        """
        request = PublishRequest(name=name, data=data, tenant=tenant, event_id=event_id)
        return self.publish_many([request], session=session, connection=connection)[0]

    def publish_many(
        self,
        requests: Iterable[PublishRequest | tuple[str, object]],
        *,
        session: Session | scoped_session[Session] | Connection | None = None,
        connection: object | None = None,
    ) -> list[UUID]:
        """Publish all of them, or none, in one transaction; return their ids in order.

        A request is a pair ``(name, data)`` or a `PublishRequest`. Raises as `publish`.
        """
        if session is not None and connection is not None:
            raise TypeError("publish takes session= or connection=, not both")
        transaction = session if session is not None else connection
        return self._ready_publisher().publish_many(
            [PublishRequest.of(one) for one in requests], transaction=transaction
        )

    async def apublish(
        self,
        name: str,
        data: object,
        *,
        tenant: str | None = None,
        event_id: str | None = None,
        session: AsyncSession | AsyncConnection | None = None,
    ) -> UUID:
        """As `publish`, without blocking the event loop. Raises as `publish`.

        `session` is an AsyncSession or an AsyncConnection.
        """
        request = PublishRequest(name=name, data=data, tenant=tenant, event_id=event_id)
        return (await self.apublish_many([request], session=session))[0]

    async def apublish_many(
        self,
        requests: Iterable[PublishRequest | tuple[str, object]],
        *,
        session: AsyncSession | AsyncConnection | None = None,
    ) -> list[UUID]:
        """As `publish_many`, without blocking the event loop. Raises as `publish`."""
        wanted = [PublishRequest.of(one) for one in requests]
        import asyncio

        loop = asyncio.get_running_loop()
        if session is None:
            return await loop.run_in_executor(self._pool(), self.publish_many, wanted)
        if self._opened is None:
            # What follows runs on the loop, which would wait for imports and event modules.
            await loop.run_in_executor(self._pool(), self._ready_publisher)
        return await session.run_sync(lambda sync: self.publish_many(wanted, session=sync))

    def check(self) -> Sequence[str]:
        """Find out what the first `publish` would: whether settings, events and ledger are well.

        Opens what publishing needs, so that nothing waits for that later. Returns what is worth a
        warning, each as a text. Raises `SettingsError`, `MissingExtra`, `LedgerUnavailable`,
        `LedgerNotMigrated`; `LedgerProtected` in tests.
        """
        self._ready_publisher()
        return self.runtime.ledger.check()

    # -- subscriptions and traces -----------------------------------------------------------

    def upgrade(self) -> str:
        """Bring the ledger's schema to this version, as `asyncevents db upgrade`; safe to repeat.

        Returns the revision. Raises `LedgerUnavailable`.
        """
        return self.runtime.ledger.upgrade()

    def definitions(self) -> Sequence[EventDefinition]:
        """Return the event definitions: what can be published and subscribed to, by name.

        Raises `SettingsError`; `MissingExtra` where data cannot be checked by their schemas.
        """
        return list(self.runtime.catalog)

    def subscribe(
        self,
        subscription: NewSubscription,
        *,
        by: Actor | None = None,
    ) -> Subscription:
        """Make a subscription and return it; a sink that signs gets a secret if none is given.

        `by` is who asks for it, and may be refused; None: the application itself. Raises
        `UnknownEvent`, `UnknownName` (the sink), `InvalidTarget`, `InvalidOptions`,
        `InvalidSecret`, `SecretKeysError`, `AccessDenied`, `LedgerError`.
        """
        from asyncevents_core.domain.access import Actor
        from asyncevents_core.engine.managing.subscriptions import subscribe

        runtime = self.runtime
        return subscribe(
            runtime.ledger,
            runtime.catalog,
            subscription,
            check=runtime.check_subscription,
            by=by or Actor.trusted("application"),
            observers=runtime.observers,
        )

    def change_subscription(
        self,
        subscription_id: int,
        edit: Callable[[NewSubscription], NewSubscription],
        *,
        by: Actor | None = None,
    ) -> Subscription:
        """Let `edit` change a subscription: it gets it as it is, and returns it as it is to be.

        What is open goes to the new target from the next attempt on. Raises as `subscribe`,
        `NotFound`, and what `edit` raises; TypeError where the id is no whole number.
        """
        from asyncevents_core.domain.access import Actor
        from asyncevents_core.engine.managing.subscriptions import change, require_subscription_id

        require_subscription_id(subscription_id)
        runtime = self.runtime
        return change(
            runtime.ledger,
            runtime.catalog,
            subscription_id,
            edit,
            check=runtime.check_subscription,
            by=by or Actor.trusted("application"),
            observers=runtime.observers,
        )

    def subscriptions(self) -> Sequence[Subscription]:
        """Return the subscriptions that are not deleted, by id. Raises `LedgerError`."""
        return self.runtime.ledger.read(lambda view: view.subscriptions.all())

    def traces(self, event_id: UUID) -> list[Trace]:
        """Return the traces of an event's deliveries, oldest first; empty before its fan-out.

        `event_id` is the UUID that `publish` returned. Raises `LedgerError`, and TypeError for
        what is no UUID.
        """
        from asyncevents_core.engine.searching.pages import require_event_id, traces_of_event

        require_event_id(event_id)
        return list(traces_of_event(self.runtime.ledger, event_id))

    def replay(self, identifier: UUID, *, by: Actor | None = None) -> UUID:
        """Send a delivery's stored bytes again, as a new delivery; return its id, to be traced.

        `identifier` may be that of an event, too, whose service failed: it is tried anew, and its
        own id returned. `by` is who asks for it, and needs the resource `logs.replay`; None: the
        application itself. Raises `NotFound`; `ReplayRefused` where the subscription is disabled or
        deleted, an attempt is under way, or the body is no longer kept; `AccessDenied`,
        `LedgerError`; TypeError for what is no UUID.
        """
        from asyncevents_core.domain.access import Actor, Resource
        from asyncevents_core.engine.replaying.replay import replay_visible
        from asyncevents_core.engine.searching.pages import require_event_id

        require_event_id(identifier, taken="replay takes the id of a delivery or an event")
        actor = by or Actor.trusted("application")
        actor.require([Resource.LOGS_REPLAY], to="replay")
        return replay_visible(self.runtime.ledger, identifier, by=actor)

    def metrics(self) -> str:
        """Return the numbers of this process as text for Prometheus: METRICS = "prometheus".

        For processes that have a page for Prometheus already, as many web applications have.
        Empty where METRICS is something else. Thread-safe.
        """
        from asyncevents_core.adapters.prometheus import Tally, exposition

        kept = self.runtime.instruments
        return exposition([({}, kept.numbers())]) if isinstance(kept, Tally) else ""

    # -- working ----------------------------------------------------------------------------

    def run_worker(self, *, drain: bool = False) -> int:
        """Deliver in this process until SIGTERM or SIGINT (with `drain`: until nothing is due).

        Returns the exit code: 0, or 3 where a service or a sink hangs and the process has to go.
        Call it on the main thread; `asyncevents worker` is the same. Raises `LedgerError` where
        the ledger does not answer for a minute at the start.
        """
        from asyncevents_core.worker.process import Worker

        return Worker(self.runtime, self._worker_options(drain=drain)).run()

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """Deliver in a thread of this process while the block runs: for demos and tests.

        Leaving the block stops the worker and waits for it. Raises what ended the worker.
        """
        from asyncevents_core.worker.beside import worker_beside

        with worker_beside(self.runtime, self._worker_options(handle_signals=False)) as worker:
            yield worker

    @contextmanager
    def pages(self, *, port: int = 0) -> Iterator[LocalPages]:
        """Serve the admin pages on 127.0.0.1 while the block runs: for demos and development.

        Yields their `address`, and a `link` that signs in once as the user `developer`, who may do
        everything. Port 0: a free one. Raises `MissingExtra`, and OSError where it cannot listen.
        """
        from asyncevents_core.web.beside import pages_beside

        with pages_beside(self.runtime, port) as served:
            yield served

    # -- life -------------------------------------------------------------------------------

    @property
    def runtime(self) -> Runtime:
        """The parts that the settings name, made at first use. Raises `SettingsError`."""
        with self._lock:
            if self._runtime is None:
                from asyncevents_core.runtime import Runtime
                from asyncevents_core.settings.loading import load_settings

                self._runtime = Runtime(
                    load_settings(self._source),
                    observers=self._observers,
                    own_plugins=self._own_plugins,
                    protected=self._protected,
                )
            return self._runtime

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until the broker has what was published; False if that takes longer.

        Never needed for the guarantee: the ledger has it already.
        """
        hand_off = None if self._opened is None else self._opened.hand_off
        return True if hand_off is None else hand_off.flush(timeout)

    def close(self) -> None:
        """Hand over what waits and close connections. Idempotent; publishing opens them again."""
        with self._lock:
            opened, self._opened = self._opened, None
            threads, self._threads = self._threads, None
            runtime, self._runtime = self._runtime, None
        if threads is not None:
            threads.shutdown()
        if opened is not None:
            opened.close()
        if runtime is not None:
            runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ready_publisher(self) -> Publisher:
        """Return what `publish` writes to. The fixture `published_events` replaces this."""
        opened = self._opened
        if opened is None:
            from asyncevents_core.opened_publisher import OpenedPublisher

            with self._lock:
                opened = self._opened = self._opened or OpenedPublisher.of(self.runtime)
        return opened.publisher

    def _worker_options(self, *, drain: bool = False, handle_signals: bool = True) -> WorkerOptions:
        from asyncevents_core.settings.loading import settings_module_name
        from asyncevents_core.worker.assembly import WorkerOptions

        module = settings_module_name(self._source)
        return WorkerOptions(drain=drain, handle_signals=handle_signals, settings_module=module)

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                from concurrent.futures import ThreadPoolExecutor

                self._threads = ThreadPoolExecutor(
                    _PUBLISH_THREADS, thread_name_prefix="asyncevents-publish"
                )
            return self._threads

    def _after_fork(self) -> None:
        """In the child: locks and threads of the parent do not exist here."""
        self._lock = threading.RLock()
        self._threads = None
        if self._runtime is not None:
            self._runtime.after_fork()


def _survive_fork(events: AsyncEvents) -> None:
    if not hasattr(os, "register_at_fork"):  # Windows cannot fork
        return
    reference = weakref.ref(events)

    def child() -> None:
        alive = reference()
        if alive is not None:
            alive._after_fork()

    os.register_at_fork(after_in_child=child)
