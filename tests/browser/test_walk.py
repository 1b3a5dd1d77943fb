"""The whole way through the pages, as an operator and as somebody on support go it."""

from __future__ import annotations

import csv
import re

import pytest
from playwright.sync_api import expect

from asyncevents_core.domain.subscription import SubscriptionStatus
from tests.browser.world import Visit, World

PHONE = {"viewport": {"width": 400, "height": 800}, "has_touch": True}


def menu(one: Visit, title: str) -> None:
    """Open a page from the navigation, which is folded on a phone."""
    # Before that its script has not folded it yet.
    one.page.wait_for_load_state("load")
    link = one.page.get_by_role("link", name=title, exact=True)
    if not link.is_visible():
        one.page.get_by_text("Menu", exact=True).click()
    link.click()


def subscribe(one: Visit, target: str) -> int:
    """Make a subscription with the form; return its id."""
    page = one.page
    if page.url == "about:blank":
        one.go("/")
    menu(one, "Subscriptions")
    page.get_by_role("link", name="New subscription").click()
    page.get_by_label("Event", exact=True).fill("order.created")
    page.get_by_label("Target").fill(target)
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", name="The secret")).to_be_visible()
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("whsec_")
    page.get_by_role("link", name="To the subscription").click()
    return int(page.url.rpartition("/")[2])


@pytest.mark.parametrize("device", [{}, PHONE], ids=["desk", "phone"])
def test_from_signing_in_to_a_replay(world: World, visit, device):
    one: Visit = visit(**device)
    page = one.page
    one.go("/logs?success=true")
    # Signing in leads to what was asked for.
    one.enter(world.api.user("all"))
    expect(page.get_by_role("heading", name="Log", exact=True)).to_be_visible()
    assert page.url.endswith("/admin/logs?success=true")

    number = subscribe(one, f"{world.target}/{len(device)}")
    order = f"CK{number}00"
    world.publish({"increment_id": order, "note": "<script>alert(1)</script>"})
    menu(one, "Log")
    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.locator("#rows").get_by_role("link", name="Trace").first).to_be_visible()

    one.go("/logs")
    page.get_by_label("Search in Lucene's syntax").fill(f"data.data.increment_id:{order}")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/logs?search=*")
    found = page.locator("#rows").get_by_role("link", name="Trace")

    def is_found() -> bool:
        # A worker indexes it within a second or so.
        page.reload()
        return found.count() > 0

    world.wait(is_found)
    found.first.click()
    expect(page.get_by_role("heading", name=re.compile("Delivered"))).to_be_visible()
    expect(page.locator("#payload")).to_contain_text(order)
    expect(page.locator("#payload")).to_contain_text("<script>alert(1)</script>")

    before = len(world.arrivals)
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("status")).to_contain_text("Sent again")
    world.wait(lambda: len(world.arrivals) > before)
    assert world.arrivals[-1].data["increment_id"] == order
    page.get_by_role("link", name="asyncevents").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_many_are_disabled_at_once(world: World, visit):
    one: Visit = visit("all")
    numbers = [world.api.subscribe("order.secret") for _ in range(3)]
    one.go("/subscriptions?event_name=order.secret")
    page = one.page
    page.get_by_label("Choose all on this page").check()
    page.get_by_role("button", name="Disable chosen").click()
    expect(page.get_by_role("heading", name="Disable 3 subscriptions?")).to_be_visible()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("status")).to_have_text("3 subscriptions disabled.")
    assert "event_name=order.secret" in page.url
    view = world.api.ledger.read(lambda view: [view.subscriptions.get(n).status for n in numbers])
    assert set(view) == {SubscriptionStatus.DISABLED}
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", name="Subscriptions")).to_be_visible()


def test_maximum_deaths_are_obeyed_at_once(world: World, visit):
    one: Visit = visit("all")
    page = one.page
    one.go("/configuration")
    page.get_by_label("Maximum deaths").fill("0")
    section = page.locator("section", has_text="Maximum deaths")
    section.get_by_role("button", name="Set").click()
    expect(page.get_by_role("status")).to_contain_text("Maximum deaths is changed")
    expect(section).to_contain_text("Set by user")
    number = subscribe(one, f"{world.target}/broken")
    world.broken.add("orders")
    try:
        world.publish({"increment_id": f"DEAD{number}"})
        one.go(f"/dead-letters?subscription_id={number}")

        def is_dead() -> bool:
            page.reload()
            return page.get_by_role("link", name=re.compile("Dead Lettered")).count() == 1

        world.wait(is_dead)
    finally:
        world.broken.clear()
        one.go("/configuration")
        section.get_by_role("button", name="Back to 5").click()
        expect(page.get_by_role("status")).to_contain_text("as the settings say again")
    one.go(f"/dead-letters?subscription_id={number}")
    page.get_by_role("link", name="Replay all of these").click()
    expect(page.get_by_role("heading", name="Replay 1 dead letter?")).to_be_visible()
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("#job")).to_contain_text("Done")
    expect(page.locator("#job")).to_contain_text(re.compile(r"Sent again\s*1"))


def test_the_csv_has_what_the_page_finds(world: World, visit, tmp_path):
    one: Visit = visit("logs")
    number = world.api.subscribe()
    for _ in range(3):
        world.api.deliver(number)
    one.go(f"/logs?subscription_id={number}")
    shown = one.page.locator("#rows td[data-label=ID]").all_inner_texts()
    with one.page.expect_download() as download:
        one.page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "log.csv")
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [row["log_id"] for row in rows] == shown
    assert len(rows) == 3


def test_a_secret_is_replaced(world: World, visit):
    one: Visit = visit("all")
    number = world.api.subscribe()
    before = world.api.ledger.read(lambda view: view.subscriptions.get(number)).secret
    one.go(f"/subscriptions/{number}")
    one.page.get_by_role("link", name="Replace the secret").click()
    one.page.get_by_role("button", name="Replace the secret").click()
    expect(one.page.get_by_role("heading", name="The secret is replaced")).to_be_visible()
    assert world.api.ledger.read(lambda view: view.subscriptions.get(number)).secret != before


def test_the_form_asks_for_what_the_sink_wants(visit):
    one: Visit = visit("all")
    one.go("/subscriptions/new")
    expect(one.page.get_by_label("Secret", exact=True)).to_be_visible()
    one.page.get_by_label("Sink").select_option("shelf")
    expect(one.page.get_by_label("Weight")).to_be_visible()
    expect(one.page.get_by_label("Secret", exact=True)).to_have_count(0)


def test_a_test_event_and_its_outcome(world: World, visit):
    one: Visit = visit("all")
    number = subscribe(one, f"{world.target}/test")
    one.page.get_by_label("Data of the event, in JSON").fill('{"hello": "there"}')
    one.page.get_by_role("button", name="Send").click()
    expect(one.page.get_by_role("status")).to_contain_text("on its way")

    def is_delivered() -> bool:
        one.page.reload()
        return one.page.get_by_role("heading", name=re.compile("^Delivered")).count() == 1

    world.wait(is_delivered)
    expect(one.page.locator("#payload")).to_contain_text("hello")
    assert str(number) in one.page.locator("dl").first.inner_text()


def test_fields_are_offered_while_a_search_is_typed(visit):
    one: Visit = visit("logs")
    one.go("/logs")
    box = one.page.get_by_label("Search in Lucene's syntax")
    box.press_sequentially("success:false AND subs")
    offered = one.page.locator("#fields option").evaluate_all("all => all.map(one => one.value)")
    assert offered == ["success:false AND subscription_id:"]


def test_bars_lead_to_their_part_of_the_log(world: World, visit):
    one: Visit = visit("logs")
    number = world.api.subscribe()
    world.api.deliver(number, started_at=1_700_000_000_000_000)
    one.go(f"/logs?subscription_id={number}&since=2023-11-14T00:00&until=2023-11-16T00:00")
    bar = one.page.locator("#by-time svg a").first
    bar.click()
    expect(one.page.locator("#rows").get_by_role("link", name="Trace")).to_have_count(1)
    assert "since=2023-11-14T" in one.page.url
