"""Levels of AND, OR and NOT that make no difference are left out; what is left means the same."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.adapters.lucene.booleans import combined, depth
from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
    MatchAll,
    MatchNone,
    Query,
    TermQuery,
)

WORDS = "abcd"
LEAVES = st.sampled_from(WORDS).map(lambda word: TermQuery(field=None, text=word))
CLAUSES = st.tuples(st.booleans(), st.booleans(), st.booleans())
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(st.tuples(CLAUSES, inner), min_size=1, max_size=4), max_leaves=12
)


def is_true(query, words):
    match query:
        case MatchAll():
            return True
        case MatchNone():
            return False
        case TermQuery():
            return query.text in words
        case BooleanQuery():
            if any(is_true(one, words) for one in query.must_not):
                return False
            if query.must:
                return all(is_true(one, words) for one in query.must)
            return not query.should or any(is_true(one, words) for one in query.should)
    raise TypeError(query)


def plainly(tree):
    """Return the query of a tree, each level for itself."""
    return tree if isinstance(tree, Query) else _level(tree, plainly, flat=False)


def flatly(tree):
    """Return the query as it is built."""
    return tree if isinstance(tree, Query) else _level(tree, flatly, flat=True)


def _level(tree, inner, *, flat):
    found = [
        (conjunct and bool(number), required and not prohibited, prohibited, inner(one))
        for number, ((conjunct, required, prohibited), one) in enumerate(tree)
    ]
    if flat:
        return combined(found)
    needed = [one[1] or (one[0] and not one[2]) for one in found]
    for number, (conjunct, *_) in enumerate(found):
        if conjunct and not found[number - 1][2]:
            needed[number - 1] = True
    return BooleanQuery(
        must=tuple(one[3] for one, must in zip(found, needed, strict=True) if must),
        should=tuple(
            one[3] for one, must in zip(found, needed, strict=True) if not must and not one[2]
        ),
        must_not=tuple(one[3] for one in found if one[2]),
    )


@given(TREES)
@settings(max_examples=2000)
def test_a_flat_query_means_the_same(tree):
    plain, flat = plainly(tree), flatly(tree)
    assert depth(flat) <= depth(plain)
    for count in range(len(WORDS) + 1):
        for words in itertools.combinations(WORDS, count):
            assert is_true(flat, words) == is_true(plain, words)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("a", 0),
        ("((a))", 0),
        ("a OR (b OR (c OR d))", 1),
        ("a AND (b AND (c AND NOT d))", 1),
        ("NOT (a OR (b OR c))", 1),
        ("NOT (NOT (a AND NOT (NOT b)))", 1),
        ("a -(-b)", 2),
        ("a AND (b OR c)", 2),
        ("a AND NOT (b AND c)", 2),
        ("a OR (b AND (c OR d))", 3),
    ],
)
def test_how_many_levels_are_left(text, levels):
    assert depth(parse_query(text)) == levels
