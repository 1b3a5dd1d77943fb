"""What a shop has sent in the last hour, written into the ledger as if it had happened."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from attrs import define, field, frozen

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy.ledger import SqlLedger
from asyncevents_core.domain.delivery import Claim, DeadReason, Delivery, DeliveryState
from asyncevents_core.domain.instant import first_uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import Attempt
from asyncevents_core.testing.builders import make_attempt, make_delivery, make_event
from tests.browser.world import World

SECOND: Final = 1_000_000
_BAD_GATEWAY: Final = (
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>"
    "</center><hr><center>nginx</center></body></html>"
)


@frozen(kw_only=True)
class Way:
    """How an event went to a subscription: so many failures, and whether it arrived after them."""

    subscription_id: int
    target: str
    failures: int = 0
    arrives: bool = True
    held: bool = False
    """It waits for its subscription, which was disabled after the failures."""
    refusal: str = _BAD_GATEWAY
    """What the recipient answers when it fails."""


@define
class History:
    """Writes events of the past. What is random in them is the same each time."""

    ledger: SqlLedger
    chance: random.Random = field(factory=lambda: random.Random(7))
    now: int = field(factory=lambda: time.time_ns() // 1000)
    _offset: int = 0

    def write(self, name: str, data: Any, ago: float, ways: Sequence[Way]) -> list[UUID]:
        """Write an event of `ago` seconds ago; return its id, and those of its deliveries."""
        at = self.now - round(ago * SECOND)
        body = {"specversion": "1.0", "type": name, "source": "/shop", "data": data}
        event = make_event(
            id=self._id(at),
            name=name,
            arguments=None,
            body=json.dumps({"id": str(self._id(at)), **body}).encode(),
        )
        gone = [self._went(event.id, one, at) for one in ways]

        def work(tx: Any) -> None:
            tx.events.insert([event], due_in=0.0)
            tx.events.lock([event.id])
            tx.events.mark_fanned_out([event.id])
            tx.deliveries.insert([delivery for delivery, _ in gone])
            attempts = [one for _, several in gone for one in several]
            tx.outcomes.record(attempts)
            tx.index.queue([Claim(id=one.delivery_id, claim_no=one.claim_no) for one in attempts])

        self._offset = at - time.time_ns() // 1000
        self.ledger.run(work)
        return [event.id, *(delivery.id for delivery, _ in gone)]

    def offset(self) -> int:
        """Return how far the ledger's clock is moved, in microseconds."""
        return self._offset

    def _went(self, event_id: UUID, way: Way, at: int) -> tuple[Delivery, list[Attempt]]:
        claims = way.failures + way.arrives
        state, reason = DeliveryState.DELIVERED, None
        if way.held:
            state = DeliveryState.HELD
        elif not way.arrives:
            state, reason = DeliveryState.DEAD, DeadReason.EXHAUSTED
        delivery = make_delivery(
            id=self._id(at),
            event_id=event_id,
            subscription_id=way.subscription_id,
            state=state,
            due_at=None,
            reason=reason,
            deaths=way.failures,
            claims=claims,
            created_at=at,
        )
        attempts = []
        for claim in range(1, claims + 1):
            failed = claim <= way.failures
            attempts.append(
                make_attempt(
                    delivery_id=delivery.id,
                    claim_no=claim,
                    outcome=OutcomeKind.RETRYABLE if failed else OutcomeKind.DELIVERED,
                    response=way.refusal if failed else "thank you",
                    http_status=502 if failed else 200,
                    detail="unavailable: HTTP 502" if failed else "HTTP 200",
                    target=way.target,
                    started_at=at + self.chance.randrange(20_000),
                    duration=0.02 + self.chance.random() * 0.2,
                )
            )
            at += claim * claim * SECOND
        return delivery, attempts

    def _id(self, at: int) -> UUID:
        return UUID(int=first_uuid7(at).int | self.chance.getrandbits(62))


@contextmanager
def histories(world: World) -> Iterator[History]:
    """Open a world's ledger to write its past."""
    settings = world.api.events.runtime.settings
    history: History | None = None

    def offset() -> int:
        return 0 if history is None else history.offset()

    ledger = SqlLedger(
        settings.ledger_url, cipher=Cipher(settings.secret_keys), clock_offset=offset
    )
    history = History(ledger=ledger)
    try:
        yield history
    finally:
        ledger.close()
