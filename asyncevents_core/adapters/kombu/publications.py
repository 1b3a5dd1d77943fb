"""Messages that ask for events to be published: those of mageos-async-events on ``event.trigger``.

Magento sends a list of texts, as JSON: the name of the event, the arguments of its service, which
are JSON themselves, and the store, which may be left out.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from asyncevents_core.adapters.kombu.received import ReceivedMessage
from asyncevents_core.domain.foreign_event import ForeignEvent
from asyncevents_core.domain.original import tenant_of_store
from asyncevents_core.domain.plain import unique_members
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.ports.broker import Publication
from asyncevents_core.showing import shown

_LONGEST_ID: Final = 200
"""Characters of a message's id that are taken for one; Magento's have 32."""
_ID_PREFIX: Final = "magento:"


Settle = Callable[[ReceivedMessage, str | None], None]
"""Acknowledges a message, or puts it aside for the reason that is given."""


class Reading(ABC):
    """How messages that ask for publishing are told from others, and read."""

    @abstractmethod
    def takes(self, message: ReceivedMessage) -> bool:
        """Tell whether a message may be one of these."""

    @abstractmethod
    def read(self, message: ReceivedMessage) -> Sequence[ForeignEvent]:
        """Return the events that a whole message asks for, one at least.

        Raises ValueError, saying what is wrong with it.
        """


class ReceivedPublication(Publication):
    """A message that was read. `settle` acknowledges it, or puts it aside with a reason."""

    def __init__(self, message: ReceivedMessage, reading: Reading, settle: Settle) -> None:
        """Read a message. Raises ValueError, saying what is wrong with it."""
        if message.size > len(message.body):
            raise ValueError("too long for an event")
        context = TraceContext.among(message.headers)
        self.events = [one.within(context) for one in reading.read(message)]
        self._message = message
        self._settle = settle
        self._refusal: str | None = None

    def refuse(self, reason: str) -> None:
        self._refusal = reason

    def ack(self) -> None:
        self._settle(self._message, self._refusal)


class MagentoMessages(Reading):
    """Those of mageos-async-events: hand-offs are objects, these are lists."""

    def takes(self, message: ReceivedMessage) -> bool:
        return bytes(message.body[:64]).lstrip().startswith(b"[")

    def read(self, message: ReceivedMessage) -> Sequence[ForeignEvent]:
        name, data, tenant = _read(message.body)
        return [ForeignEvent(name=name, data=data, tenant=tenant, event_id=_event_id(message))]


def _read(body: bytes) -> tuple[str, object, str | None]:
    parts = loaded(body, "it")
    if not isinstance(parts, list) or not 2 <= len(parts) <= 3:
        raise ValueError('not a list such as ["order.created", "{\\"id\\": 42}", "0"]')
    name, arguments, store = (*parts, None)[:3]
    if not isinstance(name, str):
        raise ValueError(f"its first part is {shown(name)}, not the name of an event")
    if not isinstance(arguments, str):
        raise ValueError(f"its second part is {shown(arguments)}, not JSON in a text")
    data = loaded(arguments, "its second part")
    # PHP has one word for lists and for objects; where nothing is in it, it writes a list.
    return name, {} if data == [] else data, _tenant(store)


def loaded(text: bytes | str, what: str) -> Any:
    """Return the value of a JSON text. Raises ValueError, calling it `what`."""
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=unique_members)
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{what} is not JSON: {error}") from None


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _tenant(store: object) -> str | None:
    """Return the tenant that a store is: none for 0, or where the message names none."""
    if store is None or store == "":
        return None
    try:
        return tenant_of_store(store if isinstance(store, str) else str(store))
    except ValueError as error:
        raise ValueError(f"its third part is {shown(store)}, {error}") from None


def _event_id(message: ReceivedMessage) -> str | None:
    """Return an id of the event, so that a message which comes twice is one event.

    Magento gives each message an id. One without is published again where it comes again.
    """
    properties: object = message.properties
    sent = properties.get("message_id") if isinstance(properties, Mapping) else None
    if not isinstance(sent, str) or not 0 < len(sent) <= _LONGEST_ID:
        return None
    return f"{_ID_PREFIX}{sent}" if sent.isprintable() and sent == sent.strip() else None
