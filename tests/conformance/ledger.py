"""`LedgerConformance`: what the ledger must do on every database."""

from __future__ import annotations

from tests.conformance.ledger_access import Access
from tests.conformance.ledger_backlog import Backlogs
from tests.conformance.ledger_dead_letters import DeadLetters
from tests.conformance.ledger_deliveries import Deliveries
from tests.conformance.ledger_event_claims import EventClaims
from tests.conformance.ledger_events import Events
from tests.conformance.ledger_index import Index
from tests.conformance.ledger_log import Log
from tests.conformance.ledger_neighbours import Neighbours
from tests.conformance.ledger_outcomes import Outcomes
from tests.conformance.ledger_rates import Rates
from tests.conformance.ledger_replays import Replays
from tests.conformance.ledger_secrets import Secrets
from tests.conformance.ledger_statistics import Statistics
from tests.conformance.ledger_subscriptions import Subscriptions
from tests.conformance.ledger_tasks import Tasks
from tests.conformance.ledger_traces import Traces
from tests.conformance.ledger_transactions import JoinedTransactions, Transactions
from tests.conformance.ledger_users import Users
from tests.conformance.ledger_workers import Workers


class LedgerConformance(
    Transactions,
    JoinedTransactions,
    Events,
    EventClaims,
    Deliveries,
    Outcomes,
    Traces,
    Log,
    Subscriptions,
    Secrets,
    DeadLetters,
    Replays,
    Index,
    Access,
    Users,
    Tasks,
    Workers,
    Neighbours,
    Rates,
    Backlogs,
    Statistics,
):
    """Every operation of a `Ledger`, and the part of the state machine that rows hold.

    Override the fixture `url`, where an empty database is, and set `concurrent` where two
    transactions write at the same time.
    """
