"""Events: what was published, and the definitions that say which names exist."""

from __future__ import annotations

import enum
import re
from typing import Final
from uuid import UUID

from attrs import field, frozen, validators

from asyncevents_core.domain.payload import data_of

EVENT_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
"""What an event's name looks like; names are case-sensitive."""

ALONE_LINE: Final = "*"
"""The line of events that wait until their service can run alone; no event has this name."""


@frozen(kw_only=True)
class EventDefinition:
    """One name that can be published and subscribed to.

    `service` is ``package.module:function`` or ``package.module:Class.method``; without one
    the event carries its published data. `concurrency` is how many calls of the service a worker
    process makes at the same time, at most; None: what SERVICE_THREADS allows. `resources` are
    the permissions that a subscriber needs, all of them. `origin` says where the definition
    stands, for error messages.
    """

    name: str = field(validator=validators.matches_re(EVENT_NAME, func=re.fullmatch))
    service: str | None = None
    concurrency: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    resources: tuple[str, ...] = ()
    title: str | None = None
    origin: str = field(default="", eq=False)


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

    @property
    def published(self) -> bytes:
        """What was published, as JSON text."""
        return _published(self.arguments, self.body)


def _published(arguments: bytes | None, body: bytes | None) -> bytes:
    return data_of(body or b"") if arguments is None else arguments
