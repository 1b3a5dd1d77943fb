"""Patterns, expressions, phrases and paths, beside what says the same as directly as possible."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from asyncevents_core.domain.filtering.expressions import Expression
from asyncevents_core.domain.filtering.paths import Path, with_those_above
from asyncevents_core.domain.filtering.wildcards import matcher
from asyncevents_core.domain.filtering.word_order import has_phrase
from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.fields import matches
from asyncevents_core.domain.query.leaves import leaves
from asyncevents_core.domain.query.nodes import Pattern, Wild
from asyncevents_core.domain.query.phrases import arrangements
from tests.search.strategies import expressions

PARTS = st.lists(
    st.one_of(st.sampled_from([Wild.ANY, Wild.ONE]), st.text("ab\n", min_size=1, max_size=2)),
    max_size=6,
)


@given(PARTS, st.text("ab\n", max_size=8))
@settings(max_examples=1000)
def test_a_pattern_covers_what_the_search_says(parts, text):
    assert matcher(parts)(text) is matches(Pattern(tuple(parts)), text)


def test_a_pattern_with_many_placeholders_ends_soon():
    parts = [part for _ in range(300) for part in (Wild.ANY, "a", Wild.ONE)]
    assert not matcher([*parts, "b"])("a" * 20_000)
    assert matcher([*parts, "b"])("a" * 20_000 + "b")


@given(
    expressions(
        st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "c"]),
        st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}"]),
    ),
    st.text("abc", max_size=8),
)
@settings(max_examples=1000)
def test_an_expression_matches_what_python_says(text, value):
    expected = re.fullmatch(text, value) is not None
    expression = Expression(regex.parse(text))
    assert expression.matches(value) is expected
    # What is kept of the first time makes no difference.
    assert expression.matches(value) is expected


def test_an_expression_keeps_a_limited_number_of_steps():
    expression = Expression(regex.parse("(a|.)*b"))
    for number in range(5_000):
        assert expression.matches(f"{chr(0x4E00 + number)}b")
    assert len(expression._steps) <= 2_000
    assert len(expression._takers) <= 2_000


@given(
    st.lists(st.sampled_from("abc"), max_size=8),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    st.integers(0, 3),
)
@settings(max_examples=1500)
def test_words_stand_in_one_of_their_arrangements(text, wanted, slop):
    expected = any(
        all(text[start + place] == word for place, word in zip(places, wanted, strict=True))
        for places in arrangements(len(wanted), slop)
        for start in range(len(text) - max(places))
    )
    assert has_phrase(text, wanted, slop) is expected


def test_a_phrase_in_a_long_text_of_the_same_words_ends_soon():
    assert not has_phrase(["a", "b"] * 20_000, ["a", "a", "a"], 1)


KEYS = st.sampled_from(["a", "b", "a.b", "", "b.", "."])
VALUES = st.recursive(
    st.sampled_from([None, 1, "x", True, 0.5]),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
NAMES = st.lists(st.sampled_from(["a", "b", "data", ""]), min_size=1, max_size=4).map(".".join)


@given(VALUES, NAMES)
@settings(max_examples=1500)
def test_a_path_leads_to_what_the_search_finds_there(data, name):
    event = {"type": "t", "data": data}
    found = [(path, one) for key in event for path, one in leaves(event[key], f"data.{key}")]
    path = Path(f"data.{name}")
    there = [one for where, one in found if where == path.name]
    assert sorted(map(json.dumps, path.values(event))) == sorted(map(json.dumps, there))
    below = any(path.name in with_those_above(where) for where, _ in found)
    assert path.leads_somewhere(event)[0] is below
