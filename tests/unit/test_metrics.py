"""Numbers: what notices become, and how Prometheus and OpenTelemetry get them."""

from __future__ import annotations

import math
import threading

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.parser import text_string_to_metric_families

from asyncevents_core.adapters.opentelemetry import OpenTelemetryInstruments
from asyncevents_core.adapters.prometheus import Tally, exposed_name, exposition
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Failure, Outcome
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.engine.upkeep.metrics import MOST_NAMES, OTHER, MetricsObserver
from asyncevents_core.ports.metrics import METRICS
from asyncevents_core.ports.observer import (
    AttemptEnded,
    BacklogCounted,
    DeliveryDied,
    EventFailed,
    EventsHandedOff,
    EventsPublished,
    HandOffsDropped,
    LedgerUsed,
    RoundClaimed,
    SubscriptionChanged,
    WorkerMeasured,
)

NOW = 1_000.0


def ended(outcome, *, seconds=0.02, since=0.3, sink="http"):
    return AttemptEnded(
        delivery_id=uuid7(),
        event_name="order.created",
        subscription_id=1,
        sink=sink,
        outcome=outcome,
        seconds=seconds,
        since_published=since,
    )


def measured(**changed):
    values = {
        "in_flight": 3,
        "free": 61,
        "unwritten": 2,
        "loop_lag": 0.25,
        "stuck": 1,
        "ledger_answers": True,
        "broker_answers": False,
        "index_waiting": 7,
        "stalled": False,
    }
    return WorkerMeasured(**{**values, **changed})


BACKLOG = Backlog(
    events_open=5,
    events_due=4,
    events_resolving=1,
    events_failed=2,
    waiting_due=6,
    waiting_later=7,
    parked=8,
    leased=9,
    held=10,
    dead=11,
    oldest_due_at=int((NOW - 40) * 1e6),
)

EVERYTHING = [
    EventsPublished(event_ids=[uuid7()] * 3, names=["order.created", "order.created", "x"]),
    EventsHandedOff(event_ids=[uuid7()] * 2),
    HandOffsDropped(events=4),
    RoundClaimed(events=3, deliveries=[uuid7()], resolving=0, stale=2, more=False, seconds=0.01),
    ended(Outcome.delivered(http_status=200)),
    ended(Outcome.delivered(http_status=204), seconds=40.0, since=None),
    ended(Outcome.failed(Failure.UNAVAILABLE, "HTTP 503", http_status=503)),
    ended(Outcome.failed(Failure.TIMED_OUT, "no answer")),
    ended(Outcome.failed(Failure.NETWORK, "refused"), sink="sqs"),
    DeliveryDied(delivery_id=uuid7(), subscription_id=1, sink="http", reason=DeadReason.PERMANENT),
    DeliveryDied(delivery_id=uuid7(), subscription_id=2, sink=None, reason=DeadReason.POISON),
    EventFailed(event_id=uuid7(), event_name="x", error="e"),
    SubscriptionChanged(subscription_id=1, status=SubscriptionStatus.DISABLED),
    LedgerUsed(seconds=0.004, rows=2, reruns=1, reads_only=False, failed=False),
    LedgerUsed(seconds=20.0, rows=0, reruns=0, reads_only=True, failed=True),
    BacklogCounted(backlog=BACKLOG),
    measured(),
]

EXPECTED = {
    "asyncevents_events_published_total": {("order.created",): 2, ("x",): 1},
    "asyncevents_events_handed_off_total": {(): 2},
    "asyncevents_hand_offs_dropped_total": {(): 4},
    "asyncevents_events_claimed_total": {(): 3},
    "asyncevents_hand_offs_stale_total": {(): 2},
    "asyncevents_events_failed_total": {("x",): 1},
    "asyncevents_attempts_total": {
        ("http", "delivered", ""): 2,
        ("http", "retryable", "503"): 1,
        ("http", "retryable", "timeout"): 1,
        ("sqs", "retryable", "other"): 1,
    },
    "asyncevents_attempt_duration_seconds_count": {
        ("http", "delivered"): 2,
        ("http", "retryable"): 2,
        ("sqs", "retryable"): 1,
    },
    "asyncevents_attempt_duration_seconds_sum": {
        ("http", "delivered"): 40.02,
        ("http", "retryable"): 0.04,
        ("sqs", "retryable"): 0.02,
    },
    "asyncevents_delivery_duration_seconds_count": {("http",): 1},
    "asyncevents_delivery_duration_seconds_sum": {("http",): 0.3},
    "asyncevents_deliveries_dead_total": {("http", "permanent"): 1, ("other", "poison"): 1},
    "asyncevents_subscriptions_changed_total": {("disabled",): 1},
    "asyncevents_ledger_transaction_duration_seconds_count": {
        ("write", "committed"): 1,
        ("read", "failed"): 1,
    },
    "asyncevents_ledger_reruns_total": {(): 1},
    "asyncevents_backlog_events": {
        ("open",): 5,
        ("due",): 4,
        ("resolving",): 1,
        ("failed",): 2,
    },
    "asyncevents_backlog_deliveries": {
        ("due",): 6,
        ("scheduled",): 7,
        ("parked",): 8,
        ("under_way",): 9,
        ("held",): 10,
        ("dead",): 11,
    },
    "asyncevents_backlog_age_seconds": {(): 40},
    "asyncevents_index_waiting": {(): 7},
    "asyncevents_worker_in_flight": {(): 3},
    "asyncevents_worker_free": {(): 61},
    "asyncevents_worker_unwritten": {(): 2},
    "asyncevents_worker_loop_lag_seconds": {(): 0.25},
    "asyncevents_worker_stuck": {(): 1},
    "asyncevents_worker_stalled": {(): 0},
    "asyncevents_worker_ledger_up": {(): 1},
    "asyncevents_worker_broker_up": {(): 0},
}


def told(instruments, *notices):
    observer = MetricsObserver(instruments, clock=lambda: NOW)
    for notice in notices:
        notice.tell(observer)
    return instruments


def samples(text):
    """What others' library reads in a text: by name and the values of labels, without buckets."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                values = tuple(sample.labels.values())
                found.setdefault(sample.name, {})[values] = sample.value
    return found


def test_every_notice_becomes_numbers_that_others_read():
    tally = told(Tally(), *EVERYTHING)
    found = samples(exposition([({}, tally.numbers())]))
    for name, numbers in EXPECTED.items():
        assert found[name] == pytest.approx(numbers), name
    sums = {"asyncevents_ledger_transaction_duration_seconds_sum"}
    assert set(found) == set(EXPECTED) | sums


def test_every_metric_is_written_by_something():
    numbers = told(Tally(), *EVERYTHING).numbers()
    assert set(numbers) == {one.name for one in METRICS}


def test_buckets_count_what_is_at_most_as_much_and_end_with_all():
    tally = told(Tally(), *(ended(Outcome.delivered(), seconds=one) for one in (0.005, 0.0051, 99)))
    text = exposition([({}, tally.numbers())])
    (family,) = (
        one
        for one in text_string_to_metric_families(text)
        if one.name == "asyncevents_attempt_duration_seconds"
    )
    below = {
        float(one.labels["le"]): one.value for one in family.samples if one.name.endswith("bucket")
    }
    assert (below[0.005], below[0.01], below[30.0], below[math.inf]) == (1, 2, 2, 3)


def test_processes_are_told_apart_and_each_family_stands_once():
    one, other = told(Tally(), *EVERYTHING), told(Tally(), ended(Outcome.delivered()))
    text = exposition([({"process": "0"}, one.numbers()), ({"process": "1"}, other.numbers())])
    attempts = samples(text)["asyncevents_attempts_total"]
    assert attempts["0", "http", "delivered", ""] == 2
    assert attempts["1", "http", "delivered", ""] == 1
    assert text.count("# TYPE asyncevents_attempts_total counter\n") == 1


def test_a_metric_of_another_version_is_left_out():
    assert exposition([({}, {"asyncevents.of.tomorrow": [((), 1.0)]})]) == ""


@pytest.mark.parametrize("sink", ['a"b', "a\\b", "a\nb", "ä 中", ""])
def test_values_of_labels_arrive_as_they_are(sink):
    tally = told(Tally(), ended(Outcome.delivered(), sink=sink))
    found = samples(exposition([({}, tally.numbers())]))["asyncevents_attempts_total"]
    assert list(found) == [(sink, "delivered", "")]


def test_names_beyond_so_many_are_counted_together():
    names = [f"event.{number}" for number in range(MOST_NAMES + 50)]
    tally = told(Tally(), EventsPublished(event_ids=[uuid7()] * len(names), names=names))
    found = samples(exposition([({}, tally.numbers())]))["asyncevents_events_published_total"]
    assert len(found) == MOST_NAMES + 1
    assert found[OTHER,] == 50


def test_a_clock_that_is_behind_makes_no_negative_age():
    tally = told(Tally())
    MetricsObserver(tally, clock=lambda: 0.0).backlog_counted(BacklogCounted(backlog=BACKLOG))
    assert samples(exposition([({}, tally.numbers())]))["asyncevents_backlog_age_seconds"] == {
        (): 0
    }


def test_what_is_not_known_has_no_number():
    tally = told(Tally(), measured(broker_answers=None, index_waiting=None))
    assert not {"asyncevents.worker.broker.up", "asyncevents.index.waiting"} & set(tally.numbers())


def test_many_threads_count_together():
    tally = Tally()
    observer = MetricsObserver(tally)
    threads = [
        threading.Thread(
            target=lambda: [observer.attempt_ended(ended(Outcome.delivered())) for _ in range(500)]
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = samples(exposition([({}, tally.numbers())]))
    assert found["asyncevents_attempts_total"] == {("http", "delivered", ""): 2000}
    assert found["asyncevents_attempt_duration_seconds_count"] == {("http", "delivered"): 2000}


def test_opentelemetry_gets_the_same_numbers():
    reader = InMemoryMetricReader()
    told(OpenTelemetryInstruments(MeterProvider([reader])), *EVERYTHING)
    found = {}
    for one in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics:
        for point in one.data.data_points:
            key = (one.name, frozenset(point.attributes.values()))
            found[key] = point.count if hasattr(point, "count") else point.value
    exposed = {exposed_name(one): one for one in METRICS}
    for name, numbers in EXPECTED.items():
        metric = exposed.get(name.removesuffix("_count"))
        if metric is not None:
            for values, number in numbers.items():
                assert found[metric.name, frozenset(filter(None, values))] == number, name


def test_opentelemetry_gets_units_buckets_and_its_own_names_of_attributes():
    reader = InMemoryMetricReader()
    told(OpenTelemetryInstruments(MeterProvider([reader])), *EVERYTHING)
    by_name = {
        one.name: one
        for one in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    }
    for metric in METRICS:
        assert by_name[metric.name].unit == metric.unit
        assert by_name[metric.name].description == metric.help
    durations = by_name["asyncevents.attempt.duration"].data.data_points
    (kind,) = (one for one in METRICS if one.name == "asyncevents.attempt.duration")
    assert tuple(durations[0].explicit_bounds) == kind.buckets
    attributes = {
        key for one in by_name["asyncevents.attempts"].data.data_points for key in one.attributes
    }
    assert attributes == {"asyncevents.sink", "asyncevents.outcome", "error.type"}
