"""The page for support staff: its steps work as they are written, its labels are on the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from asyncevents_core.domain.delivery import DeliveryState, summary
from asyncevents_core.domain.replay import DeadFilter
from tests.browser.shop import EVENT, ORDER, SETTINGS, placed
from tests.browser.world import Visit, World, visits, worlds

PAGE = Path(__file__).parents[2] / "docs/how-to/use-the-pages.md"
STEP = re.compile(r"^(\d+)\. (.+?)(?=^\d+\. |^#|^$|\Z)", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"Sign in with your organisation"}
"""Labels of pages that this world does not have; `test_signing_in` has them."""


def labels(text: str) -> list[str]:
    return [" ".join(found.split()) for found in re.findall(r"\*\*(.+?)\*\*", text, re.DOTALL)]


STEPS = {int(number): text for number, text in STEP.findall(PAGE.read_text())}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("how-to")
    with worlds(folder, **SETTINGS, MAXIMUM_DEATHS=0) as made:
        yield made


@pytest.fixture
def ann(browser: Browser, world: World) -> Iterator[Visit]:
    """Somebody on support, who has not signed in."""
    with visits(browser, world.api.address) as one:
        one.go("/")
        yield one


class Reader:
    """Does what the steps say, and keeps the text of each page on the way."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seen: list[str] = []
        self._step = 0

    def reads(self, number: int, *expected: str) -> None:
        """Go on with a step; these labels have to be in it."""
        assert number == self._step + 1
        self._step = number
        assert set(expected) <= set(labels(STEPS[number])), STEPS[number]
        self.look()

    def look(self) -> None:
        """Keep what is on the page, in what is folded, too, and what fields are called."""
        self.seen.append(self.page.locator("body").text_content() or "")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()


def test_the_steps_in_their_order(world: World, ann: Visit):
    page, reader = ann.page, Reader(ann.page)
    number = world.api.subscribe(EVENT, target=world.target)
    world.broken.add("orders")
    for order in (ORDER, ORDER + 1):
        world.publish(placed(order), EVENT)
    world.wait(
        lambda: world.api.ledger.read(lambda view: view.dead_letters.count(DeadFilter())) == 2
    )
    world.wait_for_index()
    world.broken.clear()

    reader.reads(1, "Name", "Password", "Sign in")
    ann.enter(world.api.user("logs", "view", "get", name="ann"))
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    reader.reads(2, "Dashboard", "Failing subscriptions")
    reader.reads(3, "Log", "Menu")
    reader.choose("Log")
    reader.reads(4, "Search in Lucene's syntax", "Search", "Examples and fields")
    (query,) = re.findall(r"`(data\.data\.\S+:\d+)`", STEPS[4])
    page.get_by_label("Search in Lucene's syntax").fill(query)
    reader.press("Search")
    expect(page.get_by_text("1 found.")).to_be_visible()
    reader.reads(5, "Fate", "Trace")
    reader.choose("Trace")
    expect(page.get_by_role("heading", name=re.compile("^Dead Lettered"))).to_be_visible()
    expect(page.locator("#payload")).to_contain_text(f"{placed(ORDER)['customer_email']}")
    reader.reads(6, "Replay")
    reader.press("Replay")
    reader.reads(7, "Delivered")

    def is_delivered() -> bool:
        page.reload()
        return page.get_by_role("heading", name=re.compile("^Delivered")).count() == 1

    world.wait(is_delivered)
    reader.reads(8, "Dead letters", "Subscription", "Filter")
    reader.choose("Dead letters")
    page.get_by_label("Subscription").fill(str(number))
    reader.press("Filter")
    expect(page.get_by_role("link", name=re.compile("^Dead Lettered"))).to_have_count(1)
    reader.reads(9, "Replay all of these", "Replay")
    reader.choose("Replay all of these …")
    expect(page.get_by_role("heading", name="Replay 1 dead letter?")).to_be_visible()
    reader.press("Replay")
    expect(page.locator("#job")).to_contain_text(re.compile(r"Sent again\s*1"))
    reader.reads(10, "Sent again", "Replays")
    assert max(STEPS) == 10
    world.wait(lambda: len(world.arrivals) == 4)  # two that failed, two that arrived

    wanted = set(labels(PAGE.read_text())) - ELSEWHERE
    seen = " ".join(" ".join(reader.seen).split())
    assert [one for one in wanted if one not in seen] == []


@pytest.mark.parametrize(
    ("state", "deaths"),
    [
        (DeliveryState.DELIVERED, 0),
        (DeliveryState.DELIVERED, 2),
        (DeliveryState.DEAD, 6),
        (DeliveryState.HELD, 0),
        (DeliveryState.LEASED, 0),
        (DeliveryState.WAITING, 0),
    ],
)
def test_headings_of_traces_are_those_of_the_page(state, deaths):
    assert f"| {summary(state, deaths)} |" in PAGE.read_text()
