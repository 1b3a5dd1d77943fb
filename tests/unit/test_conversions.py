"""JSON values as the types of services' parameters."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Literal
from uuid import UUID

import pytest
from attrs import define

from asyncevents_core.domain.plain import make_converter


class Colour(Enum):
    RED = "red"


@define
class Place:
    street: str


@define
class Corner:
    crossing: str


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int | str, 1, 1),
        (int | str, "a", "a"),
        (int | bool, True, True),
        (int | float, 1, 1),
        (str | float, 1, 1.0),
        (int | str | None, None, None),
        (date | int, "2026-11-24", date(2026, 11, 24)),
        # A text that may be one stays one.
        (date | str, "2026-11-24", "2026-11-24"),
        (UUID | int, str(UUID(int=7)), UUID(int=7)),
        (Colour | int, "red", Colour.RED),
        (Literal["a"] | int, "a", "a"),
        (str | list[int], [1], [1]),
        (dict[str, int] | list[int], {"a": 1}, {"a": 1}),
        (list[int | str], [1, "a"], [1, "a"]),
        (Place | str, {"street": "s"}, Place("s")),
        (Place | Corner, {"crossing": "c"}, Corner("c")),
        (object, [1, "a"], [1, "a"]),
        (dict[str, object], {"a": [1]}, {"a": [1]}),
    ],
)
def test_unions_are_what_a_value_is_or_can_become(kind, value, expected):
    found = make_converter().structure(value, kind)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value"),
    [(int | str, [1]), (int | str, None), (int | str, 1.5), (date | int, "x"), (Place | str, {})],
)
def test_a_value_that_is_none_of_a_union_is_refused(kind, value):
    with pytest.raises(TypeError, match=r"expected .*, got"):
        make_converter().structure(value, kind)
