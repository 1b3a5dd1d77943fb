"""What is counted when a run is over: what was lost, came twice, or is in no record."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from attrs import frozen

from asyncevents_core.domain.query.nodes import MatchAll
from asyncevents_core.engine.searching.feed import IndexFeed, index_lease
from tests.crash.world import SUBSCRIBERS, World
from tests.integration.project import eventually

SETTLE_TIMEOUT = 240.0
"""Seconds to wait for what is certain to come, on a busy machine."""
OVERTAKEN_AFTER = 10_000_000
"""Microseconds: a beat is at most 5 s old when a worker stops, and 15 s later others take over."""


@frozen(kw_only=True)
class Counts:
    """What became of the events of one run."""

    events: int
    lost: int
    """Pairs of an accepted event and a subscriber, neither delivered nor a visible dead letter."""
    unrecorded: int
    """Requests that were received beyond the attempts in the ledger."""
    duplicates: int
    """Successes that a recipient saw beyond the first of a delivery."""
    abandoned: int
    """Attempts of which nobody reported an outcome."""
    overtaken: int
    """Successes reported by a worker that others had counted as dead, beyond one for a delivery."""
    misindexed: int
    """Attempts that the index has not, or has and the ledger has not."""

    @property
    def promised(self) -> int:
        """How many duplicates are within the promise."""
        return self.abandoned + self.overtaken


def count(world: World) -> Counts:
    """Count, when nothing is open and no worker runs any more."""
    states = {
        (as_text(event_id), target.rpartition("/")[2]): state
        for event_id, target, state in world.query(
            "SELECT d.event_id, s.target, d.state FROM asyncevents_delivery d "
            "JOIN asyncevents_subscription s ON s.id = d.subscription_id"
        )
    }
    attempts = [
        (as_text(delivery), claim, outcome, started)
        for delivery, claim, outcome, started in world.query(
            "SELECT delivery_id, claim_no, outcome, started_at FROM asyncevents_attempt"
        )
    ]
    good = {
        name: Counter(one.event_id for one in inbox.accepted)
        for name, inbox in world.inboxes.items()
    }
    accepted = world.accepted()
    lost = 0
    for event_id in accepted:
        for name in SUBSCRIBERS:
            state = states.get((event_id, name))
            arrived = state == "delivered" and good[name][event_id] > 0
            lost += not (arrived or state == "dead")
    requests = sum(inbox.received for inbox in world.inboxes.values())
    return Counts(
        events=len(accepted),
        lost=lost,
        unrecorded=max(0, requests - len(attempts)),
        duplicates=sum(number - 1 for counts in good.values() for number in counts.values()),
        abandoned=sum(outcome == "abandoned" for _, _, outcome, _ in attempts),
        overtaken=overtaken(attempts),
        misindexed=_misindexed(world),
    )


def overtaken(attempts: list[tuple[str, int, str, int]]) -> int:
    """Return how many successes follow one that began so long before that it had a new owner.

    `attempts` are delivery, number of the claim, outcome, and start in microseconds.
    """
    found, before = 0, ("", 0)
    for delivery, _, outcome, started in sorted(attempts):
        if outcome != "delivered":
            continue
        found += before[0] == delivery and started - before[1] >= OVERTAKEN_AFTER
        before = (delivery, started)
    return found


def _misindexed(world: World) -> int:
    """Index what is left, and count where the index and the ledger differ."""
    with world.project.events() as events, events.runtime.open_indexer() as indexer:
        ledger = events.runtime.ledger
        lease = index_lease(ledger)
        eventually(lease.keep, what="no dead worker has the index", timeout=SETTLE_TIMEOUT)
        feed = IndexFeed(ledger, indexer)
        while feed.step():
            continue
        lease.give_up()
        found = indexer.search(MatchAll(), limit=1_000_000, timeout=60).log_ids
    logged = [row[0] for row in world.query("SELECT id FROM asyncevents_attempt")]
    return len(set(found) ^ set(logged)) + len(found) - len(set(found))


def as_text(identifier: Any) -> str:
    """Write an id as databases return it as a UUID."""
    if isinstance(identifier, bytes):
        return str(uuid.UUID(bytes=identifier))
    return str(identifier)
