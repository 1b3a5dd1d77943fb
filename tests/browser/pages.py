"""All pages to look at, and a world with something on each of them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import Claim, DeadReason, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.engine.replaying.jobs import count_job, start_job
from asyncevents_core.testing.builders import make_attempt, make_delivery, make_event
from tests.browser.world import World

CORPUS: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "github-events.jsonl"
"""Payloads of real webhooks, where somebody has put them beside the checkout."""

PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dashboard": "/",
        "events": "/events",
        "deliveries": "/deliveries",
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
        "configuration": "/configuration",
        "plugins": "/plugins",
        "tokens": "/tokens",
        "password": "/password",
        "problems": "/problems",
        "audit": "/audit",
    }
)

_BAD_GATEWAY: Final = (
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>"
    "</center><hr><center>nginx</center></body></html>"
)
_HOUR: Final = 3_600_000_000
_SECOND: Final = 1_000_000


def filled(world: World, deliveries: int = 200) -> Mapping[str, object]:
    """Fill a world as a shop has been running for an hour; return what pages are about."""
    api = world.api
    chance = random.Random(7)
    numbers = [api.subscribe(tenant="acme" if n % 3 == 0 else None) for n in range(12)]
    numbers += [api.subscribe("order.secret") for _ in range(3)]
    api.switch(numbers[0], "disable")
    now = time.time_ns() // 1000
    payloads = cycle(_payloads())
    last: dict[str, object] = {}
    for data in islice(payloads, deliveries):
        event, trace = _deliver(world, chance, chance.choice(numbers), data, now)
        last = {"event": event, "trace": trace}
    failed = api.fail(error="LookupError: there is no order 4711")
    wanted, total = count_job(api.ledger, DeadFilter())
    operator = Actor.trusted("user ann")
    job = start_job(api.ledger, wanted, total=total, rate=100.0, by=operator)
    api.token("view", "logs")
    # The world's worker indexes them.
    world.wait(lambda: api.ledger.read(lambda view: view.index.backlog().waiting == 0))
    return {**last, "failed": failed, "subscription": numbers[1], "replay": job.id}


def _deliver(
    world: World, chance: random.Random, number: int, data: Any, now: int
) -> tuple[UUID, UUID]:
    """Write an event that was delivered or not, with its attempts; return both ids."""
    state = chance.choice([DeliveryState.DELIVERED] * 7 + [DeliveryState.DEAD])
    arrived = state is DeliveryState.DELIVERED
    attempts = 1 if arrived and chance.random() < 0.7 else chance.randint(2, 6)
    at = now - chance.randrange(_HOUR)
    body = {
        "specversion": "1.0",
        "id": str(uuid7()),
        "type": "order.created",
        "source": "/shop",
        "data": data,
    }
    event = make_event(name="order.created", arguments=None, body=json.dumps(body).encode())
    delivery = make_delivery(
        id=uuid7(),
        event_id=event.id,
        subscription_id=number,
        state=state,
        due_at=None,
        reason=None if arrived else DeadReason.EXHAUSTED,
        deaths=attempts - arrived,
        claims=attempts,
    )
    made = []
    for claim in range(1, attempts + 1):
        good = arrived and claim == attempts
        made.append(
            make_attempt(
                delivery_id=delivery.id,
                claim_no=claim,
                outcome=OutcomeKind.DELIVERED if good else OutcomeKind.RETRYABLE,
                response="thank you" if good else _BAD_GATEWAY,
                http_status=200 if good else 502,
                detail="HTTP 200" if good else "HTTP 502 Bad Gateway",
                target="https://example.com/orders",
                started_at=at,
                duration=chance.random() * 0.4,
            )
        )
        at += claim * claim * _SECOND

    def write(tx: Any) -> None:
        tx.events.insert([event], due_in=0.0)
        tx.events.lock([event.id])
        tx.events.mark_fanned_out([event.id])
        tx.deliveries.insert([delivery])
        tx.outcomes.record(made)
        tx.index.queue([Claim(id=delivery.id, claim_no=one.claim_no) for one in made])

    world.api.ledger.run(write)
    return event.id, delivery.id


def _payloads() -> Iterator[Any]:
    """Return payloads: of the corpus, where it is there."""
    if CORPUS.exists():
        with CORPUS.open() as lines:
            return iter([json.loads(line) for line in islice(lines, 50)])
    return iter([{"increment_id": f"CK{n}", "total": n * 1.5, "items": ["a", "b"]} for n in (1, 2)])
