"""What has changed between two versions of a catalogue, as those see it who read the events.

A change breaks readers where data may now be something that it could not be before: what they
relied on is not there any more, or there is more than they know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from asyncevents_core.domain.schemas.narrowing import Comparison


@frozen(kw_only=True)
class Described:
    """What a document says of one event."""

    schema: Mapping[str, Any] = field(repr=False)
    version: str | None = None
    deprecated: str | None = None
    sunset: str | None = None


@frozen(kw_only=True)
class Change:
    """One change. `pointer` is where in the data, "" for all of it or the event itself."""

    event_name: str
    pointer: str
    breaking: bool
    text: str

    def __str__(self) -> str:
        return f"{self.event_name} {self.pointer}: {self.text}".replace(" :", ":")


def changes(before: Mapping[str, Described], after: Mapping[str, Described]) -> Sequence[Change]:
    """Return what has changed, by event; those that break readers first."""
    made = [change for name in sorted({*before, *after}) for change in _of(name, before, after)]
    return sorted(made, key=lambda one: not one.breaking)


def _of(
    name: str, before: Mapping[str, Described], after: Mapping[str, Described]
) -> Iterator[Change]:
    def said(text: str, *, pointer: str = "", breaking: bool = False) -> Change:
        return Change(event_name=name, pointer=pointer, breaking=breaking, text=text)

    if name not in after:
        yield said("the event is gone", breaking=True)
        return
    if name not in before:
        yield said("the event is new")
        return
    old, new = before[name], after[name]
    for found in Comparison(old.schema, new.schema).differences():
        yield said(found.text, pointer=found.pointer, breaking=found.breaking)
    for what, was, now in (
        ("version", old.version, new.version),
        ("deprecated", old.deprecated, new.deprecated),
        ("sunset", old.sunset, new.sunset),
    ):
        if was != now:
            yield said(f"{what} was {was or 'not set'}, is {now or 'not set'}")
