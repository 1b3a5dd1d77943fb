"""How indices and aliases are called, and what their names say.

::

    asyncevents                       alias: the indices that are searched
    asyncevents.4f2a9c1b.000003       index: of generation 4f2a9c1b, the fourth
    asyncevents.4f2a9c1b.000003.write alias: that index alone, to write to
    asyncevents.8d01e7aa.rebuild      index: generation 8d01e7aa is being built; its cursor

An index holds the attempts whose `log_id`, divided by `rollover`, is its number: `log_id`s grow
with time, so a new index begins when one is full, and each attempt has its place for good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from attrs import field, frozen

from asyncevents_core.adapters.elasticsearch.documents import LAYOUT
from asyncevents_core.errors import IndexUnavailable

_REBUILD: Final = "rebuild"


@frozen(kw_only=True)
class Generation:
    """The indices that together hold all attempts: `numbers` are those that exist."""

    prefix: str
    name: str
    rollover: int
    numbers: frozenset[int] = frozenset()

    def number(self, log_id: int) -> int:
        """Return the number of the index that an attempt belongs to."""
        return max(0, log_id // self.rollover)

    def index(self, number: int) -> str:
        """Return the name of an index."""
        return f"{self.prefix}.{self.name}.{number:06}"

    def write_alias(self, number: int) -> str:
        """Return the alias to write to an index: what is not there is not made by accident."""
        return f"{self.index(number)}.write"

    @property
    def rebuild(self) -> str:
        """The name of the index that exists while the generation is being built."""
        return f"{self.prefix}.{self.name}.{_REBUILD}"

    @property
    def indices(self) -> list[str]:
        """The names of the indices that exist."""
        return [self.index(number) for number in sorted(self.numbers)]


@frozen(kw_only=True)
class State:
    """What there is: the generation that serves, the one being built, what nobody needs."""

    serving: Generation | None = None
    next: Generation | None = None
    leftovers: list[str] = field(factory=list)


def new_generation(prefix: str, rollover: int) -> Generation:
    """Return a generation without an index."""
    return Generation(prefix=prefix, name=uuid4().hex[:8], rollover=rollover)


def state_of(prefix: str, found: Mapping[str, Any]) -> State:
    """Read the state from what Elasticsearch tells of indices.

    Raises `IndexUnavailable` for indices of another layout.
    """
    pattern = _pattern(prefix)
    numbers: dict[str, set[int]] = {}
    rollovers: dict[str, int] = {}
    serving, building = set[str](), set[str]()
    for index, about in found.items():
        parts = pattern.fullmatch(index)
        if parts is None:
            continue
        name = parts[1]
        rollovers[name] = _rollover(index, about)
        held = numbers.setdefault(name, set())
        if parts[2] == _REBUILD:
            building.add(name)
        else:
            held.add(int(parts[2]))
        if prefix in about.get("aliases", {}):
            serving.add(name)
    made = {
        name: Generation(
            prefix=prefix, name=name, rollover=rollovers[name], numbers=frozenset(numbers[name])
        )
        for name in numbers
    }
    now, following = _first(serving), _first(building - serving)
    leftovers = [
        index
        for name, one in made.items()
        if name not in {now, following}
        for index in (*one.indices, *([one.rebuild] if name in building else ()))
    ]
    return State(
        serving=None if now is None else made[now],
        next=None if following is None else made[following],
        leftovers=leftovers,
    )


def of_another_layout(prefix: str, found: Mapping[str, Any]) -> list[str]:
    """Return the indices that another version of this indexer made."""
    pattern = _pattern(prefix)
    return [
        index
        for index, about in found.items()
        if pattern.fullmatch(index) and _meta(about).get("layout") != LAYOUT
    ]


def _pattern(prefix: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(prefix)}\.([0-9a-f]{{8}})\.([0-9]{{6,}}|{_REBUILD})")


def _meta(about: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = about.get("mappings", {}).get("_meta", {})
    return meta


def _first(names: set[str]) -> str | None:
    return min(names, default=None)


def _rollover(index: str, about: Mapping[str, Any]) -> int:
    meta = _meta(about)
    if meta.get("layout") != LAYOUT:
        raise IndexUnavailable(
            f"{index}: made by another version of asyncevents (layout {meta.get('layout')}, not "
            f"{LAYOUT}). `asyncevents reindex` makes the index anew"
        )
    return int(meta["rollover"])
