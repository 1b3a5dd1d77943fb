"""Every page, full and empty, light and dark, wide and narrow: nothing serious is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from asyncevents_core.web.pages.frame import ENTRIES
from tests.browser.pages import EMPTY, LOOKS, PAGES, Eyes, filled, opened
from tests.browser.world import World, visits, worlds

SERIOUS = {"serious", "critical"}
EXAMINED = {"light-1600", "dark-400"}
"""Each scheme and each width once: rules about colours ask for the one, others for the other."""


@pytest.fixture(scope="module")
def full(browser: Browser, world: World) -> Iterator[tuple[Eyes, Mapping[str, object]]]:
    places = filled(world)
    with opened(browser, world) as eyes:
        yield eyes, places


@pytest.fixture(scope="module")
def empty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eyes]:
    with worlds(tmp_path_factory.mktemp("empty")) as made, opened(browser, made) as eyes:
        yield eyes


def look(eyes: Eyes, path: str) -> None:
    """Look at a page in every way; complain about all that is wrong with it."""
    wrong = []
    for how, one in eyes.items():
        one.go_and_wait(path)
        wider = one.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if wider > 0:
            wrong.append(f"{how}: it is {wider} px too wide")
        if how in EXAMINED:
            wrong += [
                f"{how}: {found['id']}: {node['html'][:200]}"
                for found in Axe().run(one.page).response["violations"]
                if found["impact"] in SERIOUS
                for node in found["nodes"]
            ]
        wrong += [f"{how}: {problem}" for problem in one.problems]
        one.problems.clear()
    assert not wrong, "\n".join(wrong)


def test_the_whole_navigation_is_looked_at():
    assert {one.path for one in ENTRIES} <= set(PAGES.values())


def test_each_scheme_and_each_width_is_examined():
    looks = {f"{scheme}-{width}" for scheme, width in LOOKS}
    assert looks >= EXAMINED
    assert {part for one in EXAMINED for part in one.split("-")} == {
        part for one in looks for part in one.split("-")
    }


@pytest.mark.parametrize("name", PAGES)
def test_filled(full, name):
    eyes, places = full
    look(eyes, PAGES[name].format_map(places))


@pytest.mark.parametrize("name", EMPTY)
def test_empty(empty, name):
    look(empty, PAGES[name])


@pytest.mark.parametrize("path", ["/sign-in", "/nothing"])
def test_for_everybody(browser, world, path):
    with visits(browser, world.api.address) as one:
        one.go(path)
        found = Axe().run(one.page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in SERIOUS] == []
        if path == "/nothing":
            one.problems.clear()  # the console tells of the status 404
