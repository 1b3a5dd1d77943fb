"""What the REST API and the pages say of what is in events."""

from __future__ import annotations

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.web.serving import EVENTS

SCHEMA = {
    "type": "object",
    "description": "An order, as it was placed.",
    "properties": {
        "id": {"type": "integer", "description": "Its <number>."},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
    },
    "required": ["id"],
    "$defs": {"Line": {"type": "object", "properties": {"sku": {"type": "string"}}}},
}
DESCRIBED = {
    "schema": SCHEMA,
    "examples": [{"id": 42}, {"id": 43}],
    "version": 2,
    "deprecated": "Use order.placed.",
    "sunset": "2099-01-31",
}
FORMS = ["asyncapi", "openapi", "json-schema"]


@pytest.fixture
def api(stage, tmp_path):
    events = {
        **EVENTS,
        "order.described": DESCRIBED,
        "order.secret": {**DESCRIBED, "resources": ["sales", "finance"]},
    }
    with stage.play(tmp_path, EVENTS=events) as made:
        yield made


def listed(client):
    return {one["name"]: one for one in client.get("/event_definitions").json()["items"]}


def test_a_definition_says_what_is_in_it(api):
    one = listed(api.client("view"))["order.described"]
    assert one["schema"] == SCHEMA
    assert one["examples"] == [{"id": 42}, {"id": 43}]
    assert (one["version"], one["sunset"]) == ("2", "2099-01-31")
    assert one["deprecated"] == "Use order.placed."


@pytest.mark.parametrize("resources", [["view"], ["manage"], ["view", "sales"]])
def test_who_lacks_its_resources_does_not_see_what_is_in_it(api, resources):
    client = api.client(*resources)
    one = listed(client)["order.secret"]
    assert (one["schema"], one["examples"]) == (None, [])
    for form in FORMS:
        text = client.get(f"/event_definitions/{form}.json").text
        assert "order.described" in text
        assert "order.secret" not in text


def test_who_has_its_resources_sees_it(api):
    client = api.client("view", "sales", "finance")
    assert listed(client)["order.secret"]["schema"] == SCHEMA
    for form in FORMS:
        assert "order.secret" in client.get(f"/event_definitions/{form}.json").text


def test_the_documents_are_what_they_say(api):
    client = api.client("view")
    found = {form: client.get(f"/event_definitions/{form}.json") for form in FORMS}
    assert {one.headers["content-type"] for one in found.values()} == {"application/json"}
    assert found["asyncapi"].json()["asyncapi"] == "3.0.0"
    assert list(OpenAPIV31SpecValidator(found["openapi"].json()).iter_errors()) == []
    assert "order.described" in found["json-schema"].json()["$defs"]


# -- pages ------------------------------------------------------------------------------------


@pytest.fixture
def visit(api):
    return api.visitor


def test_the_list_leads_to_a_page_for_each(api, visit):
    page = visit("view").get("/event-definitions").text
    assert "/admin/event-definitions/order.described" in page
    assert page.count(">deprecated<") == 2


def test_the_page_has_the_properties_and_the_examples(visit):
    page = visit("view").get("/event-definitions/order.described").text
    for part in (
        "An order, as it was placed.",
        "Its &lt;number&gt;.",
        "lines[].sku",
        "Use order.placed. It may be gone from 2099-01-31 on.",
        "version",
        "<h2>Examples</h2>",
    ):
        assert part.lower() in page.lower(), part
    assert json.dumps({"id": 43}, indent=2).replace('"', "&#34;") in page


def test_the_page_of_an_event_that_is_not_described_says_what_to_do(visit):
    page = visit("view").get("/event-definitions/order.created").text
    assert "Nobody has described it." in page


def test_the_page_shows_no_more_than_the_api(visit):
    page = visit("view", "sales").get("/event-definitions/order.secret").text
    assert "What is in it is not shown to you." in page
    assert "lines" not in page
    assert (
        "lines[].sku"
        in visit("view", "sales", "finance").get("/event-definitions/order.secret").text
    )


def test_there_is_no_page_of_what_is_not_defined(visit):
    assert visit("view").get("/event-definitions/order.unknown").status_code == 404
