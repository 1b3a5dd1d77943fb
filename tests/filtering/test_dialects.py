"""The filters of the CloudEvents Subscriptions API."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.filtering.reading import MAX_DEPTH, read_filters
from asyncevents_core.errors import FilterFailed, InvalidFilter
from tests.filtering.events import body, event

EVENT = {"type": "sales.order.created", "tenant": "de", "subject": "Order 42", "flag": True}
TRUE = {"exact": {"tenant": "de"}}
FALSE = {"exact": {"tenant": "fr"}}
FAILS = {"sql": "missing = 'x'"}


def passes(source, **attributes):
    return read_filters(source).lets_pass(event(**{**EVENT, **attributes}))


@pytest.mark.parametrize(
    ("source", "passing"),
    [
        ([], True),
        (TRUE, True),
        ([TRUE], True),
        ([TRUE, FALSE], False),
        ({"exact": {"type": "sales.order.created", "tenant": "de"}}, True),
        ({"exact": {"type": "sales.order.created", "tenant": "fr"}}, False),
        ({"exact": {"type": "sales.order"}}, False),
        ({"exact": {"type": "Sales.order.created"}}, False),
        ({"exact": {"missing": "x"}}, False),
        ({"exact": {"flag": "true"}}, True),
        ({"exact": {"count": "-5"}}, True),
        ({"prefix": {"type": "sales."}}, True),
        ({"prefix": {"type": "sales.", "subject": "Order "}}, True),
        ({"prefix": {"type": "sales.", "subject": "order "}}, False),
        ({"prefix": {"missing": "x"}}, False),
        ({"suffix": {"type": ".created"}}, True),
        ({"suffix": {"type": ".CREATED"}}, False),
        ({"suffix": {"type": "sales.order.created"}}, True),
        ({"all": [TRUE, {"suffix": {"type": "ed"}}]}, True),
        ({"all": [TRUE, FALSE]}, False),
        ({"any": [FALSE, TRUE]}, True),
        ({"any": [FALSE, FALSE]}, False),
        ({"not": TRUE}, False),
        ({"not": {"exact": {"missing": "x"}}}, True),
        ({"not": {"not": TRUE}}, True),
        ({"sql": "tenant = 'de' AND type LIKE 'sales.%'"}, True),
        ({"sql": "NOT (tenant IN ('de', 'at'))"}, False),
        ({"sql": "flag"}, True),
        # What fails is not true: that is what it counts as, where others are beside it.
        ({"not": FAILS}, True),
        ({"any": [FAILS, TRUE]}, True),
        ([FALSE, FAILS], False),
    ],
)
def test_it_lets_pass(source, passing):
    assert passes(source, count=-5) is passing


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (FAILS, "no attribute 'missing'.*position 1 of the expression"),
        ([TRUE, FAILS], "no attribute 'missing'"),
        ({"any": [FALSE, FAILS]}, "no attribute 'missing'"),
        ({"all": [FAILS, FALSE]}, "no attribute 'missing'"),
        ({"sql": "subject"}, "is a String, and not true or false"),
        ({"sql": "count"}, "is an Integer, and not true or false"),
        ({"sql": "INT(subject) > 1"}, "'Order 42' is not a whole number"),
    ],
)
def test_it_fails_and_says_why(source, reason):
    with pytest.raises(FilterFailed, match=reason):
        passes(source, count=5)


@pytest.mark.parametrize(
    "source",
    [TRUE, {"not": TRUE}, {"any": [TRUE]}, {"not": {"not": TRUE}}, {"sql": "id = 'x'"}],
)
@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b'"a"', b"\xff", b"[" * 100_000])
def test_a_body_that_cannot_be_read_passes_no_filter(source, text):
    with pytest.raises(FilterFailed, match="the event's body"):
        read_filters(source).lets_pass(EventView(text))


@pytest.mark.parametrize(
    ("source", "path", "mistake"),
    [
        ("x", "", "a list of filters, not 'x'"),
        (None, "", "not null"),
        (5, "", "not 5"),
        ([5], "[0]", "an object"),
        ([TRUE, None], "[1]", "not null"),
        ({}, "", "has none"),
        ([{}], "[0]", "has none"),
        ([{"exact": {"a": "b"}, "prefix": {"a": "b"}}], "[0]", "it has exact, prefix"),
        ({"exakt": {"a": "b"}}, "", "did you mean 'exact'"),
        ({"any": {"exact": {}}}, ".any", "a list of filters, not an object"),
        ({"any": []}, ".any", "one filter at least"),
        ({"all": []}, ".all", "one filter at least"),
        ({"all": [TRUE, {"any": [5]}]}, ".all[1].any[0]", "an object"),
        ({"not": [TRUE]}, ".not", "not a list"),
        ({"not": {"prefix": {"type": ""}}}, ".not.prefix.type", "must not be empty"),
        ({"exact": "x"}, ".exact", "an object such as"),
        ({"exact": {}}, ".exact", "one attribute at least"),
        ({"exact": {"type": 5}}, ".exact.type", "a text, not 5"),
        ({"exact": {"type": None}}, ".exact.type", "a text, not null"),
        ({"exact": {"type": ["x"]}}, ".exact.type", "a text, not a list"),
        ({"exact": {"": "x"}}, ".exact", "'' is no attribute"),
        ({"exact": {"Type": "x"}}, ".exact", "small letters and digits"),
        ({"exact": {"data.total": "x"}}, ".exact", "'data.total' is no attribute"),
        ({"exact": {"data": "x"}}, ".exact.data", "data.total:>100"),
        ({"sql": 5}, ".sql", "an expression such as"),
    ],
)
def test_a_mistake_says_where_it_is(source, path, mistake):
    with pytest.raises(InvalidFilter) as caught:
        read_filters(source)
    assert caught.value.path == path
    assert caught.value.position is None
    assert mistake in str(caught.value)
    assert str(caught.value).startswith(f"filter{path}: ")


@pytest.mark.parametrize(
    ("text", "position", "mistake"),
    [
        ("", 0, "a value"),
        ("id = ", 5, "a value"),
        ("NOPE(id)", 0, "no function NOPE"),
        ("id = 'a' AND data = 'x'", 13, "the payload"),
        ("id = 'a' OR 1 / 0 = 1", 14, "divided by 0"),
        ("NOT 10", 0, "BOOL(…)"),
    ],
)
def test_a_mistake_in_an_expression_says_where_in_it(text, position, mistake):
    with pytest.raises(InvalidFilter) as caught:
        read_filters([TRUE, {"not": {"sql": text}}])
    assert caught.value.path == "[1].not.sql"
    assert (caught.value.source, caught.value.position) == (text, position)
    assert mistake in str(caught.value)
    if text:
        assert str(caught.value).endswith(f"\n  {text}\n  {' ' * position}^")


@pytest.mark.parametrize("text", ["5", "'x'", "LENGTH(id)", "CONCAT(id, 'x')", "1 + 1"])
def test_an_expression_that_is_neither_true_nor_false_is_refused(text):
    with pytest.raises(InvalidFilter, match="compare it with something"):
        read_filters({"sql": text})


def nested(count):
    source = TRUE
    for number in range(count):
        source = {"not": source} if number % 2 else {"any": [source]}
    return source


def test_filters_stand_in_each_other_as_deeply_as_allowed():
    assert passes(nested(MAX_DEPTH)) is True
    with pytest.raises(InvalidFilter, match="20 times at most") as caught:
        read_filters(nested(MAX_DEPTH + 1))
    assert caught.value.path.count("not") == MAX_DEPTH // 2
    with pytest.raises(InvalidFilter, match="20 times at most"):
        read_filters(nested(5_000))


LEAVES = st.sampled_from([TRUE, FALSE])
SOURCES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=10,
)


def plainly(source):
    ((dialect, inner),) = source.items()
    match dialect:
        case "not":
            return not plainly(inner)
        case "all":
            return all(map(plainly, inner))
        case "any":
            return any(map(plainly, inner))
    return source == TRUE


@given(SOURCES)
def test_combined_filters_mean_what_python_means(source):
    assert passes(source) is plainly(source)


def test_the_same_filter_is_asked_about_many_events():
    found = read_filters([{"prefix": {"type": "sales."}}, {"sql": "EXISTS tenant"}])
    assert found.lets_pass(EventView(body()))
    assert not found.lets_pass(EventView(body(tenant=None)))
    assert not found.lets_pass(EventView(body(name="other")))
