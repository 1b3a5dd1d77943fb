"""Magento's search criteria, as a pure function of the query."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.web.api.criteria.like import Like
from asyncevents_core.web.api.criteria.parsing import (
    CONDITIONS,
    CriteriaError,
    Filter,
    SearchCriteria,
    SortOrder,
    parse,
)
from asyncevents_core.web.api.criteria.selecting import (
    Column,
    read_flag,
    read_number,
    read_time,
    select,
)

FIELDS = ["id", "name", "tag", "at"]
COLUMNS = {
    "id": Column(get=lambda row: row["id"], read=read_number),
    "name": Column(get=lambda row: row["name"], read=str),
    "tag": Column(get=lambda row: row["tag"], read=str),
    "on": Column(get=lambda row: row["on"], read=read_flag),
}
ROWS = [
    {"id": 1, "name": "Alpha", "tag": "a,b", "on": 1},
    {"id": 2, "name": "beta", "tag": None, "on": 0},
    {"id": 3, "name": "gamma_1", "tag": "b", "on": 1},
    {"id": 10, "name": "100%", "tag": "", "on": 0},
]


def one(field, value=None, condition=None):
    stem = "searchCriteria[filter_groups][0][filters][0]"
    pairs = [(f"{stem}[field]", field)]
    if value is not None:
        pairs.append((f"{stem}[value]", value))
    if condition is not None:
        pairs.append((f"{stem}[condition_type]", condition))
    return parse(pairs)


def ids(criteria):
    found, count = select(criteria, COLUMNS, ROWS, lambda: None)
    assert count == len(found) or criteria.page_size
    return [row["id"] for row in found]


@pytest.mark.parametrize(
    ("field", "value", "condition", "meant"),
    [
        ("id", "1", None, [1]),
        ("id", "1.0", "eq", [1]),
        ("id", "1", "neq", [2, 3, 10]),
        ("id", "2", "gt", [3, 10]),
        ("id", "2", "gteq", [2, 3, 10]),
        ("id", "2", "moreq", [2, 3, 10]),
        ("id", "2", "from", [2, 3, 10]),
        ("id", "3", "lt", [1, 2]),
        ("id", "3", "lteq", [1, 2, 3]),
        ("id", "3", "to", [1, 2, 3]),
        ("id", "1,3, 10", "in", [1, 3, 10]),
        ("id", "1,3", "nin", [2, 10]),
        ("id", "1%", "like", [1, 10]),
        ("name", "alpha", "eq", [1]),
        ("name", "ALPHA ", "eq", [1]),
        ("name", "alph", "eq", []),
        ("name", "alpha", "neq", [2, 3, 10]),
        ("name", "ALPHA,Beta", "in", [1, 2]),
        ("name", "ALPHA,Beta", "nin", [3, 10]),
        ("name", "BETA", "gt", [3]),
        ("name", "BETA", "gteq", [2, 3]),
        ("name", "BETA", "from", [2, 3]),
        ("name", "BETA", "lt", [1, 10]),
        ("name", "BETA", "to", [1, 2, 10]),
        ("tag", "B", "finset", [1, 3]),
        ("tag", "A", "nfinset", [3, 10]),
        ("name", "alpha", "EQ", [1]),
        ("name", "%PH%", "Like", [1]),
        ("name", "alpha", "like", [1]),
        ("name", "%A%", "like", [1, 2, 3]),
        ("name", "gamma_1", "like", [3]),
        ("name", "g_mm__1", "like", [3]),
        ("name", "%\\_%", "like", [3]),
        ("name", "%\\%", "like", [10]),
        ("name", "%a", "nlike", [3, 10]),
        ("tag", "b", "finset", [1, 3]),
        ("tag", "b", "nfinset", [10]),
        ("tag", "b", "neq", [1, 10]),
        ("tag", "b", "nin", [1, 10]),
        ("tag", None, "null", [2]),
        ("tag", "1", "notnull", [1, 3, 10]),
        ("on", "true", "eq", [1, 3]),
        ("on", "0", "eq", [2, 10]),
    ],
)
def test_conditions(field, value, condition, meant):
    assert ids(one(field, value, condition)) == meant


def test_groups_are_joined_by_and_their_filters_by_or():
    query = (
        "searchCriteria[filterGroups][0][filters][0][field]=id"
        "&searchCriteria[filterGroups][0][filters][0][value]=1"
        "&searchCriteria[filterGroups][0][filters][1][field]=id"
        "&searchCriteria[filterGroups][0][filters][1][value]=2"
        "&searchCriteria[filterGroups][1][filters][0][field]=on"
        "&searchCriteria[filterGroups][1][filters][0][value]=1"
    )
    assert ids(parse(parse_qsl(query))) == [1]


def test_orders_and_pages():
    query = (
        "searchCriteria[sortOrders][0][field]=on&searchCriteria[sortOrders][0][direction]=asc"
        "&searchCriteria[sortOrders][1][field]=id&searchCriteria[page_size]=3"
    )
    criteria = parse(parse_qsl(query))
    assert criteria.sort_orders == (SortOrder("on", "ASC"), SortOrder("id", "DESC"))
    found, count = select(criteria, COLUMNS, ROWS, lambda: None)
    assert ([row["id"] for row in found], count) == ([10, 2, 3], 4)
    second = parse(parse_qsl(query + "&searchCriteria[currentPage]=2"))
    assert [row["id"] for row in select(second, COLUMNS, ROWS, lambda: None)[0]] == [1]
    third = parse(parse_qsl(query + "&searchCriteria[currentPage]=3"))
    assert select(third, COLUMNS, ROWS, lambda: None) == ([], 4)


def test_a_page_size_of_0_is_no_limit_and_page_0_the_first():
    whole = parse([("searchCriteria[pageSize]", "0"), ("searchCriteria[currentPage]", "2")])
    assert [row["id"] for row in select(whole, COLUMNS, ROWS, lambda: None)[0]] == [1, 2, 3, 10]
    first = parse([("searchCriteria[pageSize]", "1"), ("searchCriteria[currentPage]", "0")])
    assert [row["id"] for row in select(first, COLUMNS, ROWS, lambda: None)[0]] == [1]


def test_what_is_missing_comes_first():
    criteria = parse([("searchCriteria[sortOrders][0][field]", "tag"),
                      ("searchCriteria[sortOrders][0][direction]", "ASC")])  # fmt: skip
    assert ids(criteria) == [2, 10, 1, 3]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "searchCriteria",
        "searchCriteria=",
        "searchCriteria=all",
        "search_criteria=x",
        "searchCriteria[]",
        "searchCriteria[]=",
        "x[a]=1",
    ],
)
def test_no_criteria(query):
    assert parse(parse_qsl(query, keep_blank_values=True)) == SearchCriteria()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("searchCriteria[page_size]", "-1"),
        ("searchCriteria[page_size]", "²"),
        ("searchCriteria[page_size]", "9" * 30),
        ("searchCriteria[current_page]", ""),
        ("searchCriteria[nonsense]", "1"),
        ("searchCriteria[filter_groups]", "1"),
        ("searchCriteria[filter_groups][][filters][0][field]", "id"),
        ("searchCriteria[filter_groups][x][filters][0][field]", "id"),
        ("searchCriteria[filter_groups][0][filters][0][fields]", "id"),
        ("searchCriteria[filter_groups][0][filters][0][value]", "1"),
        ("searchCriteria[filter_groups][0][filters][0][field]", "id"),
        ("searchCriteria[sortOrders][0][direction]", "ASC"),
        ("searchCriteria[filter_groups", "1"),
        ("searchcriteria[page_size]", "1"),
        ("SEARCHCRITERIA[page_size]", "1"),
        ("searchCriteria[a]b", "1"),
    ],
)
def test_what_is_wrong_is_refused_by_name(key, value):
    with pytest.raises(CriteriaError) as refused:
        parse([(key, value)])
    assert refused.value.field == key or refused.value.field.startswith("searchCriteria")
    assert refused.value.message


@pytest.mark.parametrize(
    ("field", "value", "condition", "text"),
    [
        ("nonsense", "1", None, "none of id, name"),
        ("id", "x", None, "not a number"),
        ("id", "nan", None, "not a number"),
        ("id", "1,x", "in", "not a number"),
        ("on", "2", None, "neither"),
    ],
)
def test_what_does_not_fit_its_column(field, value, condition, text):
    with pytest.raises(CriteriaError, match=text):
        ids(one(field, value, condition))


def test_an_unknown_condition():
    with pytest.raises(CriteriaError, match="'is' is none of eq, neq"):
        one("id", "1", "is")


def test_too_many_filters():
    pairs = [(f"searchCriteria[filter_groups][{n}][filters][0][field]", "id") for n in range(101)]
    with pytest.raises(CriteriaError, match="100"):
        parse(pairs)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-25", 1795564800),
        ("2026-11-25 01:00:00", 1795568400),
        ("2026-11-25T01:00:00+01:00", 1795564800),
    ],
)
def test_times(text, seconds):
    assert read_time(text) == seconds * 1_000_000


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "10000-01-01"])
def test_no_times(text):
    with pytest.raises(ValueError, match="not a date"):
        read_time(text)


# -- properties -------------------------------------------------------------------------------

values = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
names = st.sampled_from(FIELDS)
filters = st.builds(Filter, names, values, st.sampled_from(CONDITIONS))
criteria = st.builds(
    SearchCriteria,
    groups=st.lists(st.lists(filters, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple),
    sort_orders=st.lists(
        st.builds(SortOrder, names, st.sampled_from(["ASC", "DESC"])), max_size=2
    ).map(tuple),
    page_size=st.none() | st.integers(1, 1000),
    current_page=st.none() | st.integers(1, 1000),
)


def camel(name):
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def written(wanted: SearchCriteria, spell) -> list[tuple[str, str]]:
    root, pairs = spell("search_criteria"), []
    for number, group in enumerate(wanted.groups):
        for place, condition in enumerate(group):
            stem = f"{root}[{spell('filter_groups')}][{number}][filters][{place}]"
            pairs += [
                (f"{stem}[field]", condition.field),
                (f"{stem}[value]", condition.value),
                (f"{stem}[{spell('condition_type')}]", condition.condition_type),
            ]
    for number, order in enumerate(wanted.sort_orders):
        stem = f"{root}[{spell('sort_orders')}][{number}]"
        pairs += [(f"{stem}[field]", order.field), (f"{stem}[direction]", order.direction)]
    for name in ("page_size", "current_page"):
        if getattr(wanted, name) is not None:
            pairs.append((f"{root}[{spell(name)}]", str(getattr(wanted, name))))
    return pairs


@given(criteria, st.sampled_from([str, camel]), st.randoms())
def test_whatever_is_written_is_read_back(wanted, spell, random):
    pairs = written(wanted, spell)
    random.shuffle(pairs)
    read = parse_qsl(urlencode(pairs), keep_blank_values=True)
    assert parse(read) == wanted


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=8)), max_size=5))
def test_any_query_is_read_or_refused(pairs):
    prefixed = [(f"searchCriteria{key}", value) for key, value in pairs]
    with contextlib.suppress(CriteriaError):
        assert isinstance(parse([*pairs, *prefixed]), SearchCriteria)


@given(st.text("ab%_\\", max_size=12), st.text("ab", max_size=8))
def test_like_is_sqls(pattern, text):
    expression, letters = "", iter(pattern)
    for letter in letters:
        if letter == "\\":
            expression += re.escape(next(letters, "\\"))
        else:
            expression += {"%": ".*", "_": "."}.get(letter, re.escape(letter))
    assert Like(pattern).matches(text) == bool(re.fullmatch(expression, text, re.DOTALL))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%a" * 128, "a" * 2000 + "b"),
        ("%_a" * 85 + "b", "a" * 2000),
        ("%" + "a_" * 127, "a" * 2000),
        ("_%" * 128, "a" * 2000),
        ("%" + "a" * 254 + "%", "a" * 2000),
    ],
)
def test_like_takes_no_longer_for_a_pattern_that_is_made_for_that(pattern, text):
    """Steps are counted: at most one for each character of the text, on a number of 256 bits."""
    matching = Like(pattern)
    if matching._literal is None:
        matching._letters = steps = Counted(matching._letters)
        matching.matches(text)
        assert steps.count <= len(text)
    else:
        assert matching.matches(text)


class Counted(dict):
    count = 0

    def get(self, key, default):
        self.count += 1
        return super().get(key, default)


@pytest.mark.parametrize("condition", ["like", "nlike"])
def test_a_pattern_has_bounds(condition):
    with pytest.raises(CriteriaError, match="at most 256 characters"):
        ids(one("name", "a" * 257, condition))
    assert ids(one("name", "%" + "_" * 4 + "%" * 251, condition)) is not None


def test_looking_ends_when_nobody_waits():
    looked_at = []

    def give_up():
        if looked_at:
            raise TimeoutError

    columns = {"a": Column(get=lambda row: looked_at.append(row) or row, read=str)}
    wanted = SearchCriteria(groups=((Filter("a", "x"),),))
    with pytest.raises(TimeoutError):
        select(wanted, columns, ["x"] * 10_000, give_up)
    assert 0 < len(looked_at) < 1000
