"""The page about the REST API against its OpenAPI document and its routes."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest
from litestar.routes import HTTPRoute

from asyncevents_core import AsyncEvents, forms
from asyncevents_core.web import create_app
from asyncevents_core.web.api.criteria.parsing import CONDITIONS
from asyncevents_core.web.api.schemas.async_event import AsyncEvent
from asyncevents_core.web.api.schemas.async_event_input import OUR_WORDS, AsyncEventInput
from asyncevents_core.web.api.schemas.subscription_input import SubscriptionInput

PAGE = (Path(__file__).parents[2] / "docs/reference/rest.md").read_text()
ROUTES = {
    (method, path): resource
    for method, path, resource in re.findall(
        r"^\| `([A-Z]+) (/rest/V1/[^`]*)` \| `([a-z.]+)` \|", PAGE, re.MULTILINE
    )
}
WORDS = dict(
    re.findall(
        r"^\| `(\w+)` \| .* \| (?:`(\w+)`.*)?\|$",
        (Path(__file__).parents[2] / "docs/reference/words.md").read_text(),
        re.MULTILINE,
    )
)
"""The names of fields, and what they are called on the original's routes; "": not there."""


def names(*classes: type) -> set[str]:
    return {one.name for cls in classes for one in attrs.fields(cls)}


def test_names_of_fields_are_in_the_table_of_words():
    shown = names(
        *(one for one in vars(forms).values() if isinstance(one, type) and "Form" in one.__name__)
    )
    assert names(forms.AttemptForm, forms.LogRowForm) <= set(WORDS)
    assert set(WORDS) <= shown | names(SubscriptionInput) | {"receiver_secret"}


def test_names_of_the_original_are_in_the_table_of_words():
    its_own = names(AsyncEvent, AsyncEventInput)
    assert {one for one in WORDS.values() if one} <= its_own
    # What is called the same on both sides need not be there.
    assert its_own - set(WORDS.values()) <= names(SubscriptionInput)
    renamed = {ours: name for name, ours in OUR_WORDS.items() if ours != name}
    assert {ours: WORDS[ours] for ours in renamed if ours != "tenant"} == renamed
    assert WORDS["tenant"] == "store_id"


@pytest.fixture(scope="module")
def app():
    with AsyncEvents({}) as events:
        yield create_app(events.runtime)


@pytest.fixture(scope="module")
def document(app):
    return app.openapi_schema.to_schema()


def test_every_route_is_there_and_no_other(document):
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert set(ROUTES) == described


def test_each_with_its_resource(app):
    found = {}
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            for method in handler.http_methods - {"OPTIONS"}:
                found[method, route.path_format] = handler.opt.get("resource")
    assert {key: found[key] for key in ROUTES} == ROUTES


def test_every_field_is_there(document):
    fields = {
        name
        for schema in document["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    assert len(fields) > 80
    assert not [name for name in sorted(fields) if f"`{name}`" not in PAGE]


def test_every_parameter_is_there(document):
    names = {
        parameter["name"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] != "path"
    }
    assert {"limit", "before", "Idempotency-Key"} <= names
    assert not [name for name in sorted(names) if name not in PAGE]


def test_every_status_is_there(document):
    statuses = {
        status
        for operations in document["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
        if status >= "4"
    }
    table = PAGE[PAGE.index("| status | |") :]
    documented = set(re.findall(r"\b(4\d\d|5\d\d)\b", table))
    assert documented == statuses | {"405"}


def test_every_condition_is_there():
    assert not [name for name in CONDITIONS if f"`{name}`" not in PAGE]
