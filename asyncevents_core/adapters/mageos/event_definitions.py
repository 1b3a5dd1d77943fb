"""Reads ``async_events.xml``: which events a module of Magento defines.

Read safely: a file is of a bounded size, and has no document type, so that there are no entities.
Elements and attributes are those of the original's ``async_events.xsd``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from xml.parsers import expat

from attrs import define, field, frozen

from asyncevents_core.adapters.mageos.misread import misread
from asyncevents_core.domain.event import EVENT_NAME
from asyncevents_core.domain.original import OriginalEvent
from asyncevents_core.errors import InvalidValue
from asyncevents_core.showing import shown

LARGEST_FILE: Final = 4 * 1024 * 1024
"""Bytes."""
_SCHEMA: Final = ("xmlns", "xsi:")
"""Begin the attributes that say which schema a file follows."""
_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "config": (),
    "async_event": ("name",),
    "service": ("class", "method"),
    "resources": (),
    "resource": (),
}
_INSIDE: Final = {
    "config": None,
    "async_event": "config",
    "service": "async_event",
    "resources": "async_event",
    "resource": "resources",
}
"""Which element each stands in."""


@frozen
class ReadEvents:
    """The events of several files, by name, and the `notes` on what people may not expect."""

    events: tuple[OriginalEvent, ...]
    notes: tuple[str, ...] = ()


def read_event_definitions(paths: Iterable[Path]) -> ReadEvents:
    """Read files in the order in which their modules are loaded: of two definitions the last holds.

    Names are in lower case, as in the original's own configuration. Raises `InvalidValue`, naming
    file and line; and OSError.
    """
    found: dict[str, OriginalEvent] = {}
    notes: list[str] = []
    for path in paths:
        for one in _Reader(path).read():
            name = one.name.lower()
            if name != one.name:
                notes.append(f"{one.where}: {one.name} is called {name}, as in the original")
            if name in found:
                notes.append(f"{one.where}: {name} is also defined at {found[name].where}")
            found[name] = OriginalEvent(
                where=one.where,
                name=name,
                service=one.service,
                method=one.method,
                resources=one.resources,
            )
    return ReadEvents(tuple(found[name] for name in sorted(found)), tuple(notes))


@define
class _Open:
    """An ``async_event`` whose end was not there yet."""

    name: str
    line: int
    service: tuple[str, str] | None = None
    resources: list[str] = field(factory=list)


class _Reader:
    """Reads one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack: list[str] = []
        self._open: _Open | None = None
        self._text: list[str] = []
        self._events: dict[str, OriginalEvent] = {}
        self._parser = parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def read(self) -> list[OriginalEvent]:
        with self._path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise misread(
                self._path, 1, f"it has more than {LARGEST_FILE:,} bytes: is it async_events.xml?"
            )
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            what = f"it is not XML: {expat.ErrorString(error.code)}"
            raise misread(self._path, error.lineno, what) from None
        return list(self._events.values())

    def _refuse_doctype(self, *_: object) -> None:
        raise self._wrong("it has a document type: take the DOCTYPE away, nothing needs it")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        outer = self._stack[-1] if self._stack else None
        if name not in _INSIDE or _INSIDE[name] != outer:
            place = "at the top" if outer is None else f"in <{outer}>"
            raise self._wrong(f"there is no element {shown(name)} {place}")
        given = {key: value for key, value in attributes.items() if not key.startswith(_SCHEMA)}
        for key in _ATTRIBUTES[name]:
            if not given.get(key):
                raise self._wrong(f"<{name}> has no attribute {key}")
        if unknown := sorted(set(given).difference(_ATTRIBUTES[name])):
            raise self._wrong(f"<{name}> has the unknown attribute {shown(unknown[0])}")
        self._stack.append(name)
        self._text = []
        if name == "async_event":
            self._begin(given["name"])
        elif name == "service" and self._open is not None:
            if self._open.service is not None:
                raise self._wrong(f"{self._open.name} has two services")
            self._open.service = (given["class"].lstrip("\\"), given["method"])

    def _begin(self, name: str) -> None:
        if EVENT_NAME.fullmatch(name) is None:
            raise self._wrong(
                f"{shown(name)} is no name of an event: 1 to 255 of A-Z a-z 0-9 . _ -"
            )
        if name in self._events:
            raise self._wrong(f"{name} is there twice: also at {self._events[name].where}")
        self._open = _Open(name, self._parser.CurrentLineNumber)

    def _characters(self, text: str) -> None:
        if self._stack and self._stack[-1] == "resource":
            self._text.append(text)
        elif text.strip():
            raise self._wrong(f"there is no text in <{self._stack[-1]}>: {shown(text.strip())}")

    def _end(self, name: str) -> None:
        self._stack.pop()
        one = self._open
        if name == "resource" and one is not None:
            resource = "".join(self._text).strip()
            if not resource:
                raise self._wrong("<resource> is empty")
            one.resources.append(resource)
        if name == "async_event" and one is not None:
            if one.service is None:
                raise self._wrong(f"{one.name} has no <service>")
            service, method = one.service
            self._events[one.name] = OriginalEvent(
                where=f"{self._path}:{one.line}",
                name=one.name,
                service=service,
                method=method,
                resources=tuple(one.resources),
            )

    def _wrong(self, what: str) -> InvalidValue:
        return misread(self._path, self._parser.CurrentLineNumber, what)
