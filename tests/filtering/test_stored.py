"""How filters are kept, and read from what somebody has typed."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.domain.filtering.stored import (
    LONGEST,
    canonical,
    from_json,
    from_text,
    to_json,
)
from asyncevents_core.errors import InvalidFilter

EXACT = {"exact": {"type": "order.created", "tenant": "dé"}}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("data.total:>100", '"data.total:>100"'),
        ('say "hi" é', '"say \\"hi\\" é"'),
        ([], "[]"),
        (EXACT, '[{"exact":{"tenant":"dé","type":"order.created"}}]'),
        ([EXACT], '[{"exact":{"tenant":"dé","type":"order.created"}}]'),
        ((EXACT,), '[{"exact":{"tenant":"dé","type":"order.created"}}]'),
        ([{"sql": "a = 'x'"}], '[{"sql":"a = \'x\'"}]'),
    ],
)
def test_a_filter_is_kept_as(value, kept):
    assert to_json(value) == kept
    assert canonical(value) == from_json(kept) == json.loads(kept)
    assert to_json(from_json(kept)) == kept


@pytest.mark.parametrize("value", [None, 5, True, 0.5, b"x", {1, 2}, object()])
def test_only_texts_lists_and_objects_are_filters(value):
    with pytest.raises(InvalidFilter, match="must be a query, or a list"):
        canonical(value)


def deep(count):
    value = []
    for _ in range(count):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        [{"exact": {"a": object()}}],
        [float("nan")],
        [10**5000],
        [{1: 2, "a": 3}],
        deep(100_000),
        ["\ud800"],
        "\udfff",
    ],
    ids=lambda value: str(type(value)),
)
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(InvalidFilter, match=r"plain JSON|surrogate"):
        canonical(value)


def test_a_filter_has_a_limited_length_in_bytes():
    assert canonical("é" * (LONGEST // 2 - 1)) == "é" * (LONGEST // 2 - 1)
    with pytest.raises(InvalidFilter, match="8,192 bytes"):
        canonical("é" * (LONGEST // 2))
    with pytest.raises(InvalidFilter, match="8,192 bytes"):
        canonical([EXACT] * 500)
    with pytest.raises(InvalidFilter, match="8,192 bytes"):
        from_json("[" * 1_000_000)


AT_THE_COMMA = 2 if sys.version_info >= (3, 13) else 3
"""Where Python says that an array goes on and should not."""


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ('[{"exact": }]', 11),
        ('["a"', 4),
        ("[1,]", AT_THE_COMMA),
        ('{"a": 1} x', 9),
        ("[{'exact': 1}]", 2),
    ],
)
def test_a_mistake_in_the_json_says_where(text, position):
    with pytest.raises(InvalidFilter) as caught:
        from_json(text)
    assert (caught.value.source, caught.value.position) == (text, position)


@pytest.mark.parametrize("text", ['[{"sql": "a", "sql": "b"}]', "[" * 5_000, f"[{'1' * 5_000}]"])
def test_other_json_that_cannot_be_read(text):
    with pytest.raises(InvalidFilter):
        from_json(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data.total:>100", "data.total:>100"),
        ("[a TO b]", "[a TO b]"),
        ("{a TO b}", "{a TO b}"),
        ('{"a" TO "b"}', '{"a" TO "b"}'),
        ('["a" TO "b"]', '["a" TO "b"]'),
        ("[1 TO 5]", "[1 TO 5]"),
        ("", ""),
        ("[]", []),
        (' [ {"sql": "a"} ] ', [{"sql": "a"}]),
        ('\n{ "sql" : "a" }', [{"sql": "a"}]),
        ('{"a\\"b" : 1}', [{'a"b': 1}]),
        ("{}", [{}]),
    ],
)
def test_what_begins_as_json_is_json_and_all_else_a_query(text, found):
    assert from_text(text) == found


@pytest.mark.parametrize("text", ['[{"exact": ]', "[{exact: 1}]", '{"exact": {"a": "b"}', "[["])
def test_json_with_a_mistake_is_no_query(text):
    with pytest.raises(InvalidFilter, match="no JSON"):
        from_text(text)


@given(st.text(max_size=60))
def test_any_text_is_kept_or_refused(text):
    try:
        found = from_text(text)
    except InvalidFilter:
        return
    assert from_json(to_json(found)) == found
