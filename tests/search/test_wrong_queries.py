"""A query that cannot be understood says where, and what was expected."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.errors import InvalidQuery
from tests.search.wrong import WRONG


@pytest.mark.parametrize("text", WRONG, ids=lambda text: ascii(text[:40]))
def test_it_says_where_and_what_was_expected(text):
    position, expected = WRONG[text]
    with pytest.raises(InvalidQuery) as caught:
        parse_query(text)
    assert (caught.value.query, caught.value.position) == (text, position)
    assert expected in caught.value.expected


def test_the_message_points_at_the_place():
    with pytest.raises(InvalidQuery) as caught:
        parse_query("success:true AND evnt_name:a")
    first, query, caret = str(caught.value).splitlines()
    likely = "position 18: expected a field (did you mean 'event_name'?): log_id, uuid, event_name"
    assert first.startswith(likely)
    assert query == "  success:true AND evnt_name:a"
    assert caret.index("^") == query.index("evnt_name")


def test_a_long_query_is_shown_around_the_place():
    with pytest.raises(InvalidQuery) as caught:
        parse_query("a " * 200 + "nowhere:x" + " b" * 200)
    _, query, caret = str(caught.value).splitlines()
    assert len(query) < 130
    assert query[caret.index("^") :].startswith("nowhere:x")


@pytest.mark.parametrize(
    ("text", "expected"), [("[a b]", "TO"), ("[a]", "TO"), ("[a TO b", "“]” or “}”")]
)
def test_of_a_range_only_what_comes_next_is_expected(text, expected):
    with pytest.raises(InvalidQuery) as caught:
        parse_query(text)
    assert caught.value.expected == expected
