"""Messages of mageos-async-events on ``event.trigger``: each asks for an event to be published.

Magento sends a list of texts, as JSON: the name of the event, the arguments of its service, which
are JSON themselves, and the store, which may be left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from asyncevents_core.adapters.kombu.received import ReceivedMessage
from asyncevents_core.domain.limits import LARGEST_COUNT
from asyncevents_core.domain.plain import unique_members
from asyncevents_core.ports.broker import Publication
from asyncevents_core.showing import shown

_LONGEST_ID: Final = 200
"""Characters of a message's id that are taken for one; Magento's have 32."""
_ID_PREFIX: Final = "magento:"


class ReceivedPublication(Publication):
    """A message that was read. `settle` acknowledges it, or puts it aside with a reason."""

    def __init__(
        self, message: ReceivedMessage, settle: Callable[[ReceivedMessage, str | None], None]
    ) -> None:
        """Read a message. Raises ValueError, saying what is wrong with it."""
        if message.size > len(message.body):
            raise ValueError("too long for an event")
        self.name, self.data, self.tenant = _read(message.body)
        self.event_id = _event_id(message)
        self._message = message
        self._settle = settle
        self._refusal: str | None = None

    def refuse(self, reason: str) -> None:
        self._refusal = reason

    def ack(self) -> None:
        self._settle(self._message, self._refusal)


def asks_to_publish(message: ReceivedMessage) -> bool:
    """Tell whether a message may be one of these: hand-offs are objects, these are lists."""
    return bytes(message.body[:64]).lstrip().startswith(b"[")


def _read(body: bytes) -> tuple[str, object, str | None]:
    parts = _loaded(body, "it")
    if not isinstance(parts, list) or not 2 <= len(parts) <= 3:
        raise ValueError('not a list such as ["order.created", "{\\"id\\": 42}", "0"]')
    name, arguments, store = (*parts, None)[:3]
    if not isinstance(name, str):
        raise ValueError(f"its first part is {shown(name)}, not the name of an event")
    if not isinstance(arguments, str):
        raise ValueError(f"its second part is {shown(arguments)}, not JSON in a text")
    data = _loaded(arguments, "its second part")
    # PHP has one word for lists and for objects; where nothing is in it, it writes a list.
    return name, {} if data == [] else data, _tenant(store)


def _loaded(text: bytes | str, what: str) -> Any:
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
    digits = store if isinstance(store, str) else str(store)
    if isinstance(store, bool) or not (digits.isascii() and digits.isdigit() and len(digits) < 11):
        raise ValueError(f"its third part is {shown(store)}, not the number of a store")
    number = int(digits)
    if number > LARGEST_COUNT:
        raise ValueError(f"its third part is {number}, which is no store")
    return str(number) if number else None


def _event_id(message: ReceivedMessage) -> str | None:
    """Return an id of the event, so that a message which comes twice is one event.

    Magento gives each message an id. One without is published again where it comes again.
    """
    properties: object = message.properties
    sent = properties.get("message_id") if isinstance(properties, Mapping) else None
    if not isinstance(sent, str) or not 0 < len(sent) <= _LONGEST_ID:
        return None
    return f"{_ID_PREFIX}{sent}" if sent.isprintable() and sent == sent.strip() else None
