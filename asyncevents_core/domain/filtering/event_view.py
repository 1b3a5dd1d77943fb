"""What a filter sees of one event: its attributes, and every value in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from attrs import frozen

from asyncevents_core.domain.filtering.leaf_value import LeafValue
from asyncevents_core.domain.filtering.paths import OWN_FIELDS, Path
from asyncevents_core.domain.payload import attributes_of, data_of
from asyncevents_core.domain.query.fields import EVENT, is_default
from asyncevents_core.domain.query.leaves import leaves
from asyncevents_core.errors import FilterFailed

Attribute = str | int | bool
"""The value of an attribute. A whole number has 32 bits at most, as CloudEvents' integers have."""

NO_ATTRIBUTES: Final = frozenset({"data", "data_base64"})
"""Members of a CloudEvent that are no attributes."""
MAX_WORK: Final = 1_000_000
"""What one filter may do with one event; about as many look-ups of a word in a short text."""
_LONG: Final = 64
"""So many characters of a text are as much work as one value more."""
_WORD: Final = 8
"""So many are one word more."""
_SMALLEST: Final = -(2**31)
_LARGEST: Final = 2**31 - 1


@frozen
class Values:
    """Values at one place of an event, and how much work it is to look at all of them.

    `light` is it where a text is looked at as a whole, `heavy` where each of its words is.
    """

    values: Sequence[LeafValue]
    light: int
    heavy: int

    @classmethod
    def of(cls, values: Sequence[LeafValue]) -> Self:
        """Return values, with their work."""
        length = sum([len(one.value) for one in values if isinstance(one.value, str)])
        count = len(values)
        return cls(values, count * 2 + length // _LONG, count + length // _WORD)


class EventView:
    """One event, for all filters that are asked about it. Belongs to one thread.

    What they ask for is read once, when the first of them asks: the attributes, the payload, what
    a value reads as. All of it raises `FilterFailed` where the body cannot be read.
    """

    def __init__(self, body: bytes) -> None:
        """Take a CloudEvent in structured JSON mode, as `payload.Frame` makes it.

        Its `data` stands last: filters on attributes need not read it.
        """
        self._body = body
        self._head: Mapping[str, Any] | None = None
        self._event: Mapping[str, Any] | None = None
        self._attributes: Mapping[str, Attribute] | None = None
        self._at: dict[str, Values] = {}
        self._leaves: Sequence[tuple[str, LeafValue]] | None = None
        self._all: Values | None = None
        self._default: Values | None = None
        self._work = 0

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """Return the view of a CloudEvent whose JSON was parsed, its members in any order."""
        view = cls(b"")
        view._event = event
        return view

    @property
    def attributes(self) -> Mapping[str, Attribute]:
        """The attributes by their names, extensions among them; one that is null is not there."""
        found = self._attributes
        if found is None:
            whole = self._event
            found = self._attributes = _attributes(self._read_head() if whole is None else whole)
        return found

    @property
    def event(self) -> Mapping[str, Any]:
        """The whole CloudEvent, its JSON parsed."""
        found = self._event
        if found is None:
            found = self._event = self._read()
        return found

    def at(self, path: Path) -> Values:
        """Return the values at a path."""
        found = self._at.get(path.name)
        if found is None:
            values = [LeafValue(one) for one in path.values(self.event)]
            found = self._at[path.name] = Values.of(values)
        return found

    def leaves(self) -> Sequence[tuple[str, LeafValue]]:
        """Return every value with its path: the event's name, its tenant, all of the event."""
        found = self._leaves
        if found is None:
            found = self._leaves = [
                *((name, one) for name in OWN_FIELDS for one in self.at(Path(name)).values),
                *(
                    (path, LeafValue(value))
                    for key, member in self.event.items()
                    for path, value in leaves(member, f"{EVENT}.{key}")
                ),
            ]
        return found

    def all(self) -> Values:
        """Return the values of `leaves`."""
        found = self._all
        if found is None:
            found = self._all = Values.of([one for _, one in self.leaves()])
        return found

    def default(self) -> Values:
        """Return the values that a query means that names no field."""
        found = self._default
        if found is None:
            found = self._default = Values.of(
                [one for path, one in self.leaves() if is_default(path)]
            )
        return found

    def begin(self) -> None:
        """Count the work of another filter from here on."""
        self._work = 0

    def spend(self, work: int) -> None:
        """Count work. Raises `FilterFailed` if it is more than one filter may do: see `MAX_WORK`.

        It is counted, not timed: so the answer is the same whenever it is asked for.
        """
        self._work += work
        if self._work > MAX_WORK:
            raise FilterFailed(
                "the event is too large for what the filter asks of all its values; name fields, "
                "and use fewer * ? / ~"
            )

    def _read_head(self) -> Mapping[str, Any]:
        """Read the attributes alone, or everything where they do not stand by themselves."""
        text = attributes_of(self._body)
        if text is None:
            return self.event
        head = self._head = _object(text)
        return head

    def _read(self) -> Mapping[str, Any]:
        if self._head is None:
            return _object(self._body)
        return {**self._head, "data": _parsed(data_of(self._body))}


def _object(text: bytes) -> Mapping[str, Any]:
    found = _parsed(text)
    if not isinstance(found, dict):
        raise FilterFailed("the event's body is not a JSON object")
    return found


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise FilterFailed("the event's body is nested too deeply") from None
    except ValueError as error:
        raise FilterFailed(f"the event's body is not JSON: {error}") from error


def _attributes(event: Mapping[str, Any]) -> Mapping[str, Attribute]:
    return {
        name: value if value.__class__ is str else _attribute(value)
        for name, value in event.items()
        if value is not None and name not in NO_ATTRIBUTES
    }


def _attribute(value: Any) -> Attribute:
    """Return what an attribute is: what is neither text, flag nor small number is its text."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if _SMALLEST <= value <= _LARGEST else str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
