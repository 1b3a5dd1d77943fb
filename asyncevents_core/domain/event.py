"""Events: what was published, and the definitions that say which names exist."""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from types import UnionType
from typing import Any, Final, Self
from uuid import UUID

from attrs import field, frozen, validators

from asyncevents_core.domain.payload import data_of, envelope

EVENT_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
"""What an event's name looks like; names are case-sensitive."""

OPERATIONAL: Final = "asyncevents."
"""Begins the names of events about the framework itself."""

ALONE_LINE: Final = "*"
"""The line of events that wait until their service can run alone; no event has this name."""


SchemaSource = Mapping[str, Any] | type | UnionType
"""A JSON Schema, or a type whose instances the data is made of."""


def _schema(given: SchemaSource | None) -> Mapping[str, Any] | None:
    if given is None or isinstance(given, Mapping):
        return given
    # Imported here: what plugins import stays cheap.
    from asyncevents_core.domain.schemas.of_types import schema_of_type

    return schema_of_type(given)


def _version(given: str | int | None) -> str | None:
    return None if given is None else str(given)


def _examples(given: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(given)


def _date(_: object, __: object, value: str | None) -> None:
    if value is not None:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"sunset: {value!r} is no date such as '2027-01-31'") from None


@frozen(kw_only=True)
class EventDefinition:
    """One name that can be published and subscribed to.

    `service` is ``package.module:function`` or ``package.module:Class.method``; without one
    the event carries its published data. `concurrency` is how many calls of the service a worker
    process makes at the same time, at most; None: what SERVICE_THREADS allows. `resources` are
    the permissions that a subscriber needs, all of them. `origin` says where the definition
    stands, for error messages.

    `schema` is the JSON Schema (draft 2020-12) of the data that subscribers get; a type is turned
    into it. `version` is its label, for people. `examples` are such data. `description` says when
    the event happens. `deprecated` says what to use instead, and `sunset` from which day on, as
    "2027-01-31", the event may be gone. Raises ValueError for what cannot be such.
    """

    name: str = field(validator=validators.matches_re(EVENT_NAME, func=re.fullmatch))
    service: str | None = None
    concurrency: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    resources: tuple[str, ...] = ()
    title: str | None = None
    description: str | None = None
    version: str | None = field(default=None, converter=_version)
    schema: Mapping[str, Any] | None = field(
        default=None, converter=_schema, repr=False, hash=False
    )
    examples: tuple[Any, ...] = field(default=(), converter=_examples, repr=False, hash=False)
    deprecated: str | None = None
    sunset: str | None = field(default=None, validator=_date)
    origin: str = field(default="", eq=False)

    def __attrs_post_init__(self) -> None:
        if self.sunset is not None and self.deprecated is None:
            raise ValueError("sunset: say in deprecated what to use instead")

    @property
    def is_operational(self) -> bool:
        """Whether it is about the framework itself, which defines it."""
        return self.name.startswith(OPERATIONAL)

    @property
    def about(self) -> str:
        """What there is to say of it: its description, or else that of its schema."""
        return self.description or str((self.schema or {}).get("description", ""))


class EventState(enum.StrEnum):
    """open -> [resolving ->] fanned_out | failed."""

    OPEN = "open"
    RESOLVING = "resolving"
    FANNED_OUT = "fanned_out"
    FAILED = "failed"


@frozen(kw_only=True)
class NewEvent:
    """An event on its way into the ledger.

    What was published is in `arguments` (JSON text, UTF-8) where a service will make the body of
    it, else it is in the `body`, the CloudEvent, already. `digest` is the SHA-256 of name, tenant
    and what was published: a repeated `external_id` with the same digest is the same event.
    """

    id: UUID
    external_id: str | None
    digest: bytes
    name: str
    tenant: str | None
    arguments: bytes | None = field(repr=False)
    body: bytes | None = field(repr=False)
    occurred_at: int
    trace_context: str | None = None
    """Where it belongs in its application's trace: `TraceContext.text`."""

    @classmethod
    def carrying(
        cls,
        content: bytes,
        *,
        event_id: UUID,
        name: str,
        tenant: str | None,
        source: str,
        occurred_at: int,
    ) -> Self:
        """Return one of the framework's own making; its data is `content`, JSON text."""
        return cls(
            id=event_id,
            external_id=None,
            digest=hashlib.sha256(content).digest(),
            name=name,
            tenant=tenant,
            arguments=None,
            body=envelope(
                event_id=event_id,
                name=name,
                source=source,
                occurred_at=occurred_at,
                tenant=tenant,
                data=content,
            ),
            occurred_at=occurred_at,
        )

    @property
    def published(self) -> bytes:
        """What was published, as JSON text."""
        return _published(self.arguments, self.body)


@frozen(kw_only=True)
class Event:
    """An event's row. `body` is the CloudEvent's bytes, once resolved (None before).

    `arguments` is None where the body is made of what was published. `claims` counts how often
    a worker took it, `deaths` how often its service failed, `abandonments` how many times in a
    row a worker vanished with it. `parked` is the line that it waits in while it is open, outside
    of the index of due rows, until its service can be called: the name of the event, or
    `ALONE_LINE`; "" where it is not parked. `error` says what its service failed with last, and
    `traceback` where: lists leave that out.
    """

    id: UUID
    external_id: str | None
    name: str
    tenant: str | None
    arguments: bytes | None = field(repr=False)
    body: bytes | None = field(repr=False)
    state: EventState
    error: str | None
    due_at: int | None
    claims: int
    deaths: int
    abandonments: int
    parked: str
    owner: UUID | None
    occurred_at: int
    created_at: int
    traceback: str | None = field(default=None, repr=False)
    trace_context: str | None = None
    """As `NewEvent.trace_context`."""

    @property
    def published(self) -> bytes:
        """What was published, as JSON text."""
        return _published(self.arguments, self.body)

    @property
    def is_operational(self) -> bool:
        """Whether it is about the framework itself."""
        return self.name.startswith(OPERATIONAL)


def _published(arguments: bytes | None, body: bytes | None) -> bytes:
    return data_of(body or b"") if arguments is None else arguments
