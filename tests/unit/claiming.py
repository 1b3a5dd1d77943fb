"""Makes claimers whose surroundings a test plays."""

from __future__ import annotations

from types import SimpleNamespace

from attrs import frozen

from asyncevents_core.engine.delivering.calls import Calls
from asyncevents_core.ports.observer import NOBODY
from asyncevents_core.worker.claimer import Claimer
from asyncevents_core.worker.inboxes import Alarm, Bell, Inbox, ResolvedInbox
from asyncevents_core.worker.ledger_health import LedgerHealth


@frozen
class Message:
    """A hand-off, as the broker brings it."""

    ids: tuple


def make_claimer(
    harness,
    *,
    ledger=None,
    roles=(),
    deliverer=None,
    services=None,
    bookkeeper=None,
    observers=NOBODY,
):
    """Return a claimer of the harness's worker, with room for everything."""
    bell = Bell()
    return Claimer(
        ledger=ledger or harness.ledger,
        claimant=harness.claimant,
        permits=harness.permits,
        roles=roles,
        calls=Calls(threads=8),
        hand_offs=Inbox(bell),
        retries=Inbox(bell),
        resolved=ResolvedInbox(bell),
        alarm=Alarm(bell),
        bell=bell,
        health=LedgerHealth(),
        clock=harness.clock,
        services=services or SimpleNamespace(),
        deliverer=deliverer,
        bookkeeper=bookkeeper or SimpleNamespace(unwritten=0),
        observers=observers,
    )
