"""Magento's parameter `fields`: which members of an answer a client wants.

``items[event_name,status],total_count``: names, separated by commas; brackets go on in what a
name stands for, in each item of a list. A name that is not there is left out of the answer, as in
Magento, which lets clients ask servers of several versions for the same.
https://developer.adobe.com/commerce/webapi/rest/use-rest/retrieve-filtered-responses/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from asyncevents_core.web.api.problems import FieldError, Problem, invalid
from asyncevents_core.web.api.spelling import snake

T = TypeVar("T")

Wanted = Mapping[str, Any]
"""The names that are wanted; each with what is wanted of it, None for all of it."""
GivenWanted = NamedDependency[Wanted | None]
"""What is wanted of the answer, None for all of it; what cannot be read is refused before."""

_NAME: Final = "fields"
_PARTS: Final = re.compile(r"\w+|[\[\],]", re.ASCII)
_ANYTHING_ELSE: Final = re.compile(r"[^\w\[\],\s]", re.ASCII)


def provide_wanted(
    fields: Annotated[
        str | None,
        QueryParameter(
            description="What to answer with: `event_name,status`, of lists `items[event_name]`."
        ),
    ] = None,
) -> Wanted | None:
    """Return what a request wants of its answer. Raises a `Problem`."""
    return parse(fields) if fields is not None and fields.strip() else None


def part_of(answer: T, wanted: Wanted | None) -> T:
    """Return what is wanted of an answer.

    A part is a mapping with the names of the answer, and is encoded as the answer would be.
    """
    return answer if wanted is None else cast("T", keep(msgspec.to_builtins(answer), wanted))


def parse(text: str) -> Wanted:
    """Return the names in a text. Of a name that is there twice the last one counts, as in PHP.

    Raises a `Problem`.
    """
    if found := _ANYTHING_ELSE.search(text):
        raise _wrong(f"{found[0]!r} is no part of a name: write items[event_name],total_count")
    levels: list[dict[str, Any]] = [{}]
    above: list[str] = []
    name: str | None = None
    for part in _PARTS.findall(text):
        if part == "[":
            if name is None:
                raise _wrong("there is no name before a bracket")
            above.append(name)
            levels.append({})
            name = None
        elif part == "]":
            if not above:
                raise _wrong("a bracket is closed that was not opened")
            inner = levels.pop()
            levels[-1][above.pop()] = inner
            name = None
        elif part == ",":
            name = None
        elif name is not None:
            raise _wrong(f"there is no comma between {name!r} and {part!r}")
        else:
            name = snake(part)
            levels[-1][name] = None
    if above:
        raise _wrong(f"the bracket behind {above[-1]!r} is not closed")
    return levels[0]


def keep(value: Any, wanted: Wanted) -> Any:
    """Return what is wanted of an answer, in its order. What has no members is kept whole."""
    if isinstance(value, Mapping):
        return {
            name: one if wanted[name] is None else keep(one, wanted[name])
            for name, one in value.items()
            if name in wanted
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [keep(one, wanted) for one in value]
    return value


def _wrong(message: str) -> Problem:
    return invalid(FieldError(field=_NAME, message=message))
