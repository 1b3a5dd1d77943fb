"""What is measured, and the contract of what keeps the numbers.

Names, units and kinds follow OpenTelemetry's rules for metrics
(https://opentelemetry.io/docs/specs/semconv/general/naming/). `docs/reference/metrics.md` is made
from this table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Literal

from attrs import frozen

Kind = Literal["counter", "gauge", "histogram"]

_ATTEMPT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_DELIVERY: Final = (
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    *(300.0, 1800.0, 3600.0, 14_400.0, 86_400.0),
)
_LEDGER: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0)


@frozen(kw_only=True)
class Metric:
    """One thing that is measured.

    `unit` is in UCUM: "s" for seconds, a word in braces for what is counted. `labels` are the names
    of what a number is told apart by, each with few values. `buckets` are the upper bounds of a
    histogram.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


PUBLISHED: Final = Metric(
    name="asyncevents.events.published",
    kind="counter",
    unit="{event}",
    help="Events that this process has committed to the ledger",
    labels=("event",),
)
HANDED_OFF: Final = Metric(
    name="asyncevents.events.handed_off",
    kind="counter",
    unit="{event}",
    help="Events whose ids the broker has confirmed",
)
HAND_OFFS_DROPPED: Final = Metric(
    name="asyncevents.hand_offs.dropped",
    kind="counter",
    unit="{event}",
    help="Events whose ids could not go through the broker: the sweep finds them, a little later",
)
CLAIMED: Final = Metric(
    name="asyncevents.events.claimed",
    kind="counter",
    unit="{event}",
    help="Events that this worker has claimed",
)
HAND_OFFS_STALE: Final = Metric(
    name="asyncevents.hand_offs.stale",
    kind="counter",
    unit="{event}",
    help="Ids from the broker for which nothing was left to do",
)
EVENTS_FAILED: Final = Metric(
    name="asyncevents.events.failed",
    kind="counter",
    unit="{event}",
    help="Events that were given up, since their service failed",
    labels=("event",),
)
ATTEMPTS: Final = Metric(
    name="asyncevents.attempts",
    kind="counter",
    unit="{attempt}",
    help="Attempts to deliver: outcome is delivered, retryable, permanent or gone; error is the "
    "HTTP status, timeout, or other where it failed",
    labels=("sink", "outcome", "error"),
)
ATTEMPT_DURATION: Final = Metric(
    name="asyncevents.attempt.duration",
    kind="histogram",
    unit="s",
    help="How long a sink took for an attempt",
    labels=("sink", "outcome"),
    buckets=_ATTEMPT,
)
DELIVERY_DURATION: Final = Metric(
    name="asyncevents.delivery.duration",
    kind="histogram",
    unit="s",
    help="From publication to a successful attempt, retries included; replays are left out",
    labels=("sink",),
    buckets=_DELIVERY,
)
DEAD: Final = Metric(
    name="asyncevents.deliveries.dead",
    kind="counter",
    unit="{delivery}",
    help="Deliveries that became dead letters",
    labels=("sink", "reason"),
)
SUBSCRIPTIONS_CHANGED: Final = Metric(
    name="asyncevents.subscriptions.changed",
    kind="counter",
    unit="{change}",
    help="Subscriptions that were made, changed, enabled, disabled or deleted, by their status",
    labels=("status",),
)
LEDGER_DURATION: Final = Metric(
    name="asyncevents.ledger.transaction.duration",
    kind="histogram",
    unit="s",
    help="How long transactions on the ledger took",
    labels=("mode", "result"),
    buckets=_LEDGER,
)
LEDGER_RERUNS: Final = Metric(
    name="asyncevents.ledger.reruns",
    kind="counter",
    unit="{transaction}",
    help="Transactions that were run again, after a deadlock or a lost connection",
)
BACKLOG_EVENTS: Final = Metric(
    name="asyncevents.backlog.events",
    kind="gauge",
    unit="{event}",
    help="Events in the ledger that are open, due, resolving or failed; each worker tells all",
    labels=("state",),
)
BACKLOG_DELIVERIES: Final = Metric(
    name="asyncevents.backlog.deliveries",
    kind="gauge",
    unit="{delivery}",
    help="Deliveries in the ledger that are due, scheduled, parked, under_way, held or dead; each "
    "worker tells all",
    labels=("state",),
)
BACKLOG_AGE: Final = Metric(
    name="asyncevents.backlog.age",
    kind="gauge",
    unit="s",
    help="For how long the oldest event or delivery has been due; 0 where nothing waits",
)
INDEX_WAITING: Final = Metric(
    name="asyncevents.index.waiting",
    kind="gauge",
    unit="{attempt}",
    help="Attempts that are not in the search index yet; told by the worker that feeds it",
)
IN_FLIGHT: Final = Metric(
    name="asyncevents.worker.in_flight",
    kind="gauge",
    unit="{attempt}",
    help="Attempts that are under way in this worker",
)
FREE: Final = Metric(
    name="asyncevents.worker.free",
    kind="gauge",
    unit="{attempt}",
    help="Attempts that may begin besides: permits that are free",
)
UNWRITTEN: Final = Metric(
    name="asyncevents.worker.unwritten",
    kind="gauge",
    unit="{outcome}",
    help="Outcomes that are not in the ledger yet",
)
LOOP_LAG: Final = Metric(
    name="asyncevents.worker.loop.lag",
    kind="gauge",
    unit="s",
    help="By how much the event loop was late, at most, within the last seconds",
)
STUCK: Final = Metric(
    name="asyncevents.worker.stuck",
    kind="gauge",
    unit="{call}",
    help="Calls of sinks and services that go on although their time is over",
)
STALLED: Final = Metric(
    name="asyncevents.worker.stalled",
    kind="gauge",
    unit="1",
    help="1 where something without which nothing is delivered stands still",
)
LEDGER_UP: Final = Metric(
    name="asyncevents.worker.ledger.up",
    kind="gauge",
    unit="1",
    help="1 where the ledger answers this worker, 0 where it does not",
)
BROKER_UP: Final = Metric(
    name="asyncevents.worker.broker.up",
    kind="gauge",
    unit="1",
    help="1 where this worker receives from the broker, 0 where it does not",
)

METRICS: Final = (
    PUBLISHED,
    HANDED_OFF,
    HAND_OFFS_DROPPED,
    CLAIMED,
    HAND_OFFS_STALE,
    EVENTS_FAILED,
    ATTEMPTS,
    ATTEMPT_DURATION,
    DELIVERY_DURATION,
    DEAD,
    SUBSCRIPTIONS_CHANGED,
    LEDGER_DURATION,
    LEDGER_RERUNS,
    BACKLOG_EVENTS,
    BACKLOG_DELIVERIES,
    BACKLOG_AGE,
    INDEX_WAITING,
    IN_FLIGHT,
    FREE,
    UNWRITTEN,
    LOOP_LAG,
    STUCK,
    STALLED,
    LEDGER_UP,
    BROKER_UP,
)


class Instruments(ABC):
    """Keeps the numbers of metrics. `values` are those of the metric's labels, in their order.

    Thread-safe. Nothing here blocks for longer than a look-up takes.
    """

    @abstractmethod
    def add(self, metric: Metric, amount: int, *values: str) -> None:
        """Count so many more: a counter."""

    @abstractmethod
    def observe(self, metric: Metric, value: float, *values: str) -> None:
        """Take a measured value into account: a histogram."""

    @abstractmethod
    def set(self, metric: Metric, value: float, *values: str) -> None:
        """Say how much it is now: a gauge."""
