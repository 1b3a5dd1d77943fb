"""Forms of what is set up and what runs: subscriptions, events, tokens, workers, the status."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.allowance import SinkAllowance
from asyncevents_core.domain.event import Event, EventDefinition, EventState
from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.problem import Problem
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.domain.token import ApiToken, TokenState
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.upkeep.status import Status
from asyncevents_core.forms.values import ReadJson, optional_time


@frozen(kw_only=True)
class SubscriptionForm:
    """Everything about a subscription but its secret; what is secret in `options` is masked.

    `event_name` is a name, or names and patterns with commas. `filter` is as it was given; since
    the last change it has not let pass `filtered` events, and has failed on `filter_failed`.
    `signed` says whether it has a secret, `older_secrets_until` how long others sign besides (null:
    until somebody ends them); `unreadable` why secret or options cannot be decrypted; `modified_at`
    is null until the first change. `failures` are the latest attempts that failed in a row, since
    `failing_since`, the last one with `failing_error`; from `warned_at` on people know.
    """

    subscription_id: int
    status: SubscriptionStatus
    event_name: str
    sink: str
    target: str
    tenant: str | None
    maximum_deaths: int | None
    schedule: list[float] | None
    jitter: float
    rate_limit: float | None
    options: dict[str, Any]
    filter: Any
    filtered: int
    filter_failed: int
    filter_error: str | None
    warn_failures: int | None
    warn_after: float | None
    disable_failures: int | None
    disable_after: float | None
    failures: int
    failing_since: datetime | None
    failing_error: str | None
    warned_at: datetime | None
    signed: bool
    older_secrets_until: list[datetime | None]
    unreadable: str | None
    subscribed_at: datetime
    modified_at: datetime | None

    @classmethod
    def of(cls, one: Subscription, options: dict[str, Any]) -> Self:
        """Return the form of a subscription; `options` are masked already."""
        retry = one.retry
        return cls(
            subscription_id=one.id,
            status=one.status,
            event_name=one.event_name,
            sink=one.sink,
            target=one.target,
            tenant=one.tenant,
            maximum_deaths=retry.maximum_deaths,
            schedule=None if retry.schedule is None else list(retry.schedule),
            jitter=retry.jitter,
            rate_limit=one.rate_limit,
            options=options,
            filter=one.filter,
            filtered=one.filter_counts.filtered,
            filter_failed=one.filter_counts.failed,
            filter_error=one.filter_counts.error,
            warn_failures=one.failure.warn_failures,
            warn_after=one.failure.warn_after,
            disable_failures=one.failure.disable_failures,
            disable_after=one.failure.disable_after,
            failures=one.streak.failures,
            failing_since=optional_time(one.streak.since),
            failing_error=one.streak.error,
            warned_at=optional_time(one.streak.warned_at),
            signed=one.signed,
            older_secrets_until=[
                None if older.until is None else to_datetime(older.until)
                for older in one.older_secrets
            ],
            unreadable=one.unreadable,
            subscribed_at=to_datetime(one.subscribed_at),
            modified_at=None if one.modified_at is None else to_datetime(one.modified_at),
        )


@frozen(kw_only=True)
class EventDefinitionForm:
    """An event that can be subscribed to; `resources` are all needed to do so.

    `schema` is the JSON Schema of its data, `examples` are such data: null and none for who does
    not have the resources. `deprecated` says what to use instead, `sunset` from which day on the
    event may be gone.
    """

    name: str
    title: str | None
    description: str | None
    version: str | None
    service: str | None
    resources: list[str]
    deprecated: str | None
    sunset: str | None
    schema: dict[str, Any] | None
    examples: list[Any]
    origin: str

    @classmethod
    def of(cls, one: EventDefinition, *, with_data: bool = True) -> Self:
        """Return the form of an event definition; `with_data`: with what says what is in it."""
        schema = one.schema if with_data else None
        return cls(
            name=one.name,
            title=one.title,
            description=one.description,
            version=one.version,
            service=one.service,
            resources=list(one.resources),
            deprecated=one.deprecated,
            sunset=one.sunset,
            schema=None if schema is None else dict(schema),
            examples=list(one.examples) if with_data else [],
            origin=one.origin,
        )


@frozen(kw_only=True)
class PublishedForm:
    """What was published; `external_id` is the publisher's own id, `data` what it published.

    `error` says what its service failed with last. `traceback` says where; lists leave it out.
    """

    event_id: UUID
    external_id: str | None
    event_name: str
    state: EventState
    error: str | None
    traceback: str | None
    tenant: str | None
    published_at: datetime
    data: Any

    @classmethod
    def of(cls, one: Event, read_json: ReadJson) -> Self:
        """Return the form of an event."""
        return cls(
            event_id=one.id,
            external_id=one.external_id,
            event_name=one.name,
            state=one.state,
            error=one.error,
            traceback=one.traceback,
            tenant=one.tenant,
            published_at=to_datetime(one.created_at),
            data=read_json(one.published),
        )


@frozen(kw_only=True)
class WorkerForm:
    """A worker process that is alive; `trouble` is what it says is wrong with it, else null."""

    id: UUID
    host: str
    pid: int
    consumers: list[Role]
    started_at: datetime
    beat_at: datetime
    trouble: str | None

    @classmethod
    def of(cls, one: WorkerRow) -> Self:
        """Return the form of a worker."""
        return cls(
            id=one.id,
            host=one.host,
            pid=one.pid,
            consumers=list(one.roles),
            started_at=to_datetime(one.started_at),
            beat_at=to_datetime(one.beat_at),
            trouble=one.trouble,
        )


@frozen(kw_only=True)
class StatusForm:
    """The backlog and the workers; `oldest_due_seconds` is how late the oldest due row is.

    Of `workers_alive` processes, `trigger_consumers` take new events, `retry_consumers` make
    deliveries that are due again, and `index_consumers` feed the search index.
    `index_waiting` attempts are not in the search index yet, counted up to 100,000: there are more
    where that is not `index_exact`. `index_set_aside` were refused by it. `recipients_failing` have
    failed time after time. Filters of subscriptions let `events_filtered` not pass, and failed on
    `filters_failed`. `problems` say what is wrong, and what to do.
    """

    events_open: int
    events_resolving: int
    events_failed: int
    deliveries_due: int
    retries_scheduled: int
    parked: int
    under_way: int
    held: int
    dead_letters: int
    oldest_due_at: datetime | None
    oldest_due_seconds: float | None
    workers_alive: int
    trigger_consumers: int
    retry_consumers: int
    index_consumers: int
    index_waiting: int
    index_exact: bool
    index_set_aside: int
    recipients_failing: int
    events_filtered: int
    filters_failed: int
    workers: list[WorkerForm]
    problems: list[Problem]

    @classmethod
    def of(cls, found: Status) -> Self:
        """Return the form of a look at the ledger."""
        return cls(
            events_open=found.events_open,
            events_resolving=found.events_resolving,
            events_failed=found.events_failed,
            deliveries_due=found.deliveries_due,
            retries_scheduled=found.retries_scheduled,
            parked=found.parked,
            under_way=found.under_way,
            held=found.held,
            dead_letters=found.dead_letters,
            oldest_due_at=optional_time(found.oldest_due_at),
            oldest_due_seconds=found.oldest_due_seconds,
            workers_alive=len(found.workers),
            trigger_consumers=found.consumers(Role.TRIGGER),
            retry_consumers=found.consumers(Role.RETRY),
            index_consumers=found.consumers(Role.INDEX),
            index_waiting=found.index_waiting,
            index_exact=found.index_exact,
            index_set_aside=found.index_set_aside,
            recipients_failing=found.recipients_failing,
            events_filtered=found.events_filtered,
            filters_failed=found.filters_failed,
            workers=[WorkerForm.of(one) for one in found.workers],
            problems=list(found.problems),
        )


@frozen(kw_only=True)
class TokenForm:
    """An API token, without its text: nobody has it but its owner."""

    id: UUID
    name: str
    state: TokenState
    resources: list[str]
    tenant: str | None
    sinks: dict[str, SinkAllowance] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None

    @classmethod
    def of(cls, one: ApiToken, now: int) -> Self:
        """Return the form of a token at a moment of the ledger's clock."""
        return cls(
            id=one.id,
            name=one.name,
            state=one.state(now),
            resources=list(one.resources),
            tenant=one.tenant,
            sinks=None if one.sinks is None else dict(one.sinks),
            created_at=to_datetime(one.created_at),
            expires_at=optional_time(one.expires_at),
            revoked_at=optional_time(one.revoked_at),
            used_at=optional_time(one.used_at),
        )
