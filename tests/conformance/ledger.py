"""`LedgerConformance`: what every ledger must do."""

from __future__ import annotations

from asyncevents_core.testing.conformance.ledger_access import AccessRows
from asyncevents_core.testing.conformance.ledger_base import CallersTransaction
from asyncevents_core.testing.conformance.ledger_deliveries import DeliveryRows
from asyncevents_core.testing.conformance.ledger_events import EventRows
from asyncevents_core.testing.conformance.ledger_index import IndexQueueRows
from asyncevents_core.testing.conformance.ledger_outcomes import OutcomeRows, WorkerRows
from asyncevents_core.testing.conformance.ledger_queries import Queries
from asyncevents_core.testing.conformance.ledger_replays import ReplayRows
from asyncevents_core.testing.conformance.ledger_subscriptions import SubscriptionRows
from asyncevents_core.testing.conformance.ledger_transactions import (
    JoinedTransactions,
    Transactions,
)
from asyncevents_core.testing.conformance.ledger_upkeep import UpkeepRows

__all__ = ["CallersTransaction", "LedgerConformance"]


class LedgerConformance(
    Transactions,
    JoinedTransactions,
    SubscriptionRows,
    EventRows,
    DeliveryRows,
    OutcomeRows,
    WorkerRows,
    ReplayRows,
    AccessRows,
    UpkeepRows,
    IndexQueueRows,
    Queries,
):
    """Every operation of a `Ledger`, and the part of the state machine that rows hold.

    Override the fixtures

    - `ledger`: an empty one whose clock `clock.offset()` microseconds move,
    - `begin`: a function that begins a `CallersTransaction`,
    - `index_queue`: a function that returns the queued log_ids with their versions,

    and set `concurrent` where two transactions write at the same time.
    """
