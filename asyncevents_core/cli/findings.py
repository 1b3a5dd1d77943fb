"""What `asyncevents check` looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Final, Literal

from attrs import frozen

from asyncevents_core.catalog.reviewing import review
from asyncevents_core.cli.app import CliContext
from asyncevents_core.cli.output import roughly
from asyncevents_core.domain.allowance import ANY, tenant_allowances
from asyncevents_core.domain.backoff import DAYS, SCHEDULES
from asyncevents_core.domain.counts import counted, shown_count
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.leases import Claimant
from asyncevents_core.engine.delivering.recovery import alive
from asyncevents_core.engine.searching.rebuild import is_reindexing
from asyncevents_core.engine.searching.search import holds_first
from asyncevents_core.engine.searching.telling import INCOMPLETE
from asyncevents_core.engine.shared.deadline import each_within
from asyncevents_core.engine.upkeep.diagnosis import PROBE, neighbours_met
from asyncevents_core.engine.upkeep.trial import refused_tables, try_claiming, try_publishing
from asyncevents_core.errors import (
    AsyncEventsError,
    LedgerError,
    PluginError,
    SettingsError,
)
from asyncevents_core.health import sink_health
from asyncevents_core.metering import PROMETHEUS
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.configs import event_schemas, ledger_options, openid_options, why_off
from asyncevents_core.settings.run_time import configured

_SHOWN: Final = 5
"""Findings of one kind."""
_SHORT: Final = 3600.0
"""Seconds of retries that are too few in production: a deployment or an outage takes longer."""
_LOOKED_AT: Final = 5_000
"""Subscriptions, those with the lowest ids: half a second, however many there are."""

State = Literal["ok", "warning", "error"]
_STATES: Final[Mapping[str, State]] = MappingProxyType(
    {"ok": "ok", "not configured": "warning", "not in use": "ok", "error": "error"}
)


@frozen(kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    detail: str


def findings_of(context: CliContext) -> Iterator[Finding]:
    """Look at settings, ledger, broker and sinks, and what is in them; yield what is found."""
    try:
        runtime = context.runtime
        # What the framework tells of itself, nobody defined.
        defined = sum(not one.is_operational for one in runtime.catalog)
        ledger_options(runtime.settings)
        openid_options(runtime.settings)
    except AsyncEventsError as error:
        yield Finding(what="settings", state="error", detail=str(error))
        return
    yield Finding(what="settings", state="ok", detail=f"{counted(defined, 'event')} defined")
    mode, today = event_schemas(runtime.settings), datetime.now(UTC).date()
    for remark in review(runtime.catalog, mode=mode, today=today):
        yield Finding(what="events", state=remark.state, detail=remark.text)
    if runtime.settings.unknown_variables:
        names = ", ".join(runtime.settings.unknown_variables)
        yield Finding(what="environment", state="ok", detail=f"no settings, so not read: {names}")
    if runtime.settings.unknown_names:
        names = ", ".join(runtime.settings.unknown_names)
        yield Finding(what="settings", state="ok", detail=f"no settings, so not read: {names}")
    for problem in runtime.plugins.problems:
        yield Finding(what="plugin", state=problem.severity, detail=str(problem))
    for what, probes in (
        ("ledger", _ledger),
        ("broker", _broker),
        ("neighbours", _neighbours),
        ("retry manager", _retry_manager),
        ("retries", _retries),
        ("metrics", _metrics),
        ("search", _search),
        ("services", _services),
        ("sinks", _sinks),
        ("tenants", _tenants),
        ("configuration", _configuration),
    ):
        try:
            yield from each_within(PROBE, partial(probes, runtime))
        except TimeoutError as error:
            yield Finding(what=what, state="error", detail=f"it {error}")


def _retry_manager(runtime: Runtime) -> Iterator[Finding]:
    try:
        runtime.retry_manager  # noqa: B018 - opened here
    except AsyncEventsError as error:
        yield Finding(what="retry manager", state="error", detail=str(error))
    else:
        yield Finding(what="retry manager", state="ok", detail=runtime.settings.retry_manager)


def _retries(runtime: Runtime) -> Iterator[Finding]:
    """Say how long deliveries are tried, and hint at a schedule for those that matter."""
    if runtime.settings.retry_policy is not None:
        detail = f"the retry policy {runtime.settings.retry_policy!r} decides"
        yield Finding(what="retries", state="ok", detail=detail)
        return
    try:
        values = configured(runtime.settings, runtime.ledger)
    except LedgerError:
        return  # said above
    (retries,) = [int(one.value) for one in values if one.name == "MAXIMUM_DEATHS"]
    schedule = SCHEDULES[runtime.settings.retry_schedule]
    lasts = schedule.lasts(retries)
    number = counted(retries, "retry", plural="retries")
    detail = f"{number} within {roughly(lasts)}, then a dead letter"
    if retries < schedule.retries:
        detail += f": MAXIMUM_DEATHS ends the schedule {schedule.name!r} before its time"
    serious = not runtime.settings.ledger_url.startswith("sqlite")
    if serious and lasts < _SHORT:
        detail += (
            f". A recipient may be down for longer: RETRY_SCHEDULE = {DAYS.name!r} goes on for "
            f"{roughly(DAYS.lasts(DAYS.retries))}"
        )
        yield Finding(what="retries", state="warning", detail=detail)
    else:
        yield Finding(what="retries", state="ok", detail=detail)


def _metrics(runtime: Runtime) -> Iterator[Finding]:
    """Say where numbers and probes are to be had, if they are wanted."""
    settings = runtime.settings
    if settings.health_address is not None:
        detail = f"probes at {settings.health_address}, METRICS = {settings.metrics!r}"
        yield Finding(what="health", state="ok", detail=detail)
    elif settings.metrics == PROMETHEUS:
        detail = "workers keep numbers that nobody can ask for: set HEALTH_ADDRESS"
        yield Finding(what="health", state="warning", detail=detail)


def _search(runtime: Runtime) -> Iterator[Finding]:
    name = runtime.indexer
    if name is None:
        yield Finding(what="search", state="ok", detail=f"off: {why_off(runtime.settings)}")
        return

    try:
        yield from _index(runtime, name)
    except LedgerError:
        return  # said above
    except AsyncEventsError as error:
        yield Finding(what="search", state="error", detail=str(error))


def _index(runtime: Runtime, name: str) -> Iterator[Finding]:
    backlog = runtime.ledger.read(lambda view: view.index.backlog())
    with runtime.open_indexer() as indexer:
        count, begun = indexer.count(), indexer.is_rebuilding()
        complete = holds_first(
            runtime.ledger, indexer, backlog, timeout=runtime.settings.search_timeout
        )
    default = " (INDEXER is not set)" if runtime.settings.indexer is None else ""
    waiting = shown_count(backlog.waiting, exact=backlog.exact)
    detail = f"{name}{default}: {counted(count, 'attempt')} indexed, {waiting} wait"
    yield Finding(what="search", state="ok", detail=detail)
    if is_reindexing(runtime.ledger):
        yield Finding(what="search", state="ok", detail="the index is being built anew")
    elif begun:
        detail = "a reindex was interrupted: `asyncevents reindex` goes on with it"
        yield Finding(what="search", state="warning", detail=detail)
    elif not complete:
        yield Finding(what="search", state="warning", detail=INCOMPLETE)


def _ledger(runtime: Runtime) -> Iterator[Finding]:
    try:
        warnings = runtime.ledger.check()
        workers = runtime.ledger.read(lambda view: alive(view.workers.all(), view.now()))
        sinks = runtime.ledger.read(lambda view: view.subscriptions.sinks_in_use())
        subscriptions = runtime.ledger.read(
            lambda view: view.subscriptions.first(limit=_LOOKED_AT + 1)
        )
    except AsyncEventsError as error:
        yield Finding(what="ledger", state="error", detail=str(error))
        return
    yield Finding(what="ledger", state="ok", detail=runtime.ledger.describe())
    yield from _trials(runtime)
    for warning in warnings:
        yield Finding(what="database", state="warning", detail=warning)
    for role in Role:
        if role is Role.INDEX and runtime.indexer is None:
            continue
        count = sum(role in worker.roles for worker in workers)
        if count:
            yield Finding(what=f"{role} consumers", state="ok", detail=f"{count} running")
        else:
            detail = f"none runs: asyncevents worker --consumers {role}"
            yield Finding(what=f"{role} consumers", state="warning", detail=detail)
    for sink in sorted(sinks - set(runtime.sinks.names())):
        detail = f"subscriptions use the sink {sink!r}, which is not installed"
        yield Finding(what="subscriptions", state="error", detail=detail)
    unreadable = [
        f"subscription {one.id}: {one.unreadable}"
        for one in subscriptions[:_LOOKED_AT]
        if one.unreadable is not None
    ]
    yield from _some("subscriptions", "error", unreadable)
    if len(subscriptions) > _LOOKED_AT:
        yield _bounded("subscriptions", "asyncevents secrets rotate --check looks at all")


def _some(what: str, state: State, details: Sequence[str]) -> Iterator[Finding]:
    """Name the first of a kind, and count the others."""
    for detail in details[:_SHOWN]:
        yield Finding(what=what, state=state, detail=detail)
    if more := len(details[_SHOWN:]):
        detail = f"and {counted(more, 'subscription')} more of this kind"
        yield Finding(what=what, state=state, detail=detail)


def _bounded(what: str, others: str) -> Finding:
    """Say that there are more than were looked at, and how to see the others."""
    detail = f"only the first {_LOOKED_AT:,} were looked at; {others}"
    return Finding(what=what, state="ok", detail=detail)


def _trials(runtime: Runtime) -> Iterator[Finding]:
    """Do what publishers and workers do, and roll it back."""
    ledger = runtime.ledger
    try:
        refused = refused_tables(ledger)
    except AsyncEventsError as error:
        refused = [str(error)]
    for one in refused:
        yield Finding(what="trial tables", state="error", detail=one)
    if not refused:
        yield Finding(what="trial tables", state="ok", detail="all can be read and written")
    for what, words, probe in (
        (
            "trial publish",
            "a megabyte was written, and taken back",
            partial(try_publishing, ledger),
        ),
        ("trial claim", "claimed, and given back", partial(_try_claiming, runtime)),
    ):
        try:
            probe()
        except AsyncEventsError as error:
            yield Finding(what=what, state="error", detail=str(error))
        else:
            yield Finding(what=what, state="ok", detail=words)


def _try_claiming(runtime: Runtime) -> None:
    definitions = runtime.catalog
    claimant = Claimant(
        owner=uuid7(),
        policy=runtime.policy,
        definitions=definitions,
        filters=runtime.filters,
    )
    try_claiming(runtime.ledger, claimant)


def _configuration(runtime: Runtime) -> Iterator[Finding]:
    try:
        found = configured(runtime.settings, runtime.ledger)
    except LedgerError:
        return  # said above
    for one in found:
        by = f", set by {one.changed_by}" if one.changed_by else ""
        detail = f"{one.value} ({one.origin}{by})"
        yield Finding(what=one.name, state="ok", detail=detail)


def _broker(runtime: Runtime) -> Iterator[Finding]:
    try:
        yield Finding(what="broker", state="ok", detail=runtime.broker.check())
        runtime.broker.try_out()
        yield Finding(what="trial message", state="ok", detail="sent, and taken back")
        aside = runtime.broker.quarantined()
    except AsyncEventsError as error:
        yield Finding(what="broker", state="error", detail=str(error))
        return
    if aside:
        detail = (
            f"{counted(aside, 'message')} in the queue {runtime.settings.broker_prefix}"
            "event.quarantine: not hand-offs; the header asyncevents-reason says why"
        )
        yield Finding(what="quarantine", state="warning", detail=detail)


def _neighbours(runtime: Runtime) -> Iterator[Finding]:
    """Name those whose messages workers met in queues of this application's."""
    try:
        met = neighbours_met(runtime.ledger)
    except LedgerError:
        return  # said above
    for one in met:
        yield Finding(what="neighbours", state="warning", detail=f"{one.words}: {one.advice}")


def _services(runtime: Runtime) -> Iterator[Finding]:
    try:
        resolver = runtime.resolver
    except AsyncEventsError as error:
        yield Finding(what="service resolver", state="error", detail=str(error))
        return
    named = [one for one in runtime.catalog if one.service is not None]
    found = 0
    for definition in named:
        try:
            resolver.resolve(definition)
            found += 1
        except AsyncEventsError as error:
            yield Finding(what=f"service of {definition.name}", state="error", detail=str(error))
    if found:
        yield Finding(what="services", state="ok", detail=f"{found:,} found")


def _sinks(runtime: Runtime) -> Iterator[Finding]:
    for entry in runtime.sinks:
        health = sink_health(runtime, entry.name)
        detail = health.reason or entry.source.distribution
        yield Finding(what=f"sink {entry.name}", state=_STATES[health.state], detail=detail)
    known = {entry.name for entry in runtime.sinks}
    for name in sorted(set(runtime.settings.sinks) - known):
        detail = f"SINKS configures it: {_missing(runtime, name)}"
        yield Finding(what=f"sink {name}", state="warning", detail=detail)
    lent = {name for sinks in runtime.settings.tenant_sinks.values() for name in sinks}
    for name in sorted(lent - known - {ANY}):
        detail = f"TENANT_SINKS names it: {_missing(runtime, name)}"
        yield Finding(what=f"sink {name}", state="warning", detail=detail)


def _missing(runtime: Runtime, name: str) -> str:
    """Say why a sink is not there, and what to install."""
    try:
        runtime.sinks.kind(name)
    except SettingsError as error:
        return "; ".join(error.problems)
    except PluginError as error:
        return str(error)
    return "it is there"


def _tenants(runtime: Runtime) -> Iterator[Finding]:
    """Name what tenants have and could not make (any more): an operator did, or older rules."""
    try:
        subscriptions = runtime.ledger.read(
            lambda view: view.subscriptions.first(limit=_LOOKED_AT + 1, of_tenants=True)
        )
    except LedgerError:
        return  # said above
    refused = [
        f"subscription {one.id}: {why} (TENANT_SINKS)"
        for one in subscriptions[:_LOOKED_AT]
        if (why := _beyond(runtime, one))
    ]
    yield from _some("tenants", "warning", refused)
    if len(subscriptions) > _LOOKED_AT:
        yield _bounded("tenants", "asyncevents subscriptions list has all")


def _beyond(runtime: Runtime, one: Subscription) -> str | None:
    try:
        checked = runtime.check_subscription(one.as_new())
    except AsyncEventsError:
        return None  # it cannot be delivered at all, which attempts and the ledger's check say
    for allowance in tenant_allowances(one.tenant, runtime.settings.tenant_sinks):
        if why := allowance.refusal(one.sink, one.target, checked.privileges):
            return why
    return None
