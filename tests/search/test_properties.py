"""Any text is a query or a documented error; printing keeps the meaning."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.domain.query.nodes import Query
from asyncevents_core.errors import InvalidQuery
from tests.search.documents import DOCUMENTS, NOW
from tests.search.engines import ENGINES, filled
from tests.search.printing import print_query
from tests.search.queries import QUERIES
from tests.search.wrong import WRONG

PIECES = st.sampled_from(
    [
        *'+-!():^[]{}"~*?\\/<>&|= .,;\t\n',
        *("AND", "OR", "NOT", "TO", "&&", "||", "a", "kettle", "42", "-1", "1.5", "é", "東", "👍"),
        *(
            "event_name:",
            "success:",
            "started_at:",
            "log_id:",
            "duration:",
            "http_status:",
            "data.a:",
            "_exists_:",
            "*:*",
        ),
        *("now-1d", "2026-11-23", "T10:00", "true", "[a TO b]", "{1 TO *}", "/a.b/", '"a b"', "~2"),
        *("\\u00e9", "\x00", "\x01", "\x1f", "\ud800", "data.*:", "data.data.\\*:"),
    ]
)
SOUP = st.lists(PIECES, max_size=12).map("".join)
SPLICED = st.builds(
    lambda one, other, cut: one[:cut] + other[cut:],
    st.sampled_from([*QUERIES, *(text for text in WRONG if len(text) < 100)]),
    st.sampled_from(list(QUERIES)),
    st.integers(0, 40),
)
ANY_TEXT = st.one_of(st.text(max_size=60), SOUP, SPLICED)


def attempted(text):
    try:
        return parse_query(text, now=NOW)
    except InvalidQuery as error:
        return error


@given(ANY_TEXT)
@settings(max_examples=1500)
def test_any_text_is_a_query_or_the_documented_error(text):
    found = attempted(text)
    if isinstance(found, InvalidQuery):
        assert found.query == text
        assert 0 <= found.position <= len(text)
        assert found.expected
        assert str(found)


@given(ANY_TEXT)
@settings(max_examples=1500)
def test_a_query_that_is_printed_and_parsed_again_is_the_same(text):
    query = attempted(text)
    if isinstance(query, Query):
        printed = print_query(query)
        again = parse_query(printed, now=NOW)
        assert again == query
        assert print_query(again) == printed


@pytest.fixture(scope="module", params=[name for name in ENGINES if name != "memory"])
def both(request, open_engine):
    return [filled(open_engine(name), DOCUMENTS) for name in ("memory", request.param)]


@given(text=ANY_TEXT)
@settings(
    max_examples=800,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_engine_finds_what_the_reference_finds(both, text):
    query = attempted(text)
    if isinstance(query, Query):
        expected, found = (one.search(query, limit=100, timeout=60).log_ids for one in both)
        assert list(found) == list(expected)
