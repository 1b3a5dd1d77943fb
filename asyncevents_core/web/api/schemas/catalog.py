"""Lists of what there is, and what the REST API alone shows: sinks, settings, the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.forms import EventDefinitionForm, PublishedForm, TokenForm


@frozen(kw_only=True)
class EventDefinitionList:
    """All event definitions, by name."""

    items: list[EventDefinitionForm]

    @classmethod
    def of(cls, catalog: Iterable[EventDefinition], actor: Actor) -> Self:
        """Return the list; schema and examples are there for those who have the resources."""
        return cls(
            items=[
                EventDefinitionForm.of(one, with_data=actor.may_all(one.resources))
                for one in catalog
            ]
        )


@frozen(kw_only=True)
class PublishedPage:
    """A page of published events, newest first; `next` is the `before` of the next one."""

    items: list[PublishedForm]
    next: UUID | None


@frozen(kw_only=True)
class SinkItem:
    """A sink that is installed; `options` is the JSON Schema of a subscription's options.

    `icon` is the text of an SVG document, "" for none: show it as an image, which runs nothing.
    """

    name: str
    title: str
    icon: str
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
class TokenList:
    """All tokens, oldest first."""

    items: list[TokenForm]
