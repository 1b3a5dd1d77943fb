"""What the browser's tests look at: pages, a worker, and a recipient, all real and on loopback."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from asyncevents_core.worker.assembly import WorkerOptions
from asyncevents_core.worker.beside import worker_beside
from asyncevents_http.background import running
from asyncevents_http.receiver import Arrival, Behaviour, Receiver
from tests.services.needs import CHROMIUM, find_program
from tests.web.serving import PASSWORD, Api, serving

PATIENCE = 30.0


@define
class World:
    """Pages with everything behind them. `arrivals` are the requests that the recipient got."""

    api: Api
    receiver: Receiver
    arrivals: list[Arrival] = field(factory=list)
    broken: set[str] = field(factory=set)

    @property
    def admin(self) -> str:
        return f"{self.api.address}/admin"

    @property
    def target(self) -> str:
        return f"{self.receiver.url}/orders"

    def publish(self, data: Any, event_name: str = "order.created") -> str:
        return str(self.api.events.publish(event_name, data))

    def wait(self, what: Callable[[], Any]) -> Any:
        """Wait until something is true, and return it."""
        until = time.monotonic() + PATIENCE
        while not (found := what()):
            assert time.monotonic() < until, "it did not happen"
            time.sleep(0.05)
        return found

    def wait_for_index(self) -> None:
        """Wait until the worker, which holds the index, has everything in it."""
        self.wait(lambda: not self.api.ledger.read(lambda view: view.index.backlog().waiting))


@contextlib.contextmanager
def worlds(folder: Path, **settings: Any) -> Iterator[World]:
    """Serve pages, run a worker and a recipient while the block runs."""
    world: World | None = None

    def arrived(one: Arrival) -> None:
        assert world is not None
        world.arrivals.append(one)

    def fails(delivery: str, attempt: int) -> bool:
        return world is not None and "orders" in world.broken

    receiver = Receiver(behaviour=Behaviour(fails=fails), arrived=arrived)
    allowed = {"SINKS": {"http": {"allow": ["127.0.0.0/8", "localhost"]}}}
    with running(receiver), serving(folder, **allowed, **settings) as api:
        world = World(api=api, receiver=receiver)
        with worker_beside(api.events.runtime, WorkerOptions(handle_signals=False)):
            yield world


@define
class Visit:
    """Somebody's visit to the pages in a browser; what goes wrong in it is collected."""

    page: Page
    context: BrowserContext
    own: str
    problems: list[str] = field(factory=list)

    def sign_in(self, world: World, *resources: str, tenant: str | None = None) -> None:
        """Sign in somebody who has these resources, without the page for it."""
        text, _ = world.api.session(*resources, tenant=tenant)
        cookie = {"name": "asyncevents_session", "value": text, "url": f"{self.own}/admin"}
        self.context.add_cookies([cookie])

    def enter(self, name: str, password: str = PASSWORD) -> None:
        """Sign in with a name and a password, on the page for it."""
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def go(self, path: str) -> None:
        self.page.goto(f"{self.own}/admin{path}")

    def go_and_wait(self, path: str) -> None:
        """Go to a page, and wait for the parts that it loads later."""
        self.go(path)
        expect(self.page.locator(".htmx-request")).to_have_count(0)


@contextlib.contextmanager
def browsers() -> Iterator[Browser]:
    """Start Chromium; end it after the block."""
    # Five seconds are little on a machine that does much else.
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        # Tests run as root in containers, where its sandbox is not to be had.
        made = playwright.chromium.launch(
            executable_path=find_program(CHROMIUM.programs[0]), args=["--no-sandbox"]
        )
        yield made
        made.close()


@contextlib.contextmanager
def visits(
    browser: Browser, own: str, *, provider: str | None = None, **options: Any
) -> Iterator[Visit]:
    """Open a browser for somebody; at the end nothing may have gone wrong in it.

    That is: a message on the console, an error in a script, or a request to another server than
    the pages' own and the OpenID provider. Such a request goes nowhere.
    """
    known = {urlsplit(one).netloc for one in (own, provider) if one is not None}
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    visit = Visit(page=page, context=context, own=own)

    def ask(route: Route) -> None:
        url = route.request.url
        if url.startswith("data:") or urlsplit(url).netloc in known:
            route.continue_()
        else:
            visit.problems.append(f"a request to {url}")
            route.abort()

    page.on("console", lambda message: visit.problems.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: visit.problems.append(f"script: {error}"))
    context.route("**/*", ask)
    try:
        yield visit
        assert not visit.problems, "\n".join(visit.problems)
    finally:
        context.close()
