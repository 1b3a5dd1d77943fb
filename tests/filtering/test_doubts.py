"""What in a filter is probably meant otherwise: it is told to whoever makes a subscription."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.filters import Filters
from asyncevents_core.errors import InvalidFilter


def doubts(source):
    return [(one.found, one.position, one.widens) for one in Filters().doubts(source)]


@pytest.mark.parametrize(
    ("text", "found", "position"),
    [
        ("NOT type = 'a'", "NOT", 0),
        ("id = 'x' AND NOT type != 'a'", "NOT", 13),
        ("NOT type LIKE 'a%'", "NOT", 0),
        ("NOT type IN ('a')", "NOT", 0),
        ("NOT (NOT type = 'a')", "NOT", 5),
        ("type = 'a' OR id = 'b' AND id = 'c'", "AND", 23),
        ("BOOL(id) XOR TRUE AND BOOL(id)", "AND", 18),
        ("EXISTS id AND EXISTS a OR EXISTS b AND EXISTS c", "AND", 35),
    ],
)
def test_an_expression_may_be_meant_otherwise(text, found, position):
    source = [{"exact": {"sql": "NOT a = b"}}, {"not": {"any": [{"sql": text}]}}]
    assert doubts(source) == [(found, position, False)]


@pytest.mark.parametrize(
    "text",
    [
        "NOT (type = 'a')",
        "type NOT LIKE 'a' AND type NOT IN ('a')",
        "NOT flag",
        "NOT NOT flag",
        "NOT EXISTS tenant OR tenant = 'de'",
        "a = 'x' AND b = 'y' OR c = 'z'",
        "a = 'x' OR (b = 'y' AND c = 'z')",
        "(a = 'x' OR b = 'y') AND c = 'z'",
        "LENGTH(a) + -1 > 2 - 1",
    ],
)
def test_other_expressions_are_clear(text):
    assert doubts([{"sql": text}]) == []


def test_doubts_about_a_query_are_those_of_the_search():
    assert doubts("data.a:1 and data.b:2") == [("and", 9, True)]
    assert doubts("data.a:1 AND data.b:2") == []


@pytest.mark.parametrize("source", ["http_status:500 and x", [{"sql": "NOT a ="}], [{}]])
def test_what_cannot_be_compiled_is_a_mistake_and_no_doubt(source):
    with pytest.raises(InvalidFilter):
        doubts(source)
