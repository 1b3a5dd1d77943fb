"""The page that shows the REST API: Swagger UI, offline, under a strict policy, alone and mounted.

`visits` sees to it that nothing is asked of another server, and that no policy is violated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from attrs import define
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from asyncevents_core.web.app import create_app
from tests.browser.world import PATIENCE, Visit, World, visits
from tests.web.serving import running

HOUR = 3_600_000_000
ALONE = pytest.mark.parametrize("root", ["alone"], indirect=True)


@pytest.fixture(scope="module", params=["alone", "mounted"])
def root(request: pytest.FixtureRequest, world: World) -> Iterator[str]:
    """The address of the application, by itself and within another one."""
    if request.param == "alone":
        yield world.api.address
        return
    outer = Starlette(routes=[Mount("/events", app=create_app(world.api.events.runtime))])
    with running(outer) as address:
        yield f"{address}/events"


@define
class Docs:
    """The page in a browser."""

    page: Page
    root: str

    def operation(self, method: str, path: str) -> Any:
        """Open one operation; `method` in lower case."""
        named = self.page.locator(f'[data-path="{path}"]')
        found = self.page.locator(f".opblock-{method}").filter(has=named)
        found.locator(".opblock-summary-control").click()
        return found

    def execute(self, method: str, path: str) -> str:
        """Send an operation's request as it stands; return the status of the answer."""
        opened = self.operation(method, path)
        opened.get_by_role("button", name="Execute").click()
        return str(
            opened.locator(".live-responses-table .response .response-col_status").inner_text()
        )


@pytest.fixture
def open_docs(browser: Browser, world: World, root: str) -> Iterator[Callable[..., Docs]]:
    """A function that opens the page, for somebody who is signed in or for nobody."""
    with ExitStack() as stack:

        def make(*resources: str, path: str = "/rest/docs", **options: Any) -> Docs:
            one: Visit = stack.enter_context(visits(browser, root, **options))
            if resources:
                one.sign_in(world, *resources)
            one.page.goto(root + path)
            expect(one.page.locator(".opblock").first).to_be_visible(timeout=PATIENCE * 1000)
            return Docs(page=one.page, root=root)

        yield make


@pytest.mark.parametrize("path", ["/rest/docs", "/rest/docs/"])
def test_a_token_is_typed_and_a_request_sent(world: World, open_docs, path):
    docs = open_docs(path=path)
    docs.page.get_by_role("button", name="Authorize").click()
    docs.page.locator(".auth-container input").fill(world.api.token("view"))
    docs.page.locator(".auth-container").get_by_role("button", name="Apply").click()
    docs.page.keyboard.press("Escape")
    assert docs.execute("get", "/rest/V1/async_events") == "200"


def test_whoever_manages_is_given_a_token_for_an_hour(world: World, open_docs):
    docs = open_docs("manage")
    docs.page.get_by_role("link", name="Make a token for an hour").click()
    expect(docs.page.get_by_role("status")).to_contain_text("filled in")
    assert docs.execute("get", "/rest/V1/tokens") == "200"
    made = world.api.ledger.read(lambda view: view.access.tokens())[-1]
    assert made.resources == ("manage",)
    assert made.name.startswith("an hour of manage ")
    assert made.expires_at == made.created_at + HOUR


def test_whoever_is_not_signed_in_is_asked_first(open_docs):
    docs = open_docs()
    docs.page.get_by_role("link", name="Make a token for an hour").click()
    expect(docs.page.get_by_role("heading", name="Sign in to asyncevents")).to_be_visible()
    assert docs.page.url == f"{docs.root}/admin/sign-in?next=%2Ftokens%2Fhour"
    docs.page.goto(f"{docs.root}/rest/docs")
    docs.page.get_by_role("link", name="Back to the pages").click()
    expect(docs.page.get_by_role("heading", name="Sign in to asyncevents")).to_be_visible()


@ALONE
def test_bodies_begin_as_their_examples(open_docs):
    docs = open_docs()
    document = httpx.get(f"{docs.root}/rest/docs/openapi.json", timeout=60).json()
    schemas = document["components"]["schemas"]
    bodies = 0
    for path, operations in document["paths"].items():
        for method, one in operations.items():
            if "requestBody" not in one:
                continue
            reference = one["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            (example,) = schemas[reference.rpartition("/")[2]]["examples"]
            opened = docs.operation(method, path)
            shown = opened.locator(".body-param textarea").input_value()
            assert json.loads(shown) == example, path
            bodies += 1
    assert bodies >= 7


@ALONE
@pytest.mark.parametrize(
    ("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 23, 29)")]
)
def test_it_is_light_or_dark_as_the_pages_are_and_can_be_read(open_docs, scheme, paper):
    docs = open_docs(color_scheme=scheme)
    colour = "one => getComputedStyle(one).backgroundColor"
    assert docs.page.locator("body").evaluate(colour) == paper
    assert docs.page.locator("#api .swagger-ui").evaluate(colour) == paper
    assert docs.page.locator("html.dark-mode").count() == (scheme == "dark")
    docs.operation("post", "/rest/V1/async_event")
    violations = Axe().run(docs.page).response["violations"]
    faint = [one for one in violations if one["id"] == "color-contrast"]
    assert not faint, faint
    docs.page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    expect(docs.page.locator("html.dark-mode")).to_have_count(int(scheme == "light"))
