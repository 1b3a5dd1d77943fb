"""What has changed between schemas, as those see it who read the data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.adapters.json_schemas import compile_schema
from asyncevents_core.domain.schemas.changes import Described, changes
from asyncevents_core.domain.schemas.narrowing import Comparison


def thing(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


INTEGER, NUMBER, TEXT, NULL = ({"type": one} for one in ("integer", "number", "string", "null"))
TREE = thing(["value"], value=INTEGER, left={"$ref": "#"})
TREE_BY_NAME = {
    "$ref": "#/$defs/T",
    "$defs": {"T": thing(["value"], value=INTEGER, left={"$ref": "#/$defs/T"})},
}


def kinds(**schemas):
    return {
        "oneOf": [
            {**thing(["kind"], kind={"const": kind}, **more), "title": kind}
            for kind, more in schemas.items()
        ]
    }


# before, after, where it breaks readers, where it changes without breaking them
TABLE = {
    "nothing": (thing(a=TEXT), thing(a=TEXT), [], []),
    "words": ({"title": "a"}, {"title": "b", "description": "c", "examples": [1]}, [], []),
    "new property": (thing(a=TEXT), thing(a=TEXT, b=TEXT), [], ["/b"]),
    "new required property": (thing(a=TEXT), thing(["b"], a=TEXT, b=TEXT), [], ["/b"]),
    "property gone": (thing(a=TEXT, b=TEXT), thing(a=TEXT), ["/b"], []),
    "optional property gone": (thing(a=TEXT), thing(), ["/a"], []),
    "renamed": (thing(a=TEXT), thing(b=TEXT), ["/a"], ["/b"]),
    "deep property gone": (thing(a=thing(b=TEXT)), thing(a=thing()), ["/a/b"], []),
    "no longer required": (thing(["a"], a=TEXT), thing(a=TEXT), ["/a"], []),
    "required now": (thing(a=TEXT), thing(["a"], a=TEXT), [], ["/a"]),
    "not described, not required": ({"required": ["a"]}, {}, ["/a"], []),
    "another type": (INTEGER, TEXT, [""], []),
    "wider type": (INTEGER, NUMBER, [""], []),
    "narrower type": (NUMBER, INTEGER, [], [""]),
    "also null": (thing(a=TEXT), thing(a={"type": ["string", "null"]}), ["/a"], []),
    "never null": (thing(a={"type": ["string", "null"]}), thing(a=TEXT), [], ["/a"]),
    "type list, anyOf": ({"type": ["string", "null"]}, {"anyOf": [NULL, TEXT]}, [], []),
    "anyOf, type list": ({"anyOf": [NULL, TEXT]}, {"type": ["string", "null"]}, [], []),
    "no type": (TEXT, {}, [""], []),
    "a type": ({}, TEXT, [], [""]),
    "true": (True, {}, [], []),
    "ruled out": (thing(a=TEXT), thing(a=False), [], ["/a"]),
    "not ruled out": (thing(a=False), thing(a=TEXT), ["/a"], []),
    "more values": ({"enum": ["a"]}, {"enum": ["a", "b"]}, [""], []),
    "fewer values": ({"enum": ["a", "b"]}, {"enum": ["a"]}, [], [""]),
    "const in enum": ({"enum": ["a", "b"]}, {"const": "a"}, [], [""]),
    "another const": ({"const": "a"}, {"const": "b"}, [""], [""]),
    "any value": ({"type": "string", "enum": ["a"]}, TEXT, [""], []),
    "values now": (TEXT, {"type": "string", "enum": ["a"]}, [], [""]),
    "values of another type": ({"enum": [1]}, {"enum": ["a"]}, [""], []),
    "format gone": ({**TEXT, "format": "date"}, TEXT, [""], []),
    "format now": (TEXT, {**TEXT, "format": "date"}, [], [""]),
    "another format": ({**TEXT, "format": "date"}, {**TEXT, "format": "time"}, [""], []),
    "another pattern": ({**TEXT, "pattern": "a"}, {**TEXT, "pattern": "b"}, [""], []),
    "longer": ({**TEXT, "maxLength": 3}, {**TEXT, "maxLength": 4}, [""], []),
    "shorter": ({**TEXT, "maxLength": 3}, {**TEXT, "maxLength": 2}, [], [""]),
    "any length": ({**TEXT, "maxLength": 3}, TEXT, [""], []),
    "smaller": ({**INTEGER, "minimum": 0}, {**INTEGER, "minimum": -1}, [""], []),
    "not so small": ({**INTEGER, "minimum": 0}, {**INTEGER, "minimum": 1}, [], [""]),
    "finer": ({**INTEGER, "multipleOf": 4}, {**INTEGER, "multipleOf": 2}, [""], []),
    "coarser": ({**INTEGER, "multipleOf": 2}, {**INTEGER, "multipleOf": 4}, [], [""]),
    "limit of others": ({**TEXT, "minimum": 1}, TEXT, [], []),
    "items": ({"type": "array", "items": TEXT}, {"type": "array", "items": NULL}, ["/*"], []),
    "items of any kind": ({"type": "array", "items": TEXT}, {"type": "array"}, ["/*"], []),
    "twice": ({"type": "array", "uniqueItems": True}, {"type": "array"}, [""], []),
    "one more item": (
        {"type": "array", "prefixItems": [TEXT], "maxItems": 1},
        {"type": "array", "prefixItems": [TEXT, TEXT], "maxItems": 2},
        [""],
        ["/1"],
    ),
    "closed now": (thing(a=TEXT), {**thing(a=TEXT), "additionalProperties": False}, [], []),
    "open now": ({**thing(a=TEXT), "additionalProperties": False}, thing(a=TEXT), ["/*"], []),
    "new in what was closed": (
        {**thing(a=TEXT), "additionalProperties": False},
        {**thing(a=TEXT, b=TEXT), "additionalProperties": False},
        ["/b"],
        [],
    ),
    "new, as others were": (
        {**thing(), "additionalProperties": INTEGER},
        {**thing(b=INTEGER), "additionalProperties": INTEGER},
        [],
        ["/b"],
    ),
    "new, unlike others": (
        {**thing(), "additionalProperties": INTEGER},
        {**thing(b=TEXT), "additionalProperties": INTEGER},
        ["/b"],
        ["/b"],
    ),
    "values of a mapping": (
        {"type": "object", "additionalProperties": INTEGER},
        {"type": "object", "additionalProperties": NUMBER},
        ["/*"],
        [],
    ),
    "names like that": ({"patternProperties": {"^a": TEXT}}, {}, ["/*"], []),
    "as a reference": (
        thing(a=thing(b=TEXT)),
        {**thing(a={"$ref": "#/$defs/A"}), "$defs": {"A": thing(b=TEXT)}},
        [],
        [],
    ),
    "behind a reference": (
        {**thing(a={"$ref": "#/$defs/A"}), "$defs": {"A": thing(b=TEXT)}},
        {**thing(a={"$ref": "#/$defs/A"}), "$defs": {"A": thing(b=NULL)}},
        ["/a/b"],
        [],
    ),
    "a tree": (TREE, TREE_BY_NAME, [], []),
    "a tree of others": (TREE, thing(["value"], value=NUMBER, left={"$ref": "#"}), ["/value"], []),
    "in parts": (
        {"allOf": [thing(["a"], a=TEXT), thing(["b"], b=TEXT)]},
        thing(["a", "b"], a=TEXT, b=TEXT),
        [],
        [],
    ),
    "a part gone": ({"allOf": [thing(a=TEXT), thing(b=TEXT)]}, thing(a=TEXT), ["/b"], []),
    "new kind": (kinds(x={}), kinds(x={}, y={}), [""], []),
    "kind gone": (kinds(x={}, y={}), kinds(x={}), [], [""]),
    "kinds in another order": (kinds(x={}, y={}), kinds(y={}, x={}), [], []),
    "in one kind": (
        {"oneOf": [TEXT, thing(a=TEXT)]},
        {"oneOf": [TEXT, thing(a=NULL)]},
        ["/a"],
        [],
    ),
    "another condition": (
        {"if": TEXT, "then": {"maxLength": 1}},
        {"if": TEXT, "then": {"maxLength": 2}},
        [""],
        [],
    ),
    "condition gone": ({"not": TEXT}, {}, [""], []),
    "condition now": ({}, {"not": TEXT}, [], [""]),
    "condition on what has changed": (
        {"not": {"$ref": "#/$defs/A"}, "$defs": {"A": TEXT}},
        {"not": {"$ref": "#/$defs/A"}, "$defs": {"A": NULL}},
        [""],
        [],
    ),
    "lost in itself": ({"$ref": "#"}, TEXT, [], [""]),
    "lost by now": (TEXT, {"allOf": [{"$ref": "#"}]}, [""], []),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "breaking", "others"), TABLE.values(), ids=TABLE)
def test_changes_of_a_schema(before, after, breaking, others):
    found = Comparison(before, after).differences()
    assert [one.pointer for one in found if one.breaking] == breaking
    assert [one.pointer for one in found if not one.breaking] == others


def test_a_property_that_has_another_name_is_guessed():
    (gone, _) = Comparison(thing(a=INTEGER, c=TEXT), thing(b=INTEGER, c=TEXT)).differences()
    assert gone.text == "is gone: it may have become 'b'"


LEAVES = st.sampled_from([{}, INTEGER, NUMBER, TEXT, NULL, {"enum": ["a", 1]}, {"const": 1}])
REFERENCES = st.sampled_from([{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}])


def schemas_of(leaves):
    return st.recursive(leaves, nested, max_leaves=5)


def nested(inner):
    return st.one_of(
        st.builds(
            lambda a, b, required, open_: {
                **thing(required, a=a, b=b),
                **({} if open_ else {"additionalProperties": False}),
            },
            inner,
            inner,
            st.lists(st.sampled_from("ab"), unique=True),
            st.booleans(),
        ),
        st.builds(lambda one: {"type": "array", "items": one}, inner),
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
        st.builds(lambda one, other: {"allOf": [one, other]}, inner, inner),
    )


SCHEMAS = schemas_of(LEAVES)
CONTAINING_THEMSELVES = st.builds(
    lambda one, other: {"$ref": "#/$defs/A", "$defs": {"A": one, "B": other}},
    schemas_of(LEAVES | REFERENCES).filter(lambda one: "$ref" not in one),
    schemas_of(LEAVES | REFERENCES).filter(lambda one: "$ref" not in one),
)
VALUES = st.recursive(
    st.sampled_from([None, 1, 2.5, "a", "b", True]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=4,
)


@given(
    SCHEMAS | CONTAINING_THEMSELVES,
    SCHEMAS | CONTAINING_THEMSELVES,
    st.lists(VALUES, min_size=5, max_size=10),
)
def test_what_is_called_harmless_lets_nothing_new_through(before, after, values):
    if any(one.breaking for one in Comparison(before, after).differences()):
        return
    old, new = compile_schema(before), compile_schema(after)
    assert [one for one in values if not new(one) and old(one)] == []


@given(SCHEMAS)
def test_what_stays_the_same_has_not_changed(schema):
    copied = {"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": schema}}
    assert [one for one in Comparison(schema, copied).differences() if one.breaking] == []


# -- events -----------------------------------------------------------------------------------


def test_events_come_and_go():
    old = {"gone": Described(schema={}), "same": Described(schema={})}
    new = {"new": Described(schema={}), "same": Described(schema={}, version="2")}
    found = changes(old, new)
    assert [(one.event_name, one.breaking, one.text) for one in found] == [
        ("gone", True, "the event is gone"),
        ("new", False, "the event is new"),
        ("same", False, "version was not set, is 2"),
    ]


def test_what_breaks_readers_comes_first():
    old = {"a": Described(schema=thing(x=TEXT)), "b": Described(schema=thing(x=TEXT))}
    new = {"a": Described(schema=thing(x=TEXT, y=TEXT)), "b": Described(schema=thing(x=NULL))}
    assert [str(one) for one in changes(old, new)] == [
        "b /x: was string, is null now",
        "a /y: is new",
    ]
