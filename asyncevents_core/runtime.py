"""The composition root: the only place that knows every part, made from the settings."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from asyncevents_core.adapters import builtins
from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.catalog import EventCatalog, collect_events
from asyncevents_core.domain.addresses import masked as masked_address
from asyncevents_core.domain.backoff import SCHEDULES
from asyncevents_core.domain.connection_name import connection_name
from asyncevents_core.domain.event_documents.parts import About
from asyncevents_core.domain.failing import USUAL
from asyncevents_core.domain.subscription import NewSubscription, Subscription
from asyncevents_core.engine.delivering.calls import Calls
from asyncevents_core.engine.delivering.policy import SERVICE_START, Policy
from asyncevents_core.engine.delivering.services import ServiceCaller
from asyncevents_core.engine.delivering.surroundings import SurroundedResolver
from asyncevents_core.engine.managing.subscriptions import Checked
from asyncevents_core.engine.publishing.arguments import ArgumentChecks
from asyncevents_core.engine.publishing.publish import PublishRules
from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.engine.shared.carrier import IdCarrier
from asyncevents_core.engine.shared.observing import ObserverThreads
from asyncevents_core.engine.shared.schema_checks import SchemaChecks
from asyncevents_core.engine.upkeep.metrics import MetricsObserver
from asyncevents_core.errors import (
    AsyncEventsError,
    LedgerProtected,
    PluginError,
    SearchOff,
    SettingsError,
)
from asyncevents_core.metering import instruments_of, tracing_of
from asyncevents_core.plugin_registry import PluginSet, load_plugins
from asyncevents_core.ports.broker import Broker, BrokerConfig
from asyncevents_core.ports.clock import Clock, SystemClock
from asyncevents_core.ports.filters import FilterCompiler
from asyncevents_core.ports.hasher import PasswordHasher
from asyncevents_core.ports.indexer import Indexer
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.observer import Observer, Observers
from asyncevents_core.ports.resolver import ServiceResolver, ServiceResolverType
from asyncevents_core.ports.retry import RetryManager
from asyncevents_core.ports.retry_policy import RetryPolicyType
from asyncevents_core.ports.sink import NoOptions
from asyncevents_core.settings.configs import (
    broker_options,
    event_schemas,
    indexer_config,
    ledger_options,
    may_do_without_broker,
    resolved_indexer,
    why_off,
)
from asyncevents_core.settings.schema import Settings
from asyncevents_core.showing import masked
from asyncevents_core.sink_catalog import SinkCatalog
from asyncevents_core.subscription_checks import checked
from asyncevents_core.under_test import test_runner

logger = logging.getLogger("asyncevents.runtime")

_ASK_AGAIN: Final = 30.0
"""Seconds until the ledger is asked for its id again, where it did not say."""


class Runtime:
    """Everything that one process needs, each part made at first use. Thread-safe.

    A context manager: leaving it closes connections. `ledger`, `broker` and `clock` replace
    the parts that the settings name, for tests. `observers` hear what this process does. `role` is
    what the process does, in the names of its connections. `own_plugins` are objects with hooks,
    after all others. With `protected` a process that runs tests does not get the ledger that the
    settings name, unless LEDGER_IN_TESTS allows it. Raises `PluginError` where one of PLUGINS, or
    of `own_plugins`, cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ledger: Ledger | None = None,
        broker: Broker | None = None,
        clock: Clock | None = None,
        plugins: PluginSet | None = None,
        observers: Sequence[Observer] = (),
        own_plugins: Sequence[object] = (),
        protected: bool = False,
    ) -> None:
        self.settings = settings
        self.role = "application"
        self.clock: Clock = clock or SystemClock()
        self.plugins: PluginSet = plugins or load_plugins(
            [builtins],
            named=settings.plugins,
            given=own_plugins,
            blocked=settings.plugins_blocked,
        )
        registered = [one.value for one in self.plugins.observers]
        self.instruments = instruments_of(settings)
        self.tracing = tracing_of(settings)
        if self.instruments is not None:
            registered.append(MetricsObserver(self.instruments))
        self._observing = ObserverThreads([*observers, *registered])
        self._prepared = False
        self._protected = protected and not settings.ledger_in_tests
        self._ledger = ledger
        self._broker = broker
        self._broker_is_given = broker is not None
        self._retry_manager: RetryManager | None = None
        self._search: LogSearch | None = None
        self._known_id: UUID | None = None
        self._ask_id_at = 0.0
        # What is closed again is made once, under the lock; values may be made twice.
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections. Idempotent."""
        if self._retry_manager is not None:
            self._retry_manager.close()
        if self._search is not None:
            self._search.close()
        if self._ledger is not None:
            self._ledger.close()
        self._observing.close()

    def after_fork(self) -> None:
        """Leave locks and connections to the parent. To be called in the child of a fork."""
        self._lock = threading.RLock()
        if self._ledger is not None:
            self._ledger.after_fork()

    def prepare_process(self) -> None:
        """Let plugins prepare this process, once: `asyncevents_prepare_process`.

        To be called before events and services are imported, in processes that are not the
        application's own. Raises `PluginError` with what a plugin raises.
        """
        with self._lock:
            if not self._prepared:
                self.plugins.prepare_process()
                self._prepared = True

    @property
    def observers(self) -> Observers:
        """Whom to tell what happens."""
        return self._observing

    @property
    def ledger(self) -> Ledger:
        """The ledger; nothing is connected yet.

        Raises `LedgerUnavailable` for a wrong URL, `SettingsError` for wrong LEDGER_OPTIONS,
        `LedgerProtected` in tests.
        """
        with self._lock:
            if self._ledger is None:
                if self._protected:
                    _require_no_tests(self.settings)
                # Imported here, as the broker's: an application is imported without either.
                from asyncevents_core.adapters.sqlalchemy import SqlLedger

                cipher = Cipher(self.settings.secret_keys)
                self._ledger = SqlLedger(
                    self.settings.ledger_url,
                    cipher=cipher,
                    options=ledger_options(self.settings),
                    observers=self._observing,
                    schema=self.settings.ledger_schema,
                    name=self.connection_name,
                )
            return self._ledger

    @property
    def broker(self) -> Broker:
        """The broker; nothing is connected yet."""
        with self._lock:
            if self._broker is None:
                from asyncevents_core.adapters.kombu import KombuBroker

                self._broker = KombuBroker(self.broker_config)
            return self._broker

    @property
    def hands_off(self) -> bool:
        """Whether ids of events go through the broker.

        Not where ledger and broker are SQLite files: workers see what is written to the ledger's.
        Raises as `ledger`.
        """
        unused = not self._broker_is_given and may_do_without_broker(self.settings)
        return not (unused and self.ledger.tells_of_events)

    def _ledger_id(self) -> UUID | None:
        """Return the id of the ledger; None while that cannot be read. Raises nothing."""
        if self._known_id is None and time.monotonic() >= self._ask_id_at:
            try:
                self._known_id = self.ledger.read(lambda view: view.neighbours.ledger_id())
            except AsyncEventsError as error:
                # Of an older version it has none; hand-offs without it are as good alone.
                logger.debug("the ledger's id cannot be read", extra={"error": str(error)})
            self._ask_id_at = time.monotonic() + _ASK_AGAIN
        return self._known_id

    def connection_name(self) -> str:
        """Return how connections that this process opens now are called at the servers."""
        return connection_name(self.role, os.getpid())

    @property
    def broker_config(self) -> BrokerConfig:
        """Where the broker is and how it is used, as the settings say. Raises `SettingsError`."""
        settings = self.settings
        return BrokerConfig(
            url=settings.broker_url,
            queue_type=settings.broker_queue_type,
            prefix=settings.broker_prefix,
            options=broker_options(settings),
            publications=settings.magento_messages_enabled,
            publish_queue=settings.publish_queue,
            name=self.connection_name,
            source=settings.source,
            ledger_id=self._ledger_id,
        )

    @cached_property
    def catalog(self) -> EventCatalog:
        """The event definitions; EVENT_MODULES are imported here.

        Raises `SettingsError`, `MissingExtra`.
        """
        return collect_events(self.settings, self.plugins)

    @cached_property
    def publish_rules(self) -> PublishRules:
        """What `publish()` accepts, and whose events they are."""
        settings = self.settings
        return PublishRules(
            source=settings.source,
            max_payload_bytes=settings.max_payload_bytes,
            arguments=ArgumentChecks(self._resolver_type()),
            schemas=self.schema_checks,
        )

    @property
    def about_events(self) -> About:
        """What documents about the events say of their application."""
        return About(source=self.settings.source)

    @cached_property
    def schema_checks(self) -> SchemaChecks:
        """What checks the data of events by their schemas. Raises as `catalog`."""
        refuses = event_schemas(self.settings) == "refuse"
        return SchemaChecks(self.catalog.checks, refuses=refuses)

    def _resolver_type(self) -> ServiceResolverType | None:
        """Return the kind of resolver in use; None where only workers have it installed."""
        try:
            return self.plugins.service_resolvers.get(self.settings.service_resolver)
        except PluginError:
            return None

    @cached_property
    def policy(self) -> Policy:
        """The numbers of the state machine."""
        settings = self.settings
        return Policy(
            source=settings.source,
            sink_deadline=settings.sink_deadline,
            service_timeout=settings.service_timeout,
            service_start=SERVICE_START if settings.service_isolation == "process" else 0.0,
            schedule=SCHEDULES[settings.retry_schedule],
            maximum_deaths=settings.maximum_deaths,
            failure=settings.failing.over(USUAL),
            retry_after_max=settings.retry_after_max,
            retry_backstop=self.retry_manager.backstop,
            indexing=self.indexer is not None,
            retry_policy=self._retry_policy(),
        )

    def _retry_policy(self) -> RetryPolicyType | None:
        """Return the retry policy that RETRY_POLICY names. Raises `UnknownName`."""
        name = self.settings.retry_policy
        return None if name is None else self.plugins.retry_policies.get(name)

    @cached_property
    def resolver(self) -> ServiceResolver:
        """The service resolver that SERVICE_RESOLVER names. Raises `UnknownName`."""
        kind = self.plugins.service_resolvers.get(self.settings.service_resolver)
        resolver = kind.open(self.plugins.build_service)
        if not self.plugins.surrounds_services:
            return resolver
        return SurroundedResolver(resolver, self.plugins.around_service)

    @cached_property
    def password_hasher(self) -> PasswordHasher:
        """What hashes the passwords of users. Raises `MissingExtra`."""
        # Imported here: it needs the extra `web`, and few processes hash passwords.
        from asyncevents_core.adapters.argon2_hasher import Argon2Hasher

        return Argon2Hasher()

    def eager_delivery(self) -> tuple[ServiceCaller, IdCarrier]:
        """Return what calls services, and what delivers with them where an event is published.

        The caller closes the first. Raises `UnknownName`, `SettingsError`.
        """
        from asyncevents_core.engine.delivering.eager import EagerDelivery

        services = ServiceCaller(
            resolver=self.resolver,
            threads=1,
            timeout=self.settings.service_timeout,
            patience=self.policy.service_patience,
            clock=self.clock,
            calls=Calls(threads=1),
            schemas=self.schema_checks,
        )
        carrier = EagerDelivery(
            ledger=self.ledger,
            definitions=self.catalog,
            policy=self.policy,
            clock=self.clock,
            services=services,
            sinks=self.sinks,
            filters=self.filters,
            tracing=self.tracing,
        )
        return services, carrier

    @property
    def retry_manager(self) -> RetryManager:
        """The retry manager that RETRY_MANAGER names. Raises `UnknownName`."""
        with self._lock:
            if self._retry_manager is None:
                kind = self.plugins.retry_managers.get(self.settings.retry_manager)
                self._retry_manager = kind.open(self.broker_config)
            return self._retry_manager

    @cached_property
    def indexer(self) -> str | None:
        """The name of the indexer in use, None if search is off; see `resolved_indexer`."""
        return resolved_indexer(self.settings)

    def check_indexer(self) -> None:
        """Find mistakes in the settings of the indexer in use, before it is opened.

        Raises `UnknownName`, `SettingsError`; nothing where search is off.
        """
        if self.indexer is not None:
            indexer_config(self.settings, self.plugins.indexers.get(self.indexer))

    def open_indexer(self) -> Indexer:
        """Open the indexer in use. Raises `UnknownName`, `SettingsError`, `SearchOff`.

        Each call opens it anew: the caller closes it.
        """
        if self.indexer is None:
            raise SearchOff(f"search is off: {why_off(self.settings)}")
        kind = self.plugins.indexers.get(self.indexer)
        return kind.open(indexer_config(self.settings, kind))

    @property
    def search(self) -> LogSearch:
        """The search over the log. Closed with the runtime. Raises as `open_indexer`."""
        with self._lock:
            if self._search is None:
                from asyncevents_core.adapters.lucene import Lucene

                self._search = LogSearch(
                    self.ledger,
                    self.open_indexer(),
                    Lucene(),
                    timeout=self.settings.search_timeout,
                    enabled=self.settings.indexing_enabled,
                )
            return self._search

    @cached_property
    def sinks(self) -> SinkCatalog:
        """The sinks that subscriptions can name."""
        return SinkCatalog(self.settings, self.plugins.sinks)

    @cached_property
    def filters(self) -> FilterCompiler:
        """What compiles the filters of subscriptions."""
        # Imported here: most applications publish only, and few subscriptions have one.
        from asyncevents_core.adapters.filters import Filters

        return Filters()

    def check_subscription(self, wanted: NewSubscription) -> Checked:
        """Return it as it is kept, if its sink and its filter can be used: see `checked`."""
        return checked(wanted, self.sinks, self.filters)

    def shown_options(self, one: Subscription) -> dict[str, object]:
        """Return the options of a subscription without what is secret.

        Of a sink that is not installed nobody knows what is secret: their names only are shown.
        """
        try:
            known = self.sinks.kind(one.sink).options_class
        except (PluginError, SettingsError):
            known = NoOptions
        return masked(known, one.options)


def _require_no_tests(settings: Settings) -> None:
    runner = test_runner()
    if runner is not None:
        raise LedgerProtected(
            f"a test (of {runner}) was about to use the ledger of the application, "
            f"{masked_address(settings.ledger_url)}. To record what it publishes: the fixture "
            "published_events of pytest, or record_published_events() of asyncevents_core.testing. "
            "To let tests use this ledger: LEDGER_IN_TESTS = True in the settings that they take, "
            "or ASYNCEVENTS_LEDGER_IN_TESTS=true"
        )
