"""A browser for all tests, and a world for each module of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.world import Visit, World, visits, worlds
from tests.conftest import skip_unless_present
from tests.services.needs import CHROMIUM, find_program
from tests.web.serving import PASSWORD


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    skip_unless_present(CHROMIUM)
    with sync_playwright() as playwright:
        # Tests run as root in containers, where its sandbox is not to be had.
        made = playwright.chromium.launch(
            executable_path=find_program("chromium"), args=["--no-sandbox"]
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def visit(browser: Browser, world: World) -> Iterator[Callable[..., Visit]]:
    """A function that opens a browser; with resources somebody is signed in who has these."""
    with ExitStack() as stack:

        def make(*resources: str, tenant: str | None = None, **options: Any) -> Visit:
            one = stack.enter_context(visits(browser, world.api.address, **options))
            if resources:
                text, _ = world.api.session(*resources, tenant=tenant)
                cookie = {"name": "asyncevents_session", "value": text, "url": world.admin}
                one.context.add_cookies([cookie])
            return one

        yield make


@pytest.fixture
def sign_in(world: World) -> Callable[[Visit, str], None]:
    """A function that signs somebody in as people do: by name and password."""

    def do(one: Visit, name: str) -> None:
        one.page.get_by_label("Name").fill(name)
        one.page.get_by_label("Password").fill(PASSWORD)
        one.page.get_by_role("button", name="Sign in", exact=True).click()

    return do
