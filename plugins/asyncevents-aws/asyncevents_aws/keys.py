"""Keys of objects in S3, made from templates such as ``{date}/{event_name}/{delivery_id}.json``."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from attrs import field, frozen

from asyncevents_aws.expressions import Event, check_path

DEFAULT: Final = "{date}/{time}-{event_name}-{delivery_id}.json"
DEFAULT_OF_BATCHES: Final = "{date}/{time}-{batch_id}.jsonl"

TIMES: Final = ("date", "hour", "time")
BATCH_ID: Final = "batch_id"
WORDS: Final = (*TIMES, "event_name", "event_id", "delivery_id", "tenant", "subscription")
LONGEST: Final = 700
"""Bytes that a template can come to; a prefix may have 300, and S3 allows 1,024 in all."""
LONGEST_VALUE: Final = 128
MISSING: Final = "_"

_IDS: Final = frozenset({"event_id", "delivery_id"})
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html: safe characters.
_TEXT: Final = re.compile(r"[A-Za-z0-9!_.*'()/=-]*")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9!_.*'()=-]")


@frozen
class KeyTemplate:
    """A text with places: `WORDS` and paths of the payload; of a batch `TIMES` and `batch_id`.

    Raises ValueError where it is none, or where two objects could get the same key.
    """

    written: str
    batch: bool = False
    _parts: tuple[str, ...] = field(init=False, repr=False, eq=False)
    """Texts and the names of places in turn."""

    @_parts.default
    def _read(self) -> tuple[str, ...]:
        parts = tuple(_PLACE.split(self.written))
        texts, names = parts[::2], parts[1::2]
        if not all(_TEXT.fullmatch(one) for one in texts):
            raise ValueError(f"{self.written!r}: letters, digits and !_.*'()/=- and places in {{}}")
        if self.batch:
            _check_batch(self.written, names)
        else:
            _check_single(self.written, names)
        if sum(map(len, texts)) + LONGEST_VALUE * len(names) > LONGEST:
            raise ValueError(f"{self.written!r} can become longer than {LONGEST} bytes")
        filled = _PLACE.sub("x", self.written)
        if {"", ".", ".."} & set(filled.split("/")):
            raise ValueError(f"{self.written!r}: a part between / is empty, . or ..")
        return parts

    def fill(self, event: Event, batch_id: str = "") -> str:
        """Return the key for an event; for a batch, the one that its first event gives."""
        return "".join(
            _value(part, event, batch_id) if number % 2 else part
            for number, part in enumerate(self._parts)
        )


@functools.lru_cache(4096)
def template_of(written: str | None, *, batch: bool) -> KeyTemplate:
    """Return the template that an option says, or the usual one. Raises ValueError."""
    if written is None:
        written = DEFAULT_OF_BATCHES if batch else DEFAULT
    return KeyTemplate(written, batch)


def batch_id_of(deliveries: Iterable[UUID]) -> str:
    """Return 32 hexadecimal digits: the same for the same deliveries, in whatever order."""
    text = "\n".join(sorted(str(one) for one in deliveries))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _check_single(written: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in WORDS:
            if not name.startswith("data."):
                known = ", ".join(WORDS)
                raise ValueError(f"{{{name}}} is neither a path such as {{data.id}} nor {known}")
            check_path(name)
    if not _IDS & set(names):
        raise ValueError(
            f"{written!r}: without {{delivery_id}} or {{event_id}} events would overwrite others"
        )


def _check_batch(written: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in (*TIMES, BATCH_ID):
            raise ValueError(
                f"{{{name}}} is not one for all events of a batch: "
                f"{', '.join((*TIMES, BATCH_ID))} are"
            )
    if BATCH_ID not in names:
        raise ValueError(f"{written!r}: without {{batch_id}} batches would overwrite others")


def _value(name: str, event: Event, batch_id: str) -> str:
    if name == BATCH_ID:
        return batch_id
    if name in TIMES:
        return _time(name, event)
    text = _UNSAFE.sub("_", _found(name, event))[:LONGEST_VALUE]
    # A part of only dots would lead elsewhere where objects become files.
    return text if text.strip(".") else MISSING


def _time(name: str, event: Event) -> str:
    at = datetime.fromisoformat(event.content["time"]).astimezone(UTC)
    return at.strftime({"date": "%Y-%m-%d", "hour": "%H", "time": "%H%M%S%f"}[name])


def _found(name: str, event: Event) -> str:
    request = event.request
    words: dict[str, Any] = {
        "event_name": request.event_name,
        "event_id": str(request.event_id),
        "delivery_id": str(request.delivery_id),
        "tenant": request.tenant,
        "subscription": request.subscription_id,
    }
    value = words[name] if name in words else event.at(name)
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, int | float) else ""
