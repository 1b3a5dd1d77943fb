"""Schemas of events: where they come from, what is refused, and what data is checked by them."""

from __future__ import annotations

import datetime
import json
import logging
import sys
import textwrap

import pytest

from asyncevents_core import AsyncEvents, Settings
from asyncevents_core.adapters.json_schemas import compile_schema
from asyncevents_core.catalog import collect_events
from asyncevents_core.catalog.reviewing import mistakes_of, review
from asyncevents_core.domain.schemas.given import LONGEST_SCHEMA, checked_schema
from asyncevents_core.engine.shared.schema_checks import MOST_KINDS, SchemaChecks
from asyncevents_core.errors import InvalidPayload, MissingExtra, SettingsError, UnusableEvent
from asyncevents_core.plugin import EventDefinition, hookimpl
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.configs import event_schemas
from tests.absent import without

TODAY = datetime.date(2027, 2, 1)
ID = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}

MODULE = """
from __future__ import annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING
from asyncevents_core import event
if TYPE_CHECKING:
    from nowhere import Hidden

@dataclass
class Order:
    id: int

@dataclass
class Strange:
    data: bytes

SCHEMA = {"type": "object", "required": ["own"]}

@event("inferred")
def inferred(id: int) -> Order:
    return Order(id)

@event("inferred.async", deprecated="Use inferred.", sunset="2027-01-31", version=2)
async def inferred_async(id: int) -> Order:
    return Order(id)

@event("opted.out", schema=False)
def opted_out(id: int) -> Order: ...

@event("given", schema={"type": "object"}, examples=[Order(1)], description="Now and then.")
def given(id: int) -> Order: ...

@event("given.type", schema=list[Order])
def given_type(id: int): ...

@event("named", schema="described_shop:SCHEMA")
def named(id: int): ...

@event("loose")
def loose(id: int) -> dict[str, object]: ...

@event("strange")
def strange(id: int) -> Strange: ...

@event("hidden")
def hidden(id: int) -> Hidden: ...
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def write(source=MODULE):
        (tmp_path / "described_shop.py").write_text(textwrap.dedent(source))
        sys.modules.pop("described_shop", None)
        return "described_shop"

    yield write
    sys.modules.pop("described_shop", None)


class Plugin:
    def __init__(self, *definitions):
        self._definitions = definitions

    @hookimpl
    def asyncevents_register_events(self):
        return list(self._definitions)


def collect(*definitions, **values):
    plugins = load_plugins([Plugin(*definitions)] if definitions else [], found=[])
    return collect_events(Settings.from_mapping(values), plugins)


def test_schemas_come_from_annotations_unless_something_else_is_said(shop):
    catalog = collect(EVENT_MODULES=[shop()])
    schemas = {one.name: one.schema for one in catalog}
    order = {**ID, "title": "Order"}
    assert schemas["inferred"] == schemas["inferred.async"] == order
    assert schemas["opted.out"] is schemas["loose"] is None
    assert schemas["given"] == {"type": "object"}
    assert schemas["given.type"]["items"] == {"$ref": "#/$defs/Order"}
    assert schemas["named"] == {"type": "object", "required": ["own"]}
    assert set(catalog.checks) == {name for name, one in schemas.items() if one is not None}


def test_annotations_that_cannot_be_described_are_no_mistake_but_told_of(shop):
    catalog = collect(EVENT_MODULES=[shop()])
    assert catalog.get("strange").schema is catalog.get("hidden").schema is None
    assert set(catalog.undescribed) == {"strange", "hidden"}
    assert "Strange.data: bytes is not JSON" in catalog.undescribed["strange"]
    assert "Hidden" in catalog.undescribed["hidden"]


def test_a_definition_says_the_rest_too(shop):
    catalog = collect(EVENT_MODULES=[shop()])
    given, old = catalog.get("given"), catalog.get("inferred.async")
    assert (given.description, given.examples) == ("Now and then.", ({"id": 1},))
    assert (old.deprecated, old.sunset, old.version) == ("Use inferred.", "2027-01-31", "2")


def test_the_setting_says_the_same(shop, tmp_path):
    (tmp_path / "own.json").write_text(json.dumps(ID))
    shop()
    catalog = collect(
        EVENTS={
            "whole": {
                "schema": ID,
                "description": "d",
                "version": 3,
                "examples": [{"id": 1}],
                "deprecated": "Use x.",
                "sunset": "2027-01-31",
            },
            "file": {"schema": "own.json"},
            "type": {"schema": "described_shop:Order"},
            "list": {"schema": list[int]},
        }
    )
    whole = catalog.get("whole")
    assert (whole.schema, whole.version, whole.examples) == (ID, "3", ({"id": 1},))
    assert (whole.description, whole.deprecated, whole.sunset) == ("d", "Use x.", "2027-01-31")
    assert catalog.get("file").schema == ID
    assert catalog.get("type").schema["title"] == "Order"
    assert catalog.get("list").schema == {"type": "array", "items": {"type": "integer"}}


def nested(levels):
    made: dict[str, object] = {}
    for _ in range(levels):
        made = {"not": made}
    return made


WRONG = {
    "type": ({"type": "strin"}, "/type"),
    "required": ({"required": "id"}, "/required"),
    "pattern": ({"pattern": "("}, "/pattern"),
    "remote": ({"$ref": "https://example.com/a.json"}, "leads out of the schema"),
    "file": ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "/properties/a: $ref"),
    "nothing": ({"$ref": "#/$defs/a"}, "there is nothing"),
    "no schema": ({"$ref": "#/required", "required": ["a"]}, "there is no schema there"),
    "itself": ({"$ref": "#"}, "leads to itself"),
    "a circle": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        "leads to itself",
    ),
    "no text": ({"$ref": 3}, "leads out of the schema"),
    "older": ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema"),
    "dynamic": ({"$dynamicRef": "#a"}, "$dynamicRef is not understood"),
    "anchor": ({"$defs": {"a": {"$anchor": "b"}}}, "/$defs/a: $anchor"),
    "id": ({"$defs": {"a": {"$id": "https://example.com/b"}}}, "$id is understood at the top"),
    "deep": (nested(200), "nested"),
    "huge": ({"enum": ["a" * LONGEST_SCHEMA]}, "bytes as JSON"),
    "not JSON": ({"const": b"a"}, "the schema.const"),
    "nan": ({"minimum": float("nan")}, "not a JSON number"),
    "not there": ("nowhere:Order", "cannot be imported"),
    "no name": ("Order", "neither package.module:Name nor"),
    "no file": ("nowhere.json", "cannot be read"),
    "no type": (3, "3 says nothing"),
}


@pytest.mark.parametrize(("schema", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_schema_is_a_mistake_of_the_settings_that_names_the_event(schema, message):
    with pytest.raises(SettingsError) as caught:
        collect(EVENTS={"order.created": {"schema": schema}, "other": {}})
    (problem,) = caught.value.problems
    assert "order.created" in problem
    assert message in problem


def test_all_mistakes_of_definitions_are_told_at_once(shop, tmp_path):
    (tmp_path / "twice.json").write_text('{"type": "object", "type": "array"}')
    (tmp_path / "list.json").write_text("[]")
    source = """
    from asyncevents_core import event

    @event("one", schema={"type": "strin"})
    def one(): ...

    @event("two", sunset="2027-01-31")
    def two(): ...

    @event("three", deprecated="x", sunset="soon")
    def three(): ...
    """
    with pytest.raises(SettingsError) as caught:
        collect(
            EVENT_MODULES=[shop(source)],
            EVENTS={
                "twice": {"schema": "twice.json"},
                "list": {"schema": "list.json"},
                "example": {"examples": [{1: 2}]},
                "late": {"deprecated": "x", "sunset": "31.1.2027"},
            },
        )
    text = str(caught.value)
    for part in (
        "'one', in described_shop:one: its schema: /type",
        "'two', in described_shop:two: sunset: say in deprecated",
        "'three', in described_shop:three: sunset: 'soon' is no date",
        "twice.json is not JSON: an object has 'type' twice",
        "list.json: a schema is an object",
        "'example', in EVENTS: example 1: data[1]: keys must be texts",
        "EVENTS['late']: sunset: '31.1.2027' is no date",
    ):
        assert part in text


def test_a_wrong_schema_of_a_plugin_costs_that_event_only(caplog):
    catalog = collect(
        EventDefinition(name="wrong", schema={"type": "strin"}),
        EventDefinition(name="right", schema=ID, examples=[{"id": 1}]),
    )
    assert catalog.names() == ["right"]
    with pytest.raises(UnusableEvent, match=r"'wrong', in .*: its schema: /type"):
        catalog.get("wrong")
    assert "an event cannot be used" in caplog.text
    (error,) = [one for one in review(catalog, mode="warn", today=TODAY) if one.state == "error"]
    assert "'wrong'" in error.text


def test_definitions_with_schemas_can_be_compared_and_hashed():
    one, other = (EventDefinition(name="a", schema=dict(ID), examples=[[1]]) for _ in range(2))
    assert one == other
    assert len({one, other}) == 1


# -- what schemas may be ----------------------------------------------------------------------


LOOPS = [
    {"allOf": [{"$ref": "#"}]},
    {"anyOf": [{"$ref": "#"}, {"type": "string"}]},
    {"not": {"$ref": "#"}},
]


@pytest.mark.parametrize("schema", LOOPS, ids=str)
def test_schemas_that_lead_to_themselves_end(schema):
    check = compile_schema(checked_schema(schema))
    assert isinstance(bool(check({"a": [1]})), bool)


def test_a_pattern_that_tries_without_end_is_given_up():
    check = compile_schema({"pattern": "^(?=(?:a|aa)+$)(?!x)(a+)+\\1$"})
    assert check("a" * 5_000 + "b")


def test_deep_data_is_checked_to_its_end():
    node = {"properties": {"next": {"$ref": "#"}, "value": {"type": "integer"}}}
    check = compile_schema(checked_schema(node))
    data: dict[str, object] = {"value": "wrong"}
    for _ in range(95):
        data = {"next": data}
    (mistake,) = check(data)
    assert mistake.pointer == "/next" * 95 + "/value"


def test_a_schema_whose_address_is_elsewhere_stands_alone():
    schema = {"$id": "https://example.com/order", "$ref": "#/$defs/a", "$defs": {"a": ID}}
    assert compile_schema(checked_schema(schema))({"id": "a"})


def test_formats_describe_and_are_not_checked():
    assert compile_schema({"format": "email", "contentEncoding": "base64"})("nobody") == ()


def test_a_schema_is_copied():
    given = {"type": "object", "properties": {}}
    catalog = collect(EVENTS={"a": {"schema": given}})
    given["properties"]["id"] = {"type": "integer"}
    assert catalog.get("a").schema == {"type": "object", "properties": {}}


# -- checking ---------------------------------------------------------------------------------


@pytest.fixture
def publish(tmp_path):
    made = []

    def open_(mode, schema=ID):
        events = AsyncEvents(
            {
                "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
                "EVENTS": {"order.created": {"schema": schema}, "other": {}},
                "EVENT_SCHEMAS": mode,
            }
        )
        events.upgrade()
        made.append(events)
        return events

    yield open_
    for one in made:
        one.close()


SECRET = "anna@example.com"


def test_data_that_does_not_match_is_refused_without_its_value(publish):
    events = publish("refuse")
    with pytest.raises(InvalidPayload) as caught:
        events.publish("order.created", {"id": SECRET})
    assert "order.created: the data does not match its schema: /id: " in str(caught.value)
    assert "integer" in str(caught.value)
    assert SECRET not in str(caught.value)
    events.publish("order.created", {"id": 1})
    events.publish("other", {"id": SECRET})


def test_one_that_does_not_match_keeps_the_others_out(publish):
    events = publish("refuse")
    with pytest.raises(InvalidPayload):
        events.publish_many([("order.created", {"id": 1}), ("order.created", {})])
    page = {"name": None, "limit": 9, "before": None}
    assert not events.runtime.ledger.read(lambda view: view.events.page(**page))


def test_what_is_no_plain_value_is_checked_as_what_it_becomes(publish):
    events = publish("refuse", {"type": "array", "items": {"type": "string"}})
    events.publish("order.created", {"b", "a"})
    events.publish("order.created", ("a",))
    with pytest.raises(InvalidPayload, match="/1: "):
        events.publish("order.created", ["a", 1])


def test_each_kind_of_mistake_is_warned_of_once(publish, caplog):
    events = publish("warn")
    with caplog.at_level(logging.WARNING, "asyncevents.schemas"):
        for _ in range(3):
            events.publish("order.created", {"id": SECRET})
            events.publish("order.created", {})
    assert [one.rule for one in caplog.records] == ["/properties/id/type", "/required"]
    assert {one.event_name for one in caplog.records} == {"order.created"}
    assert SECRET not in str([vars(one) for one in caplog.records])


def test_nothing_is_checked_where_it_is_off(publish):
    publish("off").publish("order.created", {"id": SECRET})


def test_warnings_end_at_some_time(caplog):
    properties = {f"p{number}": {"type": "integer"} for number in range(MOST_KINDS + 5)}
    checks = SchemaChecks({"a": compile_schema({"properties": properties})})
    for name in properties:
        checks.require("a", {name: "x"}, b"")
    assert len(caplog.records) == MOST_KINDS + 1
    assert "no more mistakes" in caplog.records[-1].message


HIDDEN = [
    {"type": "integer"},
    {"enum": [1, 2]},
    {"const": 1},
    {"pattern": "^x$"},
    {"format": "email", "maxLength": 3},
    {"minLength": 100},
    {"not": {"type": "string"}},
    {"anyOf": [{"type": "integer"}, {"maxLength": 3}]},
    {"oneOf": [{"type": "string"}, {"minLength": 1}]},
    {"if": {"type": "string"}, "then": {"type": "integer"}},
    False,
]


@pytest.mark.parametrize("schema", HIDDEN, ids=str)
def test_no_keyword_tells_the_value(schema):
    in_list = {"items": schema, "uniqueItems": True, "maxItems": 1, "contains": {"type": "null"}}
    check = compile_schema({"properties": {"a": schema, "b": in_list}})
    found = check({"a": SECRET, "b": [SECRET, SECRET]})
    assert found
    assert SECRET not in " ".join(f"{one} {one.rule} {one.wanted}" for one in found)


def test_long_names_are_cut():
    check = compile_schema({"additionalProperties": {"type": "integer"}})
    (mistake,) = check({"x" * 10_000: "a"})
    assert len(str(mistake)) < 1_000


def test_examples_are_looked_at():
    wrong = EventDefinition(name="a", schema=ID, examples=[{"id": 1}, {"id": "b"}])
    assert [one[:9] for one in mistakes_of(wrong)] == ["example 2"]
    assert list(mistakes_of(EventDefinition(name="a", examples=[1]))) == []


# -- the extra --------------------------------------------------------------------------------


def test_what_is_not_set_depends_on_what_is_installed(monkeypatch):
    assert event_schemas(Settings.from_mapping({})) == "warn"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert event_schemas(Settings.from_mapping({})) == "off"
    assert event_schemas(Settings.from_mapping({"EVENT_SCHEMAS": "refuse"})) == "refuse"
    with pytest.raises(SettingsError, match="EVENT_SCHEMAS"):
        Settings.from_mapping({"EVENT_SCHEMAS": "sometimes"})


@pytest.mark.parametrize("mode", ["warn", "refuse"])
def test_without_the_extra_it_is_said_at_the_start(monkeypatch, mode):
    without(monkeypatch, "jsonschema_rs")
    settings = Settings.from_mapping({"EVENT_SCHEMAS": mode, "EVENTS": {"a": {"schema": ID}}})
    with Runtime(settings) as runtime, pytest.raises(MissingExtra) as caught:
        runtime.publish_rules  # noqa: B018
    assert "pip install 'asyncevents-core[schemas]'" in str(caught.value)
    assert "'a'" in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [{"EVENT_SCHEMAS": "refuse"}, {"EVENT_SCHEMAS": "off", "EVENTS": {"a": {"schema": ID}}}],
)
def test_without_the_extra_what_needs_it_not_works(monkeypatch, values):
    without(monkeypatch, "jsonschema_rs")
    with Runtime(Settings.from_mapping(values)) as runtime:
        assert not runtime.catalog.checks


def test_reviewing_without_the_extra_says_what_was_not_checked(monkeypatch):
    without(monkeypatch, "jsonschema_rs")
    catalog = collect(EVENTS={"a": {"schema": ID}}, EVENT_SCHEMAS="off")
    states = [one.state for one in review(catalog, mode="off", today=TODAY)]
    assert states == ["warning", "ok"]


def test_what_tests_record_is_checked_too(publish, published_events):
    events = publish("refuse")
    with pytest.raises(InvalidPayload):
        events.publish("order.created", {"id": SECRET})
    events.publish("order.created", {"id": 1})
    assert [one.data for one in published_events] == [{"id": 1}]
