"""Which events a subscription wants: names, patterns, lists, exceptions."""

from __future__ import annotations

import re
from random import Random

import pytest

from asyncevents_core.domain.event_pattern import pattern_mistake, read_pattern, require_matched
from asyncevents_core.errors import InvalidValue, UnknownEvent


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("sales.order.created", ["sales.order.created"], ["sales.order", "sales.order.created.x"]),
        (
            "sales.order.*",
            ["sales.order.created", "sales.order.a-b_c"],
            ["sales.order", "sales.order.", "sales.order.a.b", "Sales.order.created", "x.order.a"],
        ),
        ("*.created", ["order.created", "a.created"], ["created", ".created", "a.b.created"]),
        ("*", ["created", "a-b"], ["a.b", ""]),
        ("sales.*.created", ["sales.order.created"], ["sales.created", "sales.a.b.created"]),
        ("sales.order_*", ["sales.order_a", "sales.order_"], ["sales.order", "sales.order_a.b"]),
        ("sales.*_*d", ["sales.a_d", "sales._d", "sales.x_y_zd"], ["sales.ad", "sales.a_b"]),
        ("**", ["created", "a.b.c"], []),
        ("sales.**", ["sales", "sales.order", "sales.order.created"], ["sale", "salesx.order"]),
        ("**.created", ["created", "a.created", "a.b.created"], ["a.created.b"]),
        ("a.**.z", ["a.z", "a.b.z", "a.b.c.z", "a.z.z"], ["a", "a.b", "az"]),
        ("a.**.m.**.z", ["a.m.z", "a.b.m.c.z", "a.m.m.z"], ["a.z", "a.b.z"]),
        ("**.*", ["a", "a.b"], []),
        ("a, b.*", ["a", "b.c"], ["b", "c"]),
        ("a.*, !a.b", ["a.c"], ["a.b"]),
        ("!a.b.*, a.**", ["a", "a.c"], ["a.b.c"]),
        ("**, !**.deleted, !audit.**", ["a.created"], ["a.deleted", "deleted", "audit.a"]),
        ("a, !a", [], ["a"]),
        # What the framework says of itself is not meant by who wants all events.
        ("**", [], ["asyncevents.delivery.dead"]),
        ("*.delivery.*", [], ["asyncevents.delivery.dead"]),
        ("asyncevents.**", ["asyncevents.delivery.dead"], ["order.created"]),
        ("asyncevents.delivery.dead", ["asyncevents.delivery.dead"], []),
    ],
)
def test_what_a_pattern_matches(pattern, matched, others):
    read = read_pattern(pattern)
    assert read.among([*matched, *others]) == matched


@pytest.mark.parametrize(
    ("text", "written", "name"),
    [
        ("a.b", "a.b", "a.b"),
        (" a.b ", "a.b", "a.b"),
        ("a,b", "a, b", None),
        ("a , b,a", "a, b", None),
        ("!c,a.*", "a.*, !c", None),
        ("a.*, ! c", "a.*, !c", None),
        ("a.b, !c", "a.b, !c", None),
    ],
)
def test_how_it_is_written(text, written, name):
    read = read_pattern(text)
    assert (read.text, read.name) == (written, name)
    assert read_pattern(read.text) == read


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must not be empty"),
        ("   ", "must not be empty"),
        (5, "must be a text"),
        (None, "must be a text"),
        ("a,", "a name on both sides of each comma"),
        (",", "a name on both sides of each comma"),
        ("!", "a name on both sides of each comma"),
        ("a, !", "a name on both sides of each comma"),
        ("!a", "must say which events, not only which not"),
        ("!a.*, !b", "must say which events, not only which not"),
        ("a b", "must be a name of letters"),
        ("a/b", "must be a name of letters"),
        ("!!a, b", "must be a name of letters"),
        ("a?", "must be a name of letters"),
        ("ä", "must be a name of letters"),
        ("a\n", None),
        ("a.**b", "** as a level of its own"),
        ("***", "** as a level of its own"),
        ("a..*", "no empty level in a pattern"),
        (".*", "no empty level in a pattern"),
        ("x" * 256, "names of at most 255 characters"),
        ("x" * 2001, "at most 2000 characters"),
        (",".join(["a"] * 101), "at most 100 names and patterns"),
    ],
)
def test_what_is_none(text, complaint):
    found = pattern_mistake(text)
    assert (found is None) if complaint is None else complaint in (found or "")
    if complaint is not None and isinstance(text, str):
        with pytest.raises(InvalidValue, match=re.escape(f"event_name {found}")):
            read_pattern(text)


def test_a_part_that_no_event_has_is_said_with_what_was_meant():
    known = ["sales.order.created", "sales.order.paid"]
    require_matched(read_pattern("sales.order.*, **.paid, !nothing.*"), known)
    with pytest.raises(UnknownEvent, match=r"unknown event 'sale\.order\.\*'"):
        require_matched(read_pattern("sales.**, sale.order.*"), known)


def as_expression(pattern: str) -> str:
    """Return a regular expression that means the same."""
    text = "." + pattern
    text = re.escape(text).replace(r"\.\*\*", r"(\.[^.]+)*")
    text = re.sub(r"\\\.\\\*(?=\\\.|$|\()", r"\\.[^.]+", text)
    return text.replace(r"\*", r"[^.]*")


def test_it_says_what_a_regular_expression_says():
    random = Random(7)
    levels = ["a", "ab", "*", "**", "a*", "*b", "a*b*a", "**"]
    for _ in range(3000):
        pattern = ".".join(random.choice(levels) for _ in range(random.randint(1, 4)))
        name = ".".join(
            "".join(random.choice("ab") for _ in range(random.randint(1, 4)))
            for _ in range(random.randint(1, 5))
        )
        expected = re.fullmatch(as_expression(pattern), "." + name) is not None
        assert read_pattern(pattern).matches(name) == expected, (pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*a" * 120 + "b", "a" * 250),
        (".".join(["**", "a"] * 40 + ["b"]), ".".join(["a"] * 125)),
    ],
)
def test_no_pattern_takes_ages(pattern, name):
    """A test that tries one way after the other does not end."""
    assert not read_pattern(pattern).matches(name)
