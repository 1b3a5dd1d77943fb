"""A browser for all tests, and a world for each module of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.world import Visit, World, browsers, visits, worlds
from tests.conftest import skip_unless_present
from tests.services.needs import CHROMIUM
from tests.web.serving import PASSWORD


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    skip_unless_present(CHROMIUM)
    with browsers() as made:
        yield made


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
                one.sign_in(world, *resources, tenant=tenant)
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
