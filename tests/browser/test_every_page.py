"""Every page, full and empty, light and dark, wide and narrow: nothing serious is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.pages import EMPTY, PAGES, SCHEMES, WIDTHS, filled
from tests.browser.world import World, visits, worlds

SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def places(world: World) -> Mapping[str, object]:
    return filled(world)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds(tmp_path_factory.mktemp("empty")) as made:
        yield made


def look(browser: Browser, world: World, path: str) -> None:
    """Look at a page in every way; complain about all that is wrong with it."""
    wrong = []
    for scheme in SCHEMES:
        for width in WIDTHS:
            options = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
            with visits(browser, world.api.address, **options) as one:
                one.sign_in(world, "all")
                one.go(path)
                one.page.wait_for_load_state("networkidle")
                wider = one.page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if wider > 0:
                    wrong.append(f"{scheme} {width}: it is {wider} px too wide")
                wrong += [
                    f"{scheme} {width}: {found['id']}: {node['html'][:200]}"
                    for found in Axe().run(one.page).response["violations"]
                    if found["impact"] in SERIOUS
                    for node in found["nodes"]
                ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", PAGES)
def test_filled(browser, world, places, name):
    look(browser, world, PAGES[name].format_map(places))


@pytest.mark.parametrize("name", EMPTY)
def test_empty(browser, empty, name):
    look(browser, empty, PAGES[name])


@pytest.mark.parametrize("path", ["/sign-in", "/nothing"])
def test_for_everybody(browser, world, path):
    with visits(browser, world.api.address) as one:
        one.go(path)
        found = Axe().run(one.page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in SERIOUS] == []
        if path == "/nothing":
            one.problems.clear()  # the console tells of the status 404
