"""A schema as a table for people."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.schemas.narrowing import Comparison
from asyncevents_core.domain.schemas.properties import MOST_ROWS, described, property_rows

NODE = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "title": "Node",
            "type": "object",
            "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/$defs/Node"}},
            "required": ["value"],
        }
    },
}
KINDS = [
    ({}, "anything"),
    (True, "anything"),
    (False, "nothing"),
    ({"type": "integer"}, "integer"),
    ({"type": ["string", "null"]}, "string or null"),
    ({"type": "string", "format": "date-time"}, "string (date-time)"),
    ({"const": "a"}, '"a"'),
    ({"enum": ["a", None, 1]}, '"a" | null | 1'),
    ({"type": "array"}, "array"),
    ({"type": "array", "items": {"type": "string"}}, "array of string"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "null"}]}, "string or null"),
    ({"type": "integer", "minimum": 1, "maximum": 9}, "integer, ≥ 1, ≤ 9"),
    ({"type": "string", "minLength": 1, "pattern": "^a"}, "string, length ≥ 1, like ^a"),
    ({"properties": {}}, "object"),
    ({"allOf": [{"type": "object"}, {"required": ["a"]}]}, "object"),
    ({"$ref": "#/$defs/Node"}, "Node (object)"),
    ({"$ref": "#/nowhere"}, "anything"),
    ({"enum": ["x" * 500]}, '"' + "x" * 118 + "…"),
]


@pytest.mark.parametrize(("schema", "kind"), KINDS, ids=str)
def test_what_a_value_may_be_in_words(schema, kind):
    assert described(schema, NODE) == kind


def rows(schema):
    return {one.path: (one.kind, one.required) for one in property_rows(schema)}


def test_what_contains_itself_is_shown_once():
    assert rows(NODE) == {
        "value": ("integer", True),
        "next": ("Node (object)", False),
    }


def test_everything_in_it_has_a_row():
    schema = {
        "properties": {
            "lines": {"type": "array", "items": {"properties": {"sku": {}}, "required": ["sku"]}},
            "pair": {"prefixItems": [{"type": "integer"}], "minItems": 1},
            "map": {"additionalProperties": {"properties": {"x": {}}}},
            "named": {"patternProperties": {"^a": {"type": "null"}}},
        },
        "oneOf": [{"properties": {"card": {}}}, {"properties": {"cash": {}}}],
    }
    assert rows(schema) == {
        "lines": ("array of object", False),
        "lines[].sku": ("anything", True),
        "pair": ("anything, items ≥ 1", False),
        "pair[0]": ("integer", True),
        "map": ("anything", False),
        "map.<any>": ("object", False),
        "map.<any>.x": ("anything", False),
        "named": ("anything", False),
        "named.<^a>": ("null", False),
        "card": ("anything", False),
        "cash": ("anything", False),
    }


def test_what_is_said_of_a_property_or_else_of_its_type():
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A", "description": "b"}},
        "$defs": {"A": {"description": "a", "type": "string"}},
    }
    assert [one.description for one in property_rows(schema)] == ["a", "b"]


def branching(levels):
    """Return a schema whose parts are written out more often than anybody can wait for."""
    definitions = {"D0": {"type": "integer"}}
    for level in range(1, levels):
        below = {"$ref": f"#/$defs/D{level - 1}"}
        definitions[f"D{level}"] = {
            "anyOf": [{"properties": {"a": below, "b": below}}, {"items": below}, {"type": "null"}]
        }
    return {"$ref": f"#/$defs/D{levels - 1}", "$defs": definitions}


def test_a_schema_that_branches_without_end_is_cut():
    found = property_rows(branching(60))
    assert 0 < len(found) <= MOST_ROWS


def test_schemas_that_branch_without_end_are_compared():
    assert Comparison(branching(40), branching(40)).differences() == ()
    found = Comparison(branching(40), branching(39)).differences()
    assert isinstance(found, list)


def test_more_alternatives_than_can_be_told_apart_are_compared_as_they_are_written():
    pairs = {"allOf": [{"anyOf": [{"multipleOf": n} for n in range(1, 40)]} for _ in range(3)]}
    assert Comparison(pairs, {**pairs, "title": "same"}).differences() == []
    assert any(one.breaking for one in Comparison(pairs, {"type": "integer"}).differences())


def test_what_leads_to_itself_on_the_spot_is_compared():
    twice = {"allOf": [{}, {"$ref": "#/$defs/B"}]}
    lost = {"$ref": "#/$defs/B", "$defs": {"B": {"anyOf": [twice, twice]}}}
    assert [one.breaking for one in Comparison(lost, {"type": "integer"}).differences()] == [False]
    assert Comparison({"type": "integer"}, lost).differences()[0].breaking


def test_of_what_is_too_much_it_is_said_that_it_cannot_be_told():
    definitions = {"D0": {"type": "integer"}}
    for level in range(1, 40):
        below = {"$ref": f"#/$defs/D{level - 1}"}
        definitions[f"D{level}"] = {"anyOf": [below, below]}
    much = {"$ref": "#/$defs/D39", "$defs": definitions}
    (one,) = Comparison(much, {"type": "integer"}).differences()
    assert one.breaking
    assert "too much" in one.text
    assert Comparison(much, dict(much)).differences() == ()
