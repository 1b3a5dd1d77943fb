"""The way to a replay without a mouse, and with what is focused to be seen."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.world import Visit, World
from tests.web.serving import PASSWORD

_MOST_TABS = 80


def tab_to(page: Page, role: str, name: str) -> None:
    """Press Tab until something of that role and name has the focus, which has to be visible."""
    page.wait_for_load_state()
    wanted = page.get_by_role(role, name=name, exact=True).first
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            style = "one => getComputedStyle(one).outlineStyle"
            assert wanted.evaluate(style) != "none", f"the focus of {name} is not seen"
            return
    raise AssertionError(f"{role} {name} is not reached")


def test_from_signing_in_to_a_replay(world: World, visit):
    one: Visit = visit()
    page = one.page
    name = world.api.user("all")
    delivery = world.api.deliver(world.api.subscribe())
    one.go("/logs")
    tab_to(page, "textbox", "Name")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Log", exact=True)).to_be_visible()
    # What is seen already may not listen to keys yet.
    page.wait_for_load_state()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    expect(page.get_by_label("Search in Lucene's syntax")).to_be_focused()
    one.go(f"/traces/{delivery}")
    tab_to(page, "button", "Replay")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Sent again")


def test_a_subscription_is_made_and_disabled(world: World, visit):
    one: Visit = visit("all")
    page = one.page
    one.go("/subscriptions")
    tab_to(page, "link", "New subscription")
    page.keyboard.press("Enter")
    tab_to(page, "combobox", "Event")
    page.keyboard.type("order.created")
    page.keyboard.press("Tab")  # the sink
    page.keyboard.press("Tab")
    page.keyboard.type(world.target)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Subscribed")).to_be_visible()
    tab_to(page, "link", "To the subscription")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^Subscription"))).to_be_visible()
    tab_to(page, "button", "Disable")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Disable 1 subscription?")).to_be_visible()
    tab_to(page, "button", "Disable")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("1 subscription disabled.")
