"""Filters that are queries: what they let pass, and what no filter may ask for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from asyncevents_core.adapters.filters import MAX_PATTERNS, Filters
from asyncevents_core.domain.filtering.by_query import MAX_WEIGHT, QueryFilter
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.filtering.paths import MAX_LEVELS
from asyncevents_core.domain.filtering.stored import from_text
from asyncevents_core.domain.query.fields import FIELDS, OTHER_NAMES
from asyncevents_core.domain.query.nodes import BooleanQuery, MatchAll, MatchNone, TermQuery
from asyncevents_core.errors import FilterFailed, InvalidFilter, MissingExtra
from tests.absent import without
from tests.filtering.events import body
from tests.search.test_properties import ANY_TEXT

OF_EVENTS = {"event_name", "tenant"}
ALIASES = {name for name, field in OTHER_NAMES.items() if field in FIELDS}


@pytest.fixture
def filters():
    return Filters()


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("data.total:[100 TO *] AND data.country:(AT OR DE)", True),
        ("data.data.total:>=120 AND data.data.total:<=120.0", True),
        ("data.total:>120", False),
        ("data.items.sku:A-1", True),
        ("data.items.sku:A*", True),
        ("data.items.sku:/[AC]-1/", True),
        ("data.items.qty:3", False),
        ("data.placed_at:2026-11-23", True),
        ("data.placed_at:[2026-11-24 TO *]", False),
        ("event_name:sales.*", True),
        ("data.type:sales.order.created", True),
        ("tenant:de", True),
        ("NOT tenant:de", False),
        ("_exists_:tenant AND _exists_:data.items AND NOT _exists_:data.note", True),
        ("event_id:00000000-0000-0000-0000-00000000002a", True),
        ("ck1000", True),
        ("sales.order", True),
        ("kettle", False),
        ("*:at", True),
        ("data.*:at", True),
        ("*:*", True),
        ("-*:*", False),
        ("_exists_:success*", None),
        ("_exists_:*", True),
        ("d*n:sales", False),
    ],
)
def test_it_lets_pass(filters, text, passing):
    if passing is None:
        with pytest.raises(InvalidFilter):
            filters.compile(text)
    else:
        assert filters.compile(text).lets_pass(EventView(body())) is passing


def test_texts_lists_and_objects_are_filters_of_one_event(filters):
    view = EventView(body())
    for source in ("tenant:de", [{"exact": {"tenant": "de"}}], {"sql": "tenant = 'de'"}, []):
        assert filters.compile(source).lets_pass(view)


@pytest.mark.parametrize("name", sorted((FIELDS.keys() | ALIASES) - OF_EVENTS))
@pytest.mark.parametrize(
    "form",
    ["{}:1", "data.a:1 AND ({}:x OR b)", "_exists_:{}", '_exists_:"{}"', "kettle -{}:>2026"],
)
def test_what_belongs_to_an_attempt_is_refused_wherever_it_stands(filters, name, form):
    text = form.format(name)
    with pytest.raises(InvalidFilter, match=f"{name} belongs to an attempt.*data.{name}") as caught:
        filters.compile(text)
    found = caught.value
    assert found.source == text
    assert text[found.position :].lstrip('"').startswith(name)


@pytest.mark.parametrize("name", ["succ*", "u?id", "http_*", "started*", r"http\_status", "f*e"])
def test_names_that_cover_attempts_alone_are_refused(filters, name):
    with pytest.raises(InvalidFilter, match="belongs to an attempt") as caught:
        filters.compile(f"data.a:1 OR {name}:true")
    assert caught.value.position == len("data.a:1 OR ")


@pytest.mark.parametrize("name", ["evnt", "status2", "Tenant", "sku"])
def test_fields_that_there_are_not_are_refused(filters, name):
    with pytest.raises(InvalidFilter) as caught:
        filters.compile(f"{name}:x")
    assert caught.value.position == 0
    assert "event_name, tenant, event_id, or data.…" in str(caught.value)
    assert "log_id" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("data.at:>now-1d", 9),
        ("data.at:[now TO *]", 9),
        ("data.at:[* TO now/d]", 14),
        ("data.at:now/d", 8),
        ("data.note:now AND data.at:>now-1h", 27),
        ("NOT (data.a:1 OR data.at:<now)", 26),
        ("data.at:now-3000y", 8),
    ],
)
def test_a_filter_knows_no_now(filters, text, position):
    with pytest.raises(InvalidFilter, match="stands still") as caught:
        filters.compile(text)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "text",
    ["data.note:now", "now", "data.at:2026-11-23||+1d/d", "data.at:[2026-11-23||/M TO *]"],
)
def test_dates_that_stand_still_and_the_word_now_are_fine(filters, text):
    assert isinstance(filters.compile(text), QueryFilter)


@pytest.mark.parametrize(
    ("text", "position", "mistake"),
    [
        ("", 0, "a query"),
        ("(a", 2, "“)”"),
        ("data.a:[1 TO", 12, "a value"),
        ('"open', 5, "phrase"),
        ("data.items:(sku:A)", 12, "two items of an array"),
        (r"\u12:x", 0, "four hexadecimal digits"),
        ("a" * 8_000 + " AND", 8_004, "a term"),
    ],
)
def test_a_query_that_cannot_be_read_says_where(filters, text, position, mistake):
    with pytest.raises(InvalidFilter) as caught:
        filters.compile(text)
    assert caught.value.position == position
    assert mistake in str(caught.value)


def test_a_query_looks_through_the_whole_event_a_few_times_only(filters):
    assert filters.compile(" ".join(["kettle"] * MAX_WEIGHT))
    for text in (
        " ".join(["kettle"] * (MAX_WEIGHT + 1)),
        "a* b? /c/ d~ e",
        "data.*:a* data.*.x:b* data.c?:c* *:d* e",
        "_exists_:data.*a " * (MAX_WEIGHT + 1),
    ):
        with pytest.raises(InvalidFilter, match="name the fields"):
            filters.compile(text)
    named = " OR ".join(f"data.sku:{number}" for number in range(300))
    assert filters.compile(named).lets_pass(EventView(body({"sku": "299 b"})))


@pytest.mark.parametrize("form", ["data.a:{}*", "data.a:?{}", "data.a:/{}.*/", "_exists_:data.{}*"])
def test_a_query_has_a_limited_number_of_patterns(filters, form):
    few = " OR ".join(f"data.b:{number}" for number in range(100))
    text = " AND ".join(form.format(number) for number in range(MAX_PATTERNS))
    if "_exists_" not in form:
        assert filters.compile(f"({text}) AND ({few})")
    with pytest.raises(InvalidFilter, match="at most 50 values with") as caught:
        filters.compile(f"{text} AND {form.format('last')}")
    assert "last" in caught.value.source[caught.value.position :]


def test_what_is_no_pattern_does_not_count(filters):
    for text in ("data.a:*", r"data.a:x\*y", 'data.a:"x*"', "data.a:[* TO 5]"):
        assert filters.compile(" OR ".join([text] * 100))


def test_an_event_that_is_too_much_for_a_filter_fails_instead_of_taking_long(filters):
    words = {"w": [f"word{number}" for number in range(20_000)]}
    large = EventView(body({**words, "text": "word " * 40_000}))
    names = EventView(body({f"name{number}": 1 for number in range(20_000)}))
    for text in (
        " OR ".join(f"data.w:*a{number}*b?" for number in range(50)),
        " ".join(f"data.w:nothing{number}" for number in range(300)),
        "wrod~2 data.*:xyz~2",
        "data.text:zzzz~1 " * 200,
    ):
        with pytest.raises(FilterFailed, match="too large"):
            filters.compile(text).lets_pass(large)
    with pytest.raises(FilterFailed, match="too large"):
        filters.compile(" ".join(f"_exists_:data.x{number}" for number in range(300))).lets_pass(
            names
        )
    # Each filter begins anew, and most ask for little.
    for _ in range(100):
        assert filters.compile("word19999").lets_pass(large)
        assert filters.compile("data.w:word19999 AND _exists_:data.text").lets_pass(large)


def test_a_field_has_a_limited_number_of_levels(filters):
    name = ".".join(["data", "data", *["a"] * (MAX_LEVELS - 2)])
    assert filters.compile(f"{name}:1 OR _exists_:{name}")
    for text in (f"{name}.a:1", f"_exists_:{name}.a", f"x AND {'data' + '.a' * 4_000}:1"):
        with pytest.raises(InvalidFilter, match="at most 32 levels") as caught:
            filters.compile(text)
        assert caught.value.position == text.index("data")


def test_the_extra_that_queries_need_is_named(filters, monkeypatch):
    without(monkeypatch, "luqum", "asyncevents_core.adapters.lucene.", "luqum.")
    with pytest.raises(MissingExtra, match=r"a filter.*asyncevents-core\[search\]"):
        filters.compile("tenant:de")
    assert filters.compile([{"sql": "tenant = 'de'"}]).lets_pass(EventView(body()))


@pytest.mark.parametrize("text", ["tenant:de", "*:x", "kettle", "NOT data.a:1", "_exists_:data.a"])
def test_an_event_that_cannot_be_read_fails(filters, text):
    with pytest.raises(FilterFailed, match="the event's body"):
        filters.compile(text).lets_pass(EventView(b'{"a": '))


def test_a_query_of_another_origin_is_checked_too():
    for field in ("log_id", "success"):
        with pytest.raises(ValueError, match="no field of an event"):
            QueryFilter(
                BooleanQuery(must=(MatchAll(),), should=(TermQuery(field=field, text="1"),))
            )
    assert not QueryFilter(MatchNone()).lets_pass(EventView(body()))


@given(ANY_TEXT)
@settings(max_examples=1000)
def test_any_text_is_a_filter_or_the_documented_error(text):
    try:
        found = Filters().compile(from_text(text))
    except InvalidFilter as error:
        mistake = error
    else:
        assert found.lets_pass(EventView(body())) in {True, False}
        return
    assert str(mistake)
    if mistake.position is not None:
        assert 0 <= mistake.position <= len(mistake.source)
