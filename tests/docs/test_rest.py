"""The page about the REST API against its OpenAPI document and its routes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from litestar.routes import HTTPRoute

from asyncevents_core import AsyncEvents
from asyncevents_core.web import create_app
from asyncevents_core.web.api.criteria.parsing import CONDITIONS

PAGE = (Path(__file__).parents[2] / "docs/reference/rest.md").read_text()
ROUTES = {
    (method, path): resource
    for method, path, resource in re.findall(
        r"^\| `([A-Z]+) (/rest/V1/[^`]*)` \| `([a-z.]+)` \|", PAGE, re.MULTILINE
    )
}


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
