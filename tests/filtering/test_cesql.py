"""CloudEvents SQL beyond its conformance cases: edges, mistakes, and what is hostile."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncevents_core.domain.filtering.cesql.expression import Expression
from asyncevents_core.domain.filtering.cesql.mistakes import Mistake, MistakeKind
from asyncevents_core.domain.filtering.cesql.parser import MAX_DEPTH, MAX_LENGTH, MAX_TESTS
from tests.filtering.events import event

KIND = MistakeKind


def come_to(text, **attributes):
    """Return what an expression comes to, and the kind of its error."""
    found = Expression(text).evaluate(event(**attributes).attributes)
    return found.value, None if found.error is None else found.error.kind


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("-8 % 3", -2),
        ("+5", 5),
        ("- 5", -5),
        ("4 -1", 3),
        ("10 - 2 - 3", 5),
        ("2 + 3 * 4 - 1", 13),
        ("-2147483648", -2147483648),
        ("0000000000000000000007", 7),
        ("INT('+12')", 12),
        ("INT('2147483647')", 2147483647),
        ("1 = '1'", True),
        ("'1' = 1", True),
        ("'a' = 'A'", False),
        ("TRUE = 'true' AND FALSE = 'false'", True),
        ("TRUE = 'TRUE' OR FALSE = 'FALSE'", False),
        ("1 < 2 = TRUE", True),
        ("2 IN (1, '2', 3)", True),
        ("'x' NOT IN ('y')", True),
        ("TRUE OR TRUE AND FALSE", False),
        ("TRUE XOR TRUE OR TRUE", True),
        ("FALSE AND 1 / 0 = 1 OR TRUE", True),
        ("NOT NOT TRUE", True),
        ("NOT FALSE = TRUE", True),
        ("LENGTH('日本👍')", 3),
        ("TRIM('\u3000 a\u00a0')", "a"),
        ("TRIM('\x1fa\x1f')", "\x1fa\x1f"),
        ("UPPER('straße')", "STRASSE"),
        ("SUBSTRING('abc', 3, 1)", "c"),
        ("SUBSTRING('abc', -3, 100)", "abc"),
        ("SUBSTRING('abc', 2, 0)", ""),
        ("LEFT('abc', '2')", "ab"),
        ("RIGHT('abc', 0)", ""),
        ("CONCAT(1, TRUE, 'x')", "1truex"),
        (r"'it\'s'", "it's"),
        (r'"\n"', "\\n"),
        ("'\"'", '"'),
    ],
)
def test_it_comes_to(text, value):
    found, error = come_to(text)
    assert error is None
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("2147483647 + 1", 0, KIND.MATH),
        ("-2147483648 - 1", 0, KIND.MATH),
        ("65536 * 65536", 0, KIND.MATH),
        ("-2147483648 / -1", 0, KIND.MATH),
        ("-(-2147483648)", 0, KIND.MATH),
        ("5 / 0 + 1", 0, KIND.MATH),
        ("INT('2147483648')", 0, KIND.CAST),
        ("INT(' 1')", 0, KIND.CAST),
        ("INT('\uff11')", 0, KIND.CAST),
        ("INT('')", 0, KIND.CAST),
        ("INT('+')", 0, KIND.CAST),
        (f"INT('{'1' * 5000}')", 0, KIND.CAST),
        ("BOOL('yes')", False, KIND.CAST),
        ("'x' < 1", False, KIND.CAST),
        ("'x' = TRUE", False, KIND.CAST),
        ("1 IN ('x')", False, KIND.CAST),
        ("TRUE AND 1", False, KIND.CAST),
        ("NOT 'x'", True, KIND.CAST),
        ("1 = NOT 'x'", False, KIND.CAST),
        ("LENGTH(missing)", 0, KIND.MISSING_ATTRIBUTE),
        ("UPPER(missing)", "", KIND.MISSING_ATTRIBUTE),
        ("missing", False, KIND.MISSING_ATTRIBUTE),
        ("id IN (missing, 'my-id')", False, KIND.MISSING_ATTRIBUTE),
        ("missing NOT IN ('a')", False, KIND.MISSING_ATTRIBUTE),
        ("missing NOT LIKE 'a'", False, KIND.MISSING_ATTRIBUTE),
        ("missing = missing2", False, KIND.MISSING_ATTRIBUTE),
        ("LEFT(UPPER('abc'), -1)", "ABC", KIND.FUNCTION_EVALUATION),
        ("LENGTH(LEFT('abc', -1))", 0, KIND.FUNCTION_EVALUATION),
        ("SUBSTRING('abc', 0, -1)", "", KIND.FUNCTION_EVALUATION),
        ("SUBSTRING('', 1)", "", KIND.FUNCTION_EVALUATION),
        ("ABS('x')", 0, KIND.CAST),
    ],
)
def test_it_comes_to_something_in_spite_of_an_error(text, value, kind):
    found = come_to(text)
    assert found == (value, kind)
    assert type(found[0]) is type(value)


@pytest.mark.parametrize(
    ("text", "attributes", "value"),
    [
        ("ID = 'my-id' AND Source LIKE '/sh%'", {}, True),
        ("count + 1", {"count": 41}, 42),
        ("flag", {"flag": True}, True),
        ("NOT flag AND EXISTS flag", {"flag": False}, True),
        ("big = '2147483648'", {"big": 2**31}, True),
        ("big", {"big": 2**31}, "2147483648"),
        ("EXISTS gone", {"gone": None}, False),
        ("left = 'a' AND in1 = 'b'", {"left": "a", "in1": "b"}, True),
        ("123abc = 'x'", {"123abc": "x"}, True),
        ("half", {"half": 0.5}, "0.5"),
        ("many", {"many": ["ü", 1]}, '["ü",1]'),
    ],
)
def test_attributes_have_their_types(text, attributes, value):
    assert come_to(text, **attributes) == (value, None)


def test_the_payload_is_no_attribute():
    assert come_to("data", data="x") == (False, KIND.MISSING_ATTRIBUTE)
    assert come_to("EXISTS data", data="x") == (False, None)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("  ", 2),
        ("a =", 3),
        ("a = = b", 4),
        ("a b", 2),
        ("(a", 2),
        ("a)", 1),
        ("f(a", 3),
        ("f(a,)", 4),
        ("f(,a)", 2),
        ("a IN", 4),
        ("a IN ()", 5),
        ("a IN 'x'", 5),
        ("a LIKE b", 7),
        ("a NOT = b", 2),
        ("a NOT", 2),
        ("EXISTS 'a'", 7),
        ("EXISTS TRUE", 7),
        ("AND", 0),
        ("a AND", 5),
        ("+a", 1),
        ("+", 1),
        ("2147483648", 0),
        ("-2147483649", 1),
        ("99999999999999999999", 0),
        ("'open", 0),
        (r"'open\'", 0),
        ("a = $b", 4),
        ("a && b", 2),
        ("a_b = 1", 0),
        ("f1(2)", 0),
        ("a\u00a0= 1", 1),
        ("ä = 1", 0),
    ],
)
def test_what_cannot_be_read_says_where(text, position):
    with pytest.raises(Mistake) as caught:
        Expression(text)
    assert caught.value.kind is KIND.PARSE
    assert caught.value.position == position
    assert str(caught.value)


@pytest.mark.parametrize("text", ["NOPE(1)", "LENGTH()", "LENGTH(1, 2)", "CONCAT_WS()", "_(1)"])
def test_functions_that_there_are_not(text):
    with pytest.raises(Mistake) as caught:
        Expression(text)
    assert caught.value.kind in {KIND.MISSING_FUNCTION, KIND.PARSE}
    assert caught.value.position == 0


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3900 + "a" + ")" * 3900,
        "(" * 7900,
        "NOT " * 1900 + "a",
        "-" * 7900 + "a",
        "ABS(" * 1500 + "1" + ")" * 1500,
        "1 IN (" * 1000 + "1" + ")" * 1000,
        "a" + " LIKE '%'" * 800,
        "a" + " IN (a)" * 900,
        "(NOT (-ABS(" * 500,
        "a" + " = a" * 1900,
    ],
    ids=lambda text: text[:10],
)
def test_what_is_nested_too_deeply_is_refused(text):
    with pytest.raises(Mistake, match="at most") as caught:
        Expression(text)
    assert caught.value.kind is KIND.PARSE


def test_it_may_be_nested_as_deeply_as_allowed():
    assert come_to("(" * MAX_DEPTH + "TRUE" + ")" * MAX_DEPTH) == (True, None)
    assert come_to("NOT " * MAX_DEPTH + "TRUE") == (MAX_DEPTH % 2 == 0, None)
    assert come_to("(ABS(" * (MAX_DEPTH // 2) + "1" + "))" * (MAX_DEPTH // 2)) == (1, None)
    assert come_to("'a'" + " LIKE '%'" * MAX_TESTS) == (True, None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" OR ".join(["id = 'x'"] * 600), False),
        (" AND ".join(["id = 'my-id'"] * 400), True),
        (" XOR ".join(["TRUE"] * 801), True),
        (" + ".join(["1"] * 1900), 1900),
        ("1" + " = 1" * 10, True),
        (f"id IN ({', '.join(['1'] * 2000)}, 'my-id')", True),
        (f"LENGTH(CONCAT({', '.join(['id'] * 1900)}))", 1900 * 5),
    ],
    ids=lambda text: str(text)[:12],
)
def test_what_is_long_is_not_deep(text, value):
    assert len(text) <= MAX_LENGTH
    assert come_to(text) == (value, None)


def test_what_is_too_long_is_refused():
    with pytest.raises(Mistake, match="8,000 characters at most") as caught:
        Expression("a" * (MAX_LENGTH + 1))
    assert caught.value.position == MAX_LENGTH


def test_like_with_many_placeholders_ends_soon():
    pattern = "%a" * 1000 + "%b"
    assert come_to(f"id LIKE '{pattern}'", id="a" * 5000) == (False, None)


@pytest.mark.parametrize(
    "text", ["1 / 0 = 1", "id = 'a' OR INT('x') = 1", "NOT 10", "id = 'a' AND LENGTH(id)"]
)
def test_what_fails_for_every_event_is_known_at_once(text):
    (mistake,) = Expression(text).certain
    assert 0 <= mistake.position < len(text)


@pytest.mark.parametrize(
    "text", ["id = 'a'", "1 / INT(id) = 1", "INT('1') = 1", "NOT BOOL(10)", "NOT id"]
)
def test_what_depends_on_the_event_is_not(text):
    assert not Expression(text).certain


WORDS = st.sampled_from(
    [
        *("AND", "OR", "XOR", "NOT", "LIKE", "IN", "EXISTS", "TRUE", "false", "id", "missing"),
        *("(", ")", ",", "=", "<>", "!=", "<", ">=", "+", "-", "*", "/", "%"),
        *("'a%'", '"b"', "'", "\\", "1", "2147483648", "LENGTH(", "CONCAT(", "NOPE(", "é", "\x00"),
    ]
)
TEXTS = st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=15).map(" ".join))


def attempted(text):
    try:
        return Expression(text)
    except Mistake as error:
        return error


@given(TEXTS)
@settings(max_examples=1500)
def test_any_text_is_an_expression_or_a_mistake_in_it(text):
    found = attempted(text)
    if isinstance(found, Mistake):
        assert 0 <= found.position <= len(text)
        return
    evaluated = found.evaluate(event().attributes)
    assert isinstance(evaluated.value, str | int)
    if evaluated.error is not None:
        assert 0 <= evaluated.error.position < len(text)


NUMBERS = st.integers(-50, 50)
SUMS = st.recursive(
    NUMBERS.map(lambda number: (str(number), number)),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda one: (f"({one[0][0]} {one[1]} {one[2][0]})", _calculated(one))
    ),
    max_leaves=6,
)


def _calculated(one):
    (_, left), sign, (_, right) = one
    return {"+": left + right, "-": left - right, "*": left * right}[sign]


@given(SUMS)
@settings(max_examples=300)
def test_numbers_are_calculated_as_python_does(one):
    text, number = one
    expected = (number, None) if -(2**31) <= number < 2**31 else (0, KIND.MATH)
    # Where a step in between is too large, so is the whole.
    if come_to(text)[1] is None:
        assert come_to(text) == expected


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
@settings(max_examples=300)
def test_logic_goes_from_left_to_right(truths, data):
    signs = data.draw(
        st.lists(
            st.sampled_from(["AND", "OR", "XOR"]),
            min_size=len(truths) - 1,
            max_size=len(truths) - 1,
        )
    )
    value, text = truths[0], str(truths[0])
    for sign, truth in zip(signs, truths[1:], strict=True):
        text += f" {sign} {truth}"
        value = {"AND": value and truth, "OR": value or truth, "XOR": value != truth}[sign]
    assert come_to(text) == (value, None)
