"""What there is: events, sinks, what was published, settings, status, the audit log, tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import frozen


@frozen(kw_only=True)
class EventDefinitionItem:
    """An event that can be subscribed to; `resources` are all needed to do so."""

    name: str
    title: str | None
    service: str | None
    resources: list[str]
    origin: str


@frozen(kw_only=True)
class EventDefinitionList:
    """All event definitions, by name."""

    items: list[EventDefinitionItem]


@frozen(kw_only=True)
class PublishedEvent:
    """What was published; `event_id` is the publisher's own id, `data` what it published."""

    id: UUID
    event_name: str
    state: str
    reason: str | None
    tenant: str | None
    event_id: str | None
    published_at: datetime
    data: Any


@frozen(kw_only=True)
class PublishedPage:
    """A page of published events, newest first; `next` is the `before` of the next one."""

    items: list[PublishedEvent]
    next: UUID | None


@frozen(kw_only=True)
class SinkItem:
    """A sink that is installed; `options` is the JSON Schema of a subscription's options."""

    name: str
    title: str
    distribution: str
    signs: bool
    options: dict[str, Any]
    configuration: dict[str, Any]


@frozen(kw_only=True)
class SinkList:
    """All sinks that are installed, by name."""

    items: list[SinkItem]


@frozen(kw_only=True)
class ConfigurationItem:
    """A value that holds, where it comes from, and what would hold without the ledger's."""

    name: str
    value: int | bool
    origin: str
    setting: int | bool
    setting_origin: str
    changed_by: str | None
    changed_at: datetime | None


@frozen(kw_only=True)
class ConfigurationList:
    """All values that can be changed at run time."""

    items: list[ConfigurationItem]


@frozen(kw_only=True)
class WorkerItem:
    """A worker process that is alive."""

    id: UUID
    host: str
    pid: int
    consumers: list[str]
    started_at: datetime
    beat_at: datetime


@frozen(kw_only=True)
class StatusItem:
    """How it stands; `oldest_due_seconds` is how late the oldest due row is.

    Of `workers_alive` processes, `trigger_consumers` take new events, `retry_consumers` make
    deliveries that are due again, and `index_consumers` feed the search index.
    `index_waiting` attempts (counted up to 100,000) are not in the search index yet, and
    `index_set_aside` were refused by it.
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
    index_set_aside: int
    workers: list[WorkerItem]


@frozen(kw_only=True)
class AuditItem:
    """One change: who, what, when."""

    id: UUID
    at: datetime
    who: str
    action: str
    subject: str
    tenant: str | None
    details: dict[str, Any]


@frozen(kw_only=True)
class AuditPage:
    """A page of the audit log, newest first; `next` is the `before` of the next one."""

    items: list[AuditItem]
    next: UUID | None


@frozen(kw_only=True)
class TokenItem:
    """An API token, without its text: nobody has it but its owner."""

    id: UUID
    name: str
    valid: bool
    resources: list[str]
    tenant: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None


@frozen(kw_only=True)
class TokenList:
    """All tokens, oldest first."""

    items: list[TokenItem]
