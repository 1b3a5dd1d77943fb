"""All ways to sign in, as a browser sees them, and what is offered to those who may do little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.world import Visit, World, visits
from tests.conftest import skip_unless_present
from tests.services.needs import OPENID
from tests.services.openid_provider import OpenId
from tests.web.serving import Api, serving

GROUPS = {"staff": {"resources": ["view"]}}
PROXY = {
    "WEB_PROXY_USER_HEADER": "X-Forwarded-User",
    "WEB_PROXY_GROUPS_HEADER": "X-Forwarded-Groups",
    "WEB_PROXY_ADDRESSES": ["127.0.0.1"],
    "WEB_GROUPS": GROUPS,
}
GUESSES = 10


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Api]]:
    """A function that serves the pages with settings."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(serving(tmp_path, **settings))


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenId]:
    skip_unless_present(OPENID)
    server = OpenId()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def navigation(page: Page) -> list[str]:
    return page.get_by_role("navigation", name="Pages", exact=True).locator("a").all_inner_texts()


# -- ways to sign in --------------------------------------------------------------------------


def test_by_a_proxy(browser: Browser, serve):
    api = serve(**PROXY)
    headers = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "staff"}
    with visits(browser, api.address, extra_http_headers=headers) as one:
        one.go("/subscriptions?status=enabled")
        page = one.page
        # Nobody was asked for a password.
        expect(page.get_by_role("heading", name="Subscriptions")).to_be_visible()
        assert page.url.endswith("/admin/subscriptions?status=enabled")
        expect(page.get_by_text("ann", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Change password")).to_have_count(0)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="You are signed out here")).to_be_visible()
        page.get_by_role("link", name="Sign in again").click()
        expect(page.get_by_role("heading", name="Subscriptions")).to_be_visible()


def test_by_a_proxy_without_a_group_of_ours(browser: Browser, serve):
    api = serve(**PROXY)
    headers = {"X-Forwarded-User": "eve", "X-Forwarded-Groups": "others"}
    with visits(browser, api.address, extra_http_headers=headers) as one:
        one.go("/")
        expect(one.page.get_by_role("alert")).to_contain_text("nothing that eve may do here")
        expect_status(one, 403)


def test_by_openid_connect(browser: Browser, serve, provider: OpenId):
    api = serve(WEB_GROUPS=GROUPS, WEB_OPENID=openid(provider))
    with visits(browser, api.address, provider=provider.issuer) as one:
        one.go("/subscriptions?status=enabled")
        page = one.page
        page.get_by_role("link", name="Sign in with your organisation").click()
        at_provider(page, "ann", provider)
        one.problems.clear()  # The provider's own page asks for a font.
        expect(page.get_by_role("heading", name="Subscriptions")).to_be_visible()
        assert page.url == f"{api.address}/admin/subscriptions?status=enabled"
        assert navigation(page) == ["Subscriptions", "Event definitions"]
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status")).to_have_text("You are signed out.")


def test_by_openid_connect_without_a_group_of_ours(browser: Browser, serve, provider: OpenId):
    api = serve(WEB_GROUPS=GROUPS, WEB_OPENID=openid(provider))
    with visits(browser, api.address, provider=provider.issuer) as one:
        one.go("/")
        one.page.get_by_role("link", name="Sign in with your organisation").click()
        at_provider(one.page, "ben", provider)
        expect(one.page.get_by_role("alert")).to_contain_text("nothing that ben may do here")
        one.problems.clear()


def openid(provider: OpenId) -> dict[str, Any]:
    return {
        "issuer": provider.issuer,
        "client_id": "public",
        "scopes": ["openid", "profile", "groups"],
    }


def at_provider(page: Page, name: str, provider: OpenId) -> None:
    """Do what people do at the provider, until it sends them back."""
    page.wait_for_url(f"{provider.issuer}/**")
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/admin/**")


def test_after_wrong_passwords_one_has_to_wait(browser: Browser, serve):
    api = serve()
    name = api.user("logs")
    with visits(browser, api.address) as one:
        one.go("/logs")
        alert = one.page.get_by_role("alert")
        # Each wrong password doubles the time until the next one is heard.
        for _ in range(GUESSES):
            one.enter(name, "not the password")
            one.page.wait_for_load_state()
            if "oo many tries" in alert.inner_text():
                break
        expect(alert).to_contain_text("Too many tries: wait")
        # The name is there again, and no password.
        expect(one.page.get_by_label("Name")).to_have_value(name)
        expect(one.page.get_by_label("Password")).to_have_value("")
        assert one.page.context.cookies() == []
        expect_status(one, 422, 429)


def expect_status(one: Visit, *statuses: int) -> None:
    """Expect that the console tells of these statuses and of nothing else."""
    wrong = [
        problem
        for problem in one.problems
        if not any(f"responded with a status of {status}" in problem for status in statuses)
    ]
    assert one.problems
    assert not wrong, wrong
    one.problems.clear()


# -- what is offered --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def places(world: World) -> tuple[int, Any]:
    """A subscription, and a delivery to it."""
    number = world.api.subscribe(target=world.target)
    return number, world.api.deliver(number)


def test_to_somebody_who_may_see_the_log(visit, places):
    one: Visit = visit("logs")
    page, (number, delivery) = one.page, places
    one.go("/")
    assert navigation(page) == ["Dashboard", "Events", "Log", "Dead letters", "Replays"]
    one.go(f"/logs?subscription_id={number}&columns=subscription_id&columns=uuid")
    expect(page.locator("#rows").get_by_role("link", name="Trace")).to_have_count(1)
    expect(page.locator("#rows").get_by_role("link", name=str(number), exact=True)).to_have_count(0)
    one.go(f"/traces/{delivery}")
    expect(page.get_by_role("button", name="Replay")).to_be_visible()
    expect(page.get_by_role("link", name=str(number), exact=True)).to_have_count(0)
    one.go("/subscriptions")
    expect(page.locator("main")).to_contain_text("view")
    expect_status(one, 403)


def test_to_somebody_who_may_look_only(visit, places):
    one: Visit = visit("logs.list", "logs.trace")
    _, delivery = places
    one.go("/")
    assert navigation(one.page) == ["Dashboard", "Events", "Log", "Dead letters"]
    one.go(f"/traces/{delivery}")
    expect(one.page.locator("#payload")).to_be_visible()
    expect(one.page.get_by_role("button", name="Replay")).to_have_count(0)
    one.go("/dead-letters")
    expect(one.page.get_by_text("Replay all of these")).to_have_count(0)


def test_to_somebody_who_may_see_subscriptions(visit, places):
    one: Visit = visit("view")
    page, (number, _) = one.page, places
    one.go("/")
    # There is no dashboard for them: they are led to the first page that they may see.
    expect(page.get_by_role("heading", name="Subscriptions")).to_be_visible()
    assert navigation(page) == ["Subscriptions", "Event definitions"]
    expect(page.get_by_role("cell", name=str(number), exact=True)).to_be_visible()
    for name in ("New subscription", str(number)):
        expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    for name in ("Enable chosen", "Disable chosen"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("checkbox")).to_have_count(0)
    one.go("/event-definitions")
    expect(page.get_by_role("link", name="Show").first).to_be_visible()
    expect(page.get_by_role("link", name="Subscribe", exact=True)).to_have_count(0)
    one.go("/logs")
    expect(page.locator("main")).to_contain_text("logs.list")
    expect_status(one, 403)
