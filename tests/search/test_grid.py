"""Every engine finds what the reference finds, over a grid of values, spellings and fields."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.domain.query.folding import without_stars
from asyncevents_core.domain.query.nodes import WildcardQuery
from asyncevents_core.domain.query.readings import date_of
from asyncevents_core.errors import InvalidQuery
from tests.search.documents import NOW
from tests.search.engines import ENGINES, PATIENCE, filled
from tests.search.queries.grid import (
    FIELDS,
    GRID_DOCUMENTS,
    SPELLINGS,
    TEXTS,
    escaped,
    expression,
    grid,
    quoted,
)

PLAIN = [one for one in TEXTS if date_of(one) is None]
"""A date has a capital T."""
OTHERS = [name for name in ENGINES if name != "memory"]


@pytest.fixture(scope="module")
def reference(open_engine):
    return filled(open_engine("memory"), GRID_DOCUMENTS)


@pytest.fixture(scope="module")
def expected(reference):
    """What the reference finds with each query of the grid."""
    return {text: found(reference, text) for text in dict.fromkeys(grid())}


@pytest.fixture(scope="module", params=OTHERS)
def engine(request, open_engine):
    return filled(open_engine(request.param), GRID_DOCUMENTS)


def found(indexer, text):
    """Return the hits, or None for what the language refuses: no engine refuses by itself."""
    try:
        query = parse_query(text, now=NOW)
    except InvalidQuery:
        return None
    return frozenset(indexer.search(query, limit=1000, timeout=PATIENCE).log_ids)


def test_the_grid_is_one():
    queries = list(grid())
    assert len(queries) > len(TEXTS) * (len(SPELLINGS) - 1) * len(FIELDS)


def test_every_engine_finds_what_the_reference_finds(expected, engine):
    other = {}
    for text, hits in expected.items():
        actual = found(engine, text)
        if actual != hits:
            other[text] = (hits, actual)
    assert other == {}


def test_most_of_the_grid_finds_something_and_hardly_any_is_refused(expected):
    assert sum(map(bool, expected.values())) > len(expected) * 0.6
    assert list(expected.values()).count(None) < len(expected) * 0.05


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:40]))
def test_a_star_never_finds_less(reference, text, field):
    """Next to a letter or digit; next to anything else it says where a value begins or ends."""
    value = found(reference, field + escaped(text))
    assert value
    some = range(len(text) + 1) if len(text) < 30 else (0, 1, len(text) // 2, len(text))
    for place in some:
        starred = f"{field}{escaped(text[:place])}*{escaped(text[place:])}"
        query = parse_query(starred, now=NOW)
        if isinstance(query, WildcardQuery) and without_stars(query.pattern) is not None:
            assert value <= found(reference, starred), starred


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", PLAIN, ids=lambda text: ascii(text[:40]))
def test_all_spellings_agree_on_case(reference, text, field):
    for spelling in (
        escaped,
        quoted,
        expression,
        lambda one: f"{escaped(one)}*",
        lambda one: f"*{escaped(one)}",
        lambda one: f"[{quoted(one)} TO {quoted(one)}]",
        lambda one: f">{quoted(one)}",
    ):
        plain, folded = field + spelling(text), field + spelling(text.casefold())
        assert found(reference, plain) == found(reference, folded), plain
