"""Keys, folded expressions, edits and efforts: what the engines' queries are made of."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asyncevents_core.adapters.elasticsearch.documents import LAYOUT as ELASTICSEARCH
from asyncevents_core.adapters.tantivy.documents import LAYOUT as EMBEDDED
from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.distance import within
from asyncevents_core.domain.query.effort import is_too_much
from asyncevents_core.domain.query.folding import folded, folded_pattern, without_stars
from asyncevents_core.domain.query.nodes import Pattern, Wild
from asyncevents_core.domain.query.words import fold
from asyncevents_core.indexer_kit import FORM, Automaton, TermMaker
from asyncevents_core.indexer_kit.edits import almost
from asyncevents_core.indexer_kit.keys import number_key
from asyncevents_core.indexer_kit.ranges import covering
from tests.search.strategies import expressions

ANY = Wild.ANY
NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.integers(-(10**60), 10**60).map(Decimal),
    st.builds(
        lambda digits, zeros: Decimal(digits) * 10**zeros, st.integers(-99, 99), st.integers(0, 50)
    ),
    st.sampled_from([Decimal(10) ** power + more for power in (13, 14, 45) for more in (-1, 0, 1)]),
)


@given(NUMBERS, NUMBERS)
@settings(max_examples=1000)
def test_keys_sort_as_numbers_do(one, other):
    first, second = number_key(one).full, number_key(other).full
    assert (first < second, first == second) == (one < other, one == other)


@given(NUMBERS)
def test_a_key_begins_with_each_of_its_levels(one):
    key = number_key(one)
    assert all(key.full.startswith(cut) for _, cut in key.levels)


@given(NUMBERS, st.none() | NUMBERS, NUMBERS, st.booleans(), st.booleans())
@example(Decimal(10**45), None, Decimal(10**45 + 1), False, False)
@example(Decimal(-(10**45)), None, Decimal(10**45 + 1), False, True)
@settings(max_examples=1000, deadline=None)
def test_a_range_covers_a_term_of_each_number_within(value, lower, upper, above, below):
    node = covering(
        None if lower is None else number_key(lower), number_key(upper), above=above, below=below
    )
    inside = value < upper or (value == upper and not below)
    if lower is not None:
        inside = inside and (lower < value or (lower == value and not above))
    found = node is not None and any(map(Automaton(node).matches, number_key(value).terms))
    assert found == inside


ATOMS = st.sampled_from(
    ["a", "B", "1", ".", "[A-C]", "[^A]", "[b-z]", "[^b-c]", r"\d", r"\W", "aB"]
)
COUNTS = st.sampled_from(["*", "+", "?", "{2}", "{1,3}"])
EXPRESSIONS = expressions(ATOMS, COUNTS)


@given(EXPRESSIONS, st.lists(st.text("abBcZ1-", max_size=6), max_size=20))
@settings(max_examples=500)
def test_a_folded_expression_matches_as_if_case_did_not_count(expression, texts):
    automaton = Automaton(folded(regex.parse(expression)))
    expected = re.compile(expression, re.DOTALL | re.IGNORECASE)
    for text in texts:
        assert automaton.matches(fold(text)) == (expected.fullmatch(text) is not None)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("Größe", "GRÖSSE"),
        ("[ß]", "SS"),
        ("[A-Zöß]+e", "Größe"),
        ("cafe\u0301", "CAFÉ"),
        ("[\u0391-\u03a9]+", "ελλα"),
        ("[À-Ý]ber", "Über"),
        ("[^Ü]ber", "Aber"),
        ("№ [①-⑨]", "no 5"),
    ],
)
def test_letters_beyond_ascii_are_folded_too(expression, text):
    assert Automaton(folded(regex.parse(expression))).matches(fold(text))


@pytest.mark.parametrize(("expression", "text"), [("[^Ü]ber", "Über"), ("[À-Ý]", "z")])
def test_and_nothing_else_matches(expression, text):
    assert not Automaton(folded(regex.parse(expression))).matches(fold(text))


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("CK", ANY), "CK"),
        ((ANY, "CK"), "CK"),
        (("C", ANY, "K"), "CK"),
        ((ANY, "A-1", ANY), "A-1"),
        (("cafe\u0301", ANY), "cafe\u0301"),
        (("東", ANY), "東"),
        (("C", Wild.ONE, ANY), None),
        (("customer.", ANY), None),
        ((ANY, ".created"), None),
        (("sales.", ANY, ".created"), None),
        (("sales", ANY, ".created"), "sales.created"),
        ((ANY, "@example", ANY), None),
    ],
)
def test_where_a_star_may_stand_for_nothing(parts, text):
    assert without_stars(Pattern(parts)) == text


def test_a_pattern_is_folded_in_its_texts():
    assert folded_pattern(Pattern(("GRÖ", ANY, "ß", Wild.ONE))).parts == (
        "grö",
        ANY,
        "ss",
        Wild.ONE,
    )


@given(st.text("abc", max_size=8), st.integers(0, 2), st.lists(st.text("abcx", max_size=10)))
@settings(max_examples=500, deadline=None)
def test_almost_a_word_is_what_is_within_the_distance(word, distance, others):
    automaton = Automaton(almost(word, distance))
    for other in others:
        assert automaton.matches(other) == within(word, other, distance)


@pytest.mark.parametrize(
    "expression",
    ["a", "a{200}", ".{200}", "(a?){200}", "(.a){150}", ".*abc.*", ".*a.{10}", "([a-z]+-){9}"],
)
def test_what_any_engine_can_do_is_not_too_much(expression):
    assert not is_too_much(regex.parse(expression))


@pytest.mark.parametrize(
    "expression", [".*a.{20}", "(a|b)*a(a|b){18}", "(.{0,200}x){9}", "(.*a.{9}){3}"]
)
def test_ways_that_double_are_too_much(expression):
    assert is_too_much(regex.parse(expression))


def test_the_effort_is_the_sum_of_the_ways_that_are_open():
    # After nothing; a, ab, abc; of a(b|c)d: a, b, c, d.
    for expression, effort in {"abc": 3, "a(b|c)d": 4, "a*": 1, "a?a?": 3, ".*a": 3}.items():
        assert not is_too_much(regex.parse(expression), most=effort), expression
        assert is_too_much(regex.parse(expression), most=effort - 1), expression


def test_whole_values_have_a_term_in_any_case_and_the_event_s_name_one_in_its_own():
    maker = TermMaker()
    assert maker.terms("data.data.sku", "CK-1").leaf == maker.terms("data.data.sku", "ck-1").leaf
    name, other = (set(maker.terms("event_name", text).leaf) for text in ("A.b", "a.b"))
    assert len(name & other) == 1
    assert name != other


def test_an_index_of_an_older_form_is_one_of_another_layout():
    """Who changes the form of terms changes these, too: then old indices are refused."""
    assert (FORM, EMBEDDED, ELASTICSEARCH) == (3, 5, 4)
