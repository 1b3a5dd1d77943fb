"""`LedgerConformance`: what the ledger must do on every database."""

from __future__ import annotations

from tests.conformance.ledger_access import AccessRows
from tests.conformance.ledger_deliveries import DeliveryRows
from tests.conformance.ledger_events import EventRows
from tests.conformance.ledger_index import IndexQueueRows
from tests.conformance.ledger_outcomes import OutcomeRows, WorkerRows
from tests.conformance.ledger_queries import Queries
from tests.conformance.ledger_replays import ReplayRows
from tests.conformance.ledger_secrets import EncryptedRows
from tests.conformance.ledger_subscriptions import SubscriptionRows
from tests.conformance.ledger_transactions import (
    JoinedTransactions,
    Transactions,
)
from tests.conformance.ledger_upkeep import UpkeepRows


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
    EncryptedRows,
    UpkeepRows,
    IndexQueueRows,
    Queries,
):
    """Every operation of a `Ledger`, and the part of the state machine that rows hold.

    Override the fixture `url`, where an empty database is, and set `concurrent` where two
    transactions write at the same time.
    """
