"""Whether a schema allows nothing that another one did not, and where it does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from asyncevents_core.domain.schemas.limits import difference_of_limits
from asyncevents_core.domain.schemas.merging import (
    TYPES,
    Resolver,
    TooMuch,
    alternatives,
    types_of,
)
from asyncevents_core.domain.schemas.walking import escaped

_DEEPEST: Final = 120
_NOBODY: Final = 1_000_000
_MOST_STEPS: Final = 50_000
"""Comparisons of alternatives; more of them take too long."""
_COMPARED: Final = frozenset(
    {
        *("$defs", "$schema", "$id", "$comment", "definitions", "title", "description"),
        *("default", "examples", "deprecated", "readOnly", "writeOnly", "x-asyncevents"),
        *("type", "enum", "const", "properties", "required", "additionalProperties"),
        *("patternProperties", "items", "prefixItems"),
    }
)
"""Keywords that are compared by themselves, or say nothing of the data."""


@frozen(kw_only=True)
class Difference:
    """One difference; `pointer` is where in the data: ``*`` stands for each item, or any name."""

    pointer: str
    breaking: bool
    text: str


class Comparison:
    """Compares the schema `after` with the one `before`."""

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self._before = Resolver(before)
        self._after = Resolver(after)
        self._same = _key(before) == _key(after)
        self._known: dict[tuple[str, str], Sequence[Difference]] = {}
        self._under_way: dict[tuple[str, str], int] = {}
        self._lowest = _NOBODY
        self._steps = 0

    def differences(self) -> Sequence[Difference]:
        """Return all differences, in the order of the data."""
        if self._same:
            return ()
        try:
            found = self._compare(self._before.root, self._after.root, "", 0)
        except TooMuch:
            return [_breaking("", "it has changed, and there is too much in it to be compared")]
        return list(dict.fromkeys(found))

    def _compare(self, old: Any, new: Any, pointer: str, depth: int) -> Sequence[Difference]:
        if depth > _DEEPEST:
            return [_breaking(pointer, "is nested too deeply to be compared")]
        old, new = self._before.followed(old), self._after.followed(new)
        pair = (_key(old), _key(new))
        if pair in self._under_way:
            # What contains itself: inside there is no difference but those that are found anyway.
            self._lowest = min(self._lowest, self._under_way[pair])
            return ()
        found = self._known.get(pair)
        if found is None:
            found = self._looked_at(pair, old, new, depth)
        return [evolve(one, pointer=pointer + one.pointer) for one in found]

    def _looked_at(
        self, pair: tuple[str, str], old: Any, new: Any, depth: int
    ) -> Sequence[Difference]:
        """Compare a pair, and keep what was found unless it hangs on one that is under way."""
        place = len(self._under_way)
        before, self._lowest = self._lowest, _NOBODY
        self._under_way[pair] = place
        try:
            found = list(self._unguarded(old, new, "", depth))
        finally:
            del self._under_way[pair]
        if self._lowest >= place:
            self._known[pair] = found
            self._lowest = before
        else:
            self._lowest = min(before, self._lowest)
        return found

    def _unguarded(self, old: Any, new: Any, pointer: str, depth: int) -> Iterator[Difference]:
        was, now = alternatives(old, self._before), alternatives(new, self._after)
        if len(was) == len(now) == 1:
            yield from self._plain(was[0], now[0], pointer, depth)
            return
        fitting = [
            [place for place, other in enumerate(was) if not self._breaks(other, one, depth)]
            for one in now
        ]
        left = [other for place, other in enumerate(was) if not any(place in it for it in fitting)]
        for one, places in zip(now, fitting, strict=True):
            if places:
                continue
            # Probably another version of the one of its kind that is not there any more.
            same = [other for other in left if types_of(other) & types_of(one)]
            if len(same) == 1:
                left = [other for other in left if other is not same[0]]
                yield from self._plain(same[0], one, pointer, depth)
            else:
                yield _breaking(pointer, f"may be {_shown(one)} now")
        for other in left:
            yield _harmless(pointer, f"is never {_shown(other)} any more")

    def _breaks(self, old: Mapping[str, Any], new: Mapping[str, Any], depth: int) -> bool:
        return any(one.breaking for one in self._plain(old, new, "", depth))

    def _plain(
        self, old: Mapping[str, Any], new: Mapping[str, Any], pointer: str, depth: int
    ) -> list[Difference]:
        """Compare schemas without references and alternatives."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise TooMuch
        if _never(new):
            return [] if _never(old) else [_harmless(pointer, "is never there any more")]
        if _never(old):
            return [_breaking(pointer, f"may be {_shown(new)} now")]
        types = list(_types(old, new, pointer))
        if any(one.breaking for one in types):
            return types
        return [
            *types,
            *_values(old, new, pointer),
            *self._properties(old, new, pointer, depth),
            *self._items(old, new, pointer, depth),
            *self._others(old, new, pointer),
        ]

    def _properties(
        self, old: Mapping[str, Any], new: Mapping[str, Any], pointer: str, depth: int
    ) -> Iterator[Difference]:
        if "object" not in types_of(new):
            return
        was, now = old.get("properties", {}), new.get("properties", {})
        before, after = set(old.get("required", ())), set(new.get("required", ()))
        fresh = [name for name in now if name not in was]
        for name in was:
            if name not in now:
                others = {other: now[other] for other in fresh}
                yield _gone(f"{pointer}/{escaped(name)}", was[name], others)
        for name in was:
            if name not in now:
                continue
            below = f"{pointer}/{escaped(name)}"
            if name in before and name not in after:
                yield _breaking(below, "need not be there any more")
            elif name in after and name not in before:
                yield _harmless(below, "is always there now")
            yield from self._compare(was[name], now[name], below, depth + 1)
        for name in sorted((before - after) - set(was)):
            yield _breaking(f"{pointer}/{escaped(name)}", "need not be there any more")
        further = old.get("additionalProperties", True)
        for name in fresh:
            below = f"{pointer}/{escaped(name)}"
            if further is False:
                yield _breaking(below, "is new, where further properties were ruled out")
                continue
            yield _harmless(below, "is new")
            if isinstance(further, Mapping):
                yield from self._compare(further, now[name], below, depth + 1)
        yield from self._further(old, new, pointer, depth)

    def _further(
        self, old: Mapping[str, Any], new: Mapping[str, Any], pointer: str, depth: int
    ) -> Iterator[Difference]:
        was, now = old.get("patternProperties", {}), new.get("patternProperties", {})
        for pattern in was:
            below = f"{pointer}/*"
            if pattern not in now:
                yield _breaking(below, f"names like {pattern} are not described any more")
            else:
                yield from self._compare(was[pattern], now[pattern], below, depth + 1)
        for pattern in now:
            if pattern not in was:
                closed = old.get("additionalProperties") is False
                made = _breaking if closed else _harmless
                yield made(f"{pointer}/*", f"names like {pattern} are new")
        before = old.get("additionalProperties", True)
        after = new.get("additionalProperties", True)
        if before in (True, {}):
            return
        if before is False and after is not False:
            yield _breaking(f"{pointer}/*", "there may be further properties now")
        elif after is not False:
            yield from self._compare(before, after, f"{pointer}/*", depth + 1)

    def _items(
        self, old: Mapping[str, Any], new: Mapping[str, Any], pointer: str, depth: int
    ) -> Iterator[Difference]:
        if "array" not in types_of(new):
            return
        was, now = list(old.get("prefixItems", ())), list(new.get("prefixItems", ()))
        rest_before, rest_after = old.get("items", True), new.get("items", True)
        longest = max(len(was), len(now))
        for place in range(longest):
            below = f"{pointer}/{place}"
            before = was[place] if place < len(was) else rest_before
            after = now[place] if place < len(now) else rest_after
            if place >= new.get("maxItems", longest):
                # Before it could be there; now it never is: `maxItems` tells.
                continue
            yield from self._compare(before, after, below, depth + 1)
        if new.get("maxItems", longest + 1) > longest:
            yield from self._compare(rest_before, rest_after, f"{pointer}/*", depth + 1)

    def _others(
        self, old: Mapping[str, Any], new: Mapping[str, Any], pointer: str
    ) -> Iterator[Difference]:
        """Compare limits; of other keywords, only that they are the same can be told."""
        for keyword in {**old, **new}:
            if keyword in _COMPARED or keyword.startswith("x-"):
                continue
            known = difference_of_limits(keyword, old, new)
            if known is not None:
                breaking, text = known
                if text:
                    yield Difference(pointer=pointer, breaking=breaking, text=text)
            elif keyword not in new:
                yield _breaking(pointer, f"{keyword} does not hold any more")
            elif keyword not in old:
                yield _harmless(pointer, f"{keyword} holds now")
            elif not self._is_same(old[keyword], new[keyword]):
                yield _breaking(
                    pointer,
                    f"{keyword} may mean something else: it cannot be told whom that breaks",
                )

    def _is_same(self, old: Any, new: Any) -> bool:
        text = _key(old)
        return text == _key(new) and (self._same or '"$ref"' not in text)


def _gone(pointer: str, schema: Any, others: Mapping[str, Any]) -> Difference:
    """Say that a property is gone; `others` are those that are new beside it."""
    if schema is False:
        return _harmless(pointer, "was ruled out, and is not described any more")
    alike = [name for name, one in others.items() if _key(one) == _key(schema)]
    known = len(alike) == 1 and schema not in ({}, True)
    return _breaking(pointer, "is gone" + (f": it may have become {alike[0]!r}" if known else ""))


def _types(old: Mapping[str, Any], new: Mapping[str, Any], pointer: str) -> Iterator[Difference]:
    before, after = types_of(old), types_of(new)
    more, less = after - before, before - after
    if more and "type" not in new and "enum" not in new and "const" not in new:
        yield _breaking(pointer, f"was {_listed(before)}, may be anything now")
    elif more:
        verb = "may also be" if before & after else f"was {_listed(before)}, is"
        yield _breaking(pointer, f"{verb} {_listed(more)} now")
    elif before == TYPES and less and "type" in new:
        yield _harmless(pointer, f"is {_listed(after)} now")
    elif less and "type" in new:
        yield _harmless(pointer, f"is never {_listed(less)} any more")


def _values(old: Mapping[str, Any], new: Mapping[str, Any], pointer: str) -> Iterator[Difference]:
    before, after = _allowed(old), _allowed(new)
    if before is None:
        if after is not None:
            yield _harmless(pointer, f"is one of {', '.join(after)} now")
        return
    if after is None:
        yield _breaking(pointer, f"was one of {', '.join(before)}, may be any value now")
        return
    if more := [one for one in after if one not in before]:
        yield _breaking(pointer, f"may also be {', '.join(more)} now")
    if less := [one for one in before if one not in after]:
        yield _harmless(pointer, f"is never {', '.join(less)} any more")


def _allowed(schema: Mapping[str, Any]) -> list[str] | None:
    if "const" in schema:
        return [_key(schema["const"])]
    return [_key(one) for one in schema["enum"]] if "enum" in schema else None


def _never(schema: Mapping[str, Any]) -> bool:
    return schema.get("not") in ({}, True) and "not" in schema


def _breaking(pointer: str, text: str) -> Difference:
    return Difference(pointer=pointer, breaking=True, text=text)


def _harmless(pointer: str, text: str) -> Difference:
    return Difference(pointer=pointer, breaking=False, text=text)


def _listed(types: frozenset[str]) -> str:
    if types == TYPES:
        return "anything"
    if "number" in types:
        types = types - {"integer"}
    return " or ".join(sorted(types))


def _shown(schema: Mapping[str, Any]) -> str:
    if "title" in schema:
        return str(schema["title"])
    values = _allowed(schema)
    return ", ".join(values) if values else _listed(types_of(schema))


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
