"""The documents about all events: valid, and read back as they were."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain.event_documents import (
    About,
    asyncapi,
    json_schema,
    openapi,
    read_document,
)
from asyncevents_core.domain.payload import envelope, from_json, to_json
from asyncevents_core.domain.schemas.changes import changes
from asyncevents_core.domain.schemas.walking import found
from asyncevents_core.plugin import EventDefinition
from asyncevents_core.testing.builders import make_event
from tests import services
from tests.conftest import skip_unless_present
from tests.services.needs import NPM
from tests.services.npm import installed

SPECS = Path(services.__file__).parent / "asyncapi"
"""A folder whose package.json names the official schemas of AsyncAPI."""


@dataclass
class Money:
    amount: int
    currency: str


@dataclass
class Order:
    id: int
    total: Money
    place: tuple[float, float]
    parent: Order | None = None


EXAMPLE = {
    "id": 1,
    "total": {"amount": 3, "currency": "EUR"},
    "place": [1, 2],
    "parent": None,
}
ABOUT = About(source="/shop")
FORMS = {"asyncapi": asyncapi, "openapi": openapi, "json-schema": json_schema}
EVENTS = EventCatalog(
    [
        EventDefinition(
            name="order.created",
            title="An order was placed",
            description="Also by phone.",
            version=2,
            schema=Order,
            examples=[EXAMPLE],
        ),
        EventDefinition(
            name="order-old_1",
            schema={"$id": "https://example.com/x", "$ref": "#/$defs/a", "$defs": {"a": {}}},
            deprecated="Use order.created.",
            sunset="2027-01-31",
        ),
        EventDefinition(name="pair", schema={"prefixItems": [{"type": "string"}], "items": False}),
        EventDefinition(name="plain"),
        EventDefinition(name="CloudEvent", schema={"properties": {"a": {"$ref": "#"}}}),
    ]
)


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


def test_openapi_is_valid():
    document = openapi(EVENTS, ABOUT)
    assert list(OpenAPIV31SpecValidator(from_json(to_json(document))).iter_errors()) == []


def test_asyncapi_is_valid():
    skip_unless_present(NPM)
    schema = installed(SPECS) / "node_modules/@asyncapi/specs/schemas/3.0.0.json"
    official = json.loads(schema.read_text())
    validator = jsonschema_rs.Draft7Validator(official)
    assert [one.message for one in validator.iter_errors(asyncapi(EVENTS, ABOUT))] == []


def test_json_schema_is_valid():
    document = json_schema(EVENTS, ABOUT)
    jsonschema_rs.meta.validate(document)


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from references(one)


def test_references_lead_somewhere(form):
    document = from_json(to_json(form(EVENTS, ABOUT)))
    aims = set(references(document))
    assert len(aims) >= 3
    for aim in aims:
        assert isinstance(found(document, aim), dict)


def test_what_is_exported_is_read_as_it_was(form):
    read = read_document(from_json(to_json(form(EVENTS, ABOUT))))
    assert sorted(read) == EVENTS.names()
    assert (read["order.created"].version, read["plain"].version) == ("2", None)
    old = read["order-old_1"]
    assert (old.deprecated, old.sunset) == ("Use order.created.", "2027-01-31")
    assert changes(read, read_document(json_schema(EVENTS, ABOUT))) == []
    assert changes(read_document(json_schema(EVENTS, ABOUT)), read) == []


def test_a_delivery_is_as_the_documents_say():
    event = make_event(name="order.created")
    sent = envelope(
        event_id=event.id,
        name=event.name,
        source=ABOUT.source,
        occurred_at=event.occurred_at,
        tenant="acme",
        data=to_json(EXAMPLE),
    )
    document = openapi(EVENTS, ABOUT)
    body = document["webhooks"]["order.created"]["post"]["requestBody"]["content"]
    schema = {
        **body["application/cloudevents+json"]["schema"],
        "components": document["components"],
    }
    check = jsonschema_rs.Draft202012Validator(schema)
    assert check.is_valid(json.loads(sent))
    assert not check.is_valid({**json.loads(sent), "data": {}})
    assert not check.is_valid({**json.loads(sent), "type": "another"})
    (example,) = body["application/cloudevents+json"]["examples"].values()
    assert check.is_valid(example["value"])


def test_draft_7_means_the_same_by_lists_of_fixed_items():
    pair = asyncapi(EVENTS, ABOUT)["components"]["schemas"]["pair"]
    check = jsonschema_rs.Draft7Validator(pair)
    assert check.is_valid(["a"])
    assert not check.is_valid([1])
    assert not check.is_valid(["a", 1])


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"openapi": "3.1.0", "webhooks": {"a": 3}},
        {"openapi": "3.1.0", "webhooks": {"a": {}}, "components": {"schemas": []}},
        {"asyncapi": "3.0.0", "components": []},
        {"x-asyncevents-events": "/a", "$defs": {"a": []}},
        {"x-asyncevents-events": "/a", "$defs": {"a": {"x-asyncevents": 3}}},
    ],
    ids=str,
)
def test_another_document_is_refused(document):
    with pytest.raises(ValueError, match=r"events export|no object"):
        read_document(document)
