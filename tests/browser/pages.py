"""All pages to look at, and a world with something on each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice, product
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from playwright.sync_api import Browser

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.engine.replaying.jobs import count_job, start_job
from tests.browser.history import Way, histories
from tests.browser.world import Visit, World, visits

CORPUS: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "github-events.jsonl"
"""Payloads of real webhooks, where somebody has put them beside the checkout."""

PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dashboard": "/",
        "events": "/events",
        "deliveries": "/deliveries?state=held",
        "event": "/events/{event}",
        "failed-event": "/events/{failed}",
        "subscriptions": "/subscriptions",
        "subscription": "/subscriptions/{subscription}",
        "new-subscription": "/subscriptions/new?sink=shelf",
        "delete-subscription": "/subscriptions/{subscription}/delete",
        "logs": "/logs",
        "search": "/logs?search=success:false",
        "wrong-search": "/logs?search=success:(false",
        "trace": "/traces/{trace}",
        "dead-letters": "/dead-letters",
        "replays": "/replays",
        "replay": "/replays/{replay}",
        "event-definitions": "/event-definitions",
        "event-definition": "/event-definitions/order.secret",
        "configuration": "/configuration",
        "plugins": "/plugins",
        "tokens": "/tokens",
        "token-for-an-hour": "/tokens/hour",
        "people": "/users",
        "password": "/password",
        "problems": "/problems",
        "audit": "/audit",
    }
)

EMPTY: Final = tuple(name for name, path in PAGES.items() if "{" not in path)
"""The pages that are there before anything has happened."""
LOOKS: Final = tuple(product(("light", "dark"), (400, 1600)))
"""How one looks at pages: the scheme of colours, and the width of a phone or a desk in pixels."""

Eyes = Mapping[str, Visit]
"""Browsers in which somebody is signed in, by how they look at pages: "light-400"."""

_HOUR: Final = 3_600


@contextmanager
def opened(browser: Browser, world: World) -> Iterator[Eyes]:
    """Open a browser for each way to look at pages."""
    with ExitStack() as stack:
        eyes = {}
        for scheme, width in LOOKS:
            options = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
            one = stack.enter_context(visits(browser, world.api.address, **options))
            one.sign_in(world, "all")
            eyes[f"{scheme}-{width}"] = one
        yield eyes


def filled(world: World, events: int = 200) -> Mapping[str, object]:
    """Fill a world as a shop has been running for an hour; return what pages are about."""
    api, target = world.api, world.target
    numbers = [api.subscribe(target=target, tenant=None if n % 3 else "acme") for n in range(12)]
    numbers += [api.subscribe("order.secret", target=target) for _ in range(3)]
    api.switch(numbers[0], "disable")
    last: list[object] = []
    with histories(world) as history:
        chance = history.chance
        for data in islice(cycle(_payloads()), events):
            arrives = chance.random() < 0.9
            failures = chance.choice([0, 0, 0, 0, 1, 3]) if arrives else 6
            way = Way(
                subscription_id=chance.choice(numbers),
                target=target,
                failures=failures,
                arrives=arrives,
            )
            last = history.write("order.created", data, chance.randrange(60, _HOUR), [way])
        held = Way(subscription_id=numbers[0], target=target, failures=1, arrives=False, held=True)
        for data in islice(_payloads(), 5):
            history.write("order.created", data, chance.randrange(60, _HOUR), [held])
    failed = api.fail(error="LookupError: there is no order 4711")
    api.token("view", "logs")
    api.user("logs", "view", name="ben", tenant="acme")
    replay = _replayed(world)
    world.wait_for_index()
    event, trace = last
    return {
        "event": event,
        "trace": trace,
        "failed": failed,
        "subscription": numbers[1],
        "replay": replay,
    }


def _replayed(world: World) -> UUID:
    """Let somebody replay all dead letters; return the id of the replay when it is over."""
    ledger = world.api.ledger
    wanted, total = count_job(ledger, DeadFilter(reason=DeadReason.EXHAUSTED))
    operator = Actor.trusted("user ann")
    job = start_job(ledger, wanted, total=total, rate=100.0, by=operator)

    def is_over() -> bool:
        found = ledger.read(lambda view: view.replays.job(job.id))
        return found is not None and found.is_over

    world.wait(is_over)
    return job.id


def _payloads() -> Iterator[Any]:
    """Return payloads: of the corpus, where it is there."""
    if CORPUS.exists():
        with CORPUS.open() as lines:
            return iter([json.loads(line) for line in islice(lines, 50)])
    return iter([{"increment_id": f"CK{n}", "total": n * 1.5, "items": ["a", "b"]} for n in (1, 2)])
