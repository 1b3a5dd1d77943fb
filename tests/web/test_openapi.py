"""The OpenAPI document, and whatever a client makes of it: schemathesis sends what it allows."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from asyncevents_core.domain.delivery import DeliveryState
from tests.web.serving import Api, serving
from tests.web.test_access import TABLE

DOCUMENT = "/rest/docs/openapi.json"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    ignored_auth,
]

MOST = int(os.environ.get("ASYNCEVENTS_TEST_EXAMPLES", "25"))
LIMITS = settings(
    max_examples=MOST,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def as_documented(path: str) -> str:
    return "/rest/V1" + path.replace(":int", "").replace(":uuid", "")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("openapi")) as api:
        for tenant in (None, "7"):
            number = api.subscribe(tenant=tenant)
            api.deliver(number)
            api.deliver(number, state=DeliveryState.DEAD)
        yield api


@pytest.fixture(scope="module")
def token(served: Api) -> str:
    return served.token("all")


@pytest.fixture(scope="module")
def document(served: Api) -> dict[str, Any]:
    return httpx.get(f"{served.address}{DOCUMENT}", timeout=60).json()


@pytest.fixture(scope="module")
def schema(served: Api, document: dict[str, Any]) -> schemathesis.BaseSchema:
    loaded = schemathesis.openapi.from_dict(document)
    loaded.config.update(base_url=served.address)
    return loaded


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), TABLE)
def test_whatever_clients_send(schema, token, method, path, mode) -> None:
    operation = schema[as_documented(path)][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @LIMITS
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    check()


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["tags"], where
            if path.endswith("/jwks.json"):
                # Public keys are for everybody.
                assert not operation.get("security"), where
                continue
            assert operation["security"] == [{"token": []}], where
            assert {"401", "403", "503"} <= set(operation["responses"]), where


def test_a_body_is_described_by_its_fields(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    fields = schemas["AsyncEventInput"]["properties"]
    assert {"event_name", "recipient_url", "verification_token", "metadata"} <= set(fields)
    assert schemas["AsyncEventRequest"]["required"] == ["asyncEvent"]


def test_examples_are_bodies_that_are_taken(api: Api, document: dict[str, Any]) -> None:
    client = api.client("all")
    numbers = [api.subscribe(), api.subscribe()]
    assert numbers == [1, 2]
    bodies = 0
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            if "requestBody" not in operation:
                continue
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schema = document["components"]["schemas"][reference.rpartition("/")[2]]
            (example,) = schema["examples"]
            text = json.dumps(example).replace("sales.order.created", "order.created")
            url = api.address + path.replace("{subscription_id}", "1")
            answer = client.request(method, url, content=text)
            assert answer.is_success, (path, answer.text)
            bodies += 1
    assert bodies >= 7
    assert all(one["description"] for one in document["components"]["schemas"].values())


@pytest.mark.parametrize("path", ["/rest/docs", "/rest/docs/"])
def test_the_page_loads_nothing_from_elsewhere(served: Api, path: str) -> None:
    page = httpx.get(f"{served.address}{path}", timeout=60)
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|style=|<script>|\son\w+=", page.text)
    links = set(re.findall(r'(?:href|src)="([^"]+)"', page.text))
    loaded = {urlsplit(link).path.rpartition("/")[2] for link in links if "?v=" in link}
    assert loaded == {
        "icon.svg", "swagger-ui.css", "colours.css", "docs.css", "swagger-ui-bundle.js", "docs.js"
    }  # fmt: skip
    for link in links:
        address = urljoin(str(page.url), link)
        assert address.startswith(f"{served.address}/")
        found = httpx.get(address, timeout=60, follow_redirects=True)
        assert found.status_code == 200
        assert ("immutable" in found.headers["cache-control"]) is ("?v=" in link)


@pytest.mark.parametrize("pages", [True, False])
def test_the_page_leads_to_the_pages_where_there_are_any(serve, pages: bool) -> None:
    api = serve(WEB_PAGES=pages)
    found = httpx.get(f"{api.address}/rest/docs", timeout=60).text
    assert ("Back to the pages" in found) is pages
    assert ("Make a token" in found) is pages
    assert "openapi.json" in found


def test_what_is_wrong_with_a_field_has_a_word_of_its_own(document: dict[str, Any]) -> None:
    """A `reason` is why something is a dead letter."""
    assert set(document["components"]["schemas"]["FieldError"]["properties"]) == {
        "field",
        "message",
    }
