"""Expressions over texts, for engines that have none of their own."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncevents_core.errors import InvalidQuery
from asyncevents_core.indexer_kit import Automaton, beginning, matching, regex
from tests.search.strategies import expressions

ATOMS = st.sampled_from(["a", "b", "1", ".", "[ab]", "[^a]", r"\d", r"\D", "ab"])
COUNTS = st.sampled_from(["*", "+", "?", "{0}", "{2}", "{1,3}", "{0,2}", "{2,}"])
EXPRESSIONS = expressions(ATOMS, COUNTS)
TEXTS = st.lists(st.text("ab1", max_size=8), max_size=20)


@given(EXPRESSIONS, TEXTS)
@settings(max_examples=500)
def test_it_matches_what_pythons_expressions_match(expression, texts):
    node = regex.parse(expression)
    automaton, expected = Automaton(node), re.compile(expression, re.DOTALL)
    for text in texts:
        found = automaton.matches(text)
        assert found == (expected.fullmatch(text) is not None)
        if found:
            assert text.startswith(beginning(node))


@pytest.mark.parametrize("expression", ["(a+)+b", ".*a.*a.*a.*a.*a.*a.*b", "((a|a)*){100}b"])
def test_no_expression_tries_one_way_after_the_other(expression):
    """With a search through all ways these would not end."""
    automaton = Automaton(regex.parse(expression))
    assert not automaton.matches("a" * 500)
    assert automaton.matches("a" * 500 + "b")


def test_it_goes_on_after_forgetting_what_it_kept(monkeypatch):
    expression = "(.{0,5}x){2,4}"
    texts = ["".join(letters) for letters in itertools.product("xyz", repeat=6)]
    keeping = Automaton(regex.parse(expression))
    expected = [keeping.matches(text) for text in texts]
    assert {True, False} == set(expected)
    monkeypatch.setattr(matching, "_MAX_KEPT", 10)
    forgetting = Automaton(regex.parse(expression))
    assert [forgetting.matches(text) for text in texts] == expected
    assert len(forgetting._steps) < 10


def test_what_leaves_too_much_open_is_refused():
    automaton = Automaton(regex.Repeat(regex.parse("(a?){200}"), 200, 200))
    with pytest.raises(InvalidQuery, match="fewer repetitions in each other"):
        automaton.matches("a" * 500)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", ""),
        ("CK", "CK"),
        ("CK-10[0-9]+", "CK-10"),
        ("(CK)-(1)0?", "CK-1"),
        ("a|ab", ""),
        ("ab?c", "a"),
        ("[a]b[^c]", "ab"),
        (".*", ""),
    ],
)
def test_it_knows_what_all_matches_begin_with(expression, expected):
    assert beginning(regex.parse(expression)) == expected
