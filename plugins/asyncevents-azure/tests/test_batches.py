"""Many deliveries in few calls; who of a batch is to blame; limits, and the end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from asyncevents_azure.eventgrid import LARGEST, EventGridSink
from asyncevents_azure.kinds import Credentials, EventGridSinkType, ServiceBusSinkType
from asyncevents_azure.servicebus import ServiceBusSink
from asyncevents_core.plugin import OutcomeKind
from azure_bus import KIB
from azure_grid import SAS, topic
from azure_requests import bus_config, bus_request, grid_config, grid_request, queue_target

DELIVERED, PERMANENT = OutcomeKind.DELIVERED, OutcomeKind.PERMANENT


@pytest.fixture
def opened():
    """Open a sink of a class, closed at the end."""
    made = []

    def make(cls, config):
        made.append(cls(config))
        return made[-1]

    yield make
    for one in made:
        one.close()


def kinds(outcomes):
    return [one.kind for one in outcomes]


def test_a_batch_is_one_request_to_event_grid(grid, opened):
    config = grid_config(grid)
    requests = [grid_request(config, target=topic("a"), data={"n": n}) for n in range(50)]
    assert set(kinds(opened(EventGridSink, config).deliver_batch(requests, 30.0))) == {DELIVERED}
    assert grid.calls == [50]
    assert grid.arrived("a") == [one.body for one in requests]


def test_the_one_to_blame_is_found_by_halves_at_event_grid(grid, opened):
    grid.poison = b'"poison"'
    config = grid_config(grid)
    requests = [
        grid_request(config, target=topic("a"), data="poison" if n == 5 else n) for n in range(8)
    ]
    outcomes = opened(EventGridSink, config).deliver_batch(requests, 30.0)
    assert kinds(outcomes) == [PERMANENT if n == 5 else DELIVERED for n in range(8)]
    assert sorted(grid.arrived("a")) == sorted(one.body for n, one in enumerate(requests) if n != 5)
    # Whole, 0-3, 4-7, 4-5, 4, 5, 6-7: those that were accepted.
    assert grid.calls == [4, 1, 2]
    assert len(grid.paths) == 7


def test_a_failure_of_all_is_not_searched_for_one_to_blame(grid, opened):
    config = grid_config(grid)
    requests = [grid_request(config, target=topic("fail-broken")) for _ in range(8)]
    outcomes = opened(EventGridSink, config).deliver_batch(requests, 30.0)
    assert set(kinds(outcomes)) == {OutcomeKind.RETRYABLE}
    assert len(grid.paths) == 1


def test_what_just_fits_is_sent_to_event_grid_and_one_byte_more_is_not(grid, opened):
    config = grid_config(grid)
    sink = opened(EventGridSink, config)
    frame = len(grid_request(config, target=topic("a"), data="").body) + 2
    fits = grid_request(config, target=topic("a"), data="x" * (LARGEST - frame))
    more = grid_request(config, target=topic("a"), data="x" * (LARGEST - frame + 1))
    assert sink.size(fits) <= sink.limits.bytes < sink.size(more)
    outcomes = sink.deliver_batch([more, fits], 30.0)
    assert kinds(outcomes) == [PERMANENT, DELIVERED]
    assert outcomes[0].detail.startswith("too large: 1,048,577 bytes, of which 1,048,576")
    assert grid.calls == [1]


async def test_targets_and_credentials_do_not_mix(grid, threaded):
    config = grid_config(grid, credentials={"other": Credentials(sas_token=SAS)})
    sink = threaded(EventGridSinkType(), config)
    requests = [
        grid_request(config, target=topic(name), options=options)
        for name in ("a", "b")
        for options in ({}, {"credentials": "other"})
        for _ in range(2)
    ]
    outcomes = await asyncio.gather(*(sink.deliver(one, 30.0) for one in requests))
    assert set(kinds(outcomes)) == {DELIVERED}
    assert grid.calls == [2, 2, 2, 2]
    assert len(grid.arrived("a")) == len(grid.arrived("b")) == 4


def test_a_batch_is_one_transfer_to_service_bus(bus, opened):
    config = bus_config(bus)
    queue = bus.queue("orders")
    requests = [
        bus_request(config, target=queue_target("orders"), data={"n": n}) for n in range(50)
    ]
    assert set(kinds(opened(ServiceBusSink, config).deliver_batch(requests, 30.0))) == {DELIVERED}
    assert queue.calls == [50]
    assert [one.body for one in queue.messages] == [one.body for one in requests]


def test_batches_are_as_large_as_the_link_allows(bus, opened):
    config = bus_config(bus)
    queue = bus.queue("orders", largest=256 * KIB)
    requests = [
        bus_request(config, target=queue_target("orders"), data="x" * 100 * KIB) for _ in range(5)
    ]
    assert set(kinds(opened(ServiceBusSink, config).deliver_batch(requests, 30.0))) == {DELIVERED}
    assert queue.calls == [2, 2, 1]


def test_one_that_fits_into_no_batch_does_not_stop_the_others(bus, opened):
    config = bus_config(bus)
    queue = bus.queue("orders", largest=256 * KIB)
    sizes = [1, 300 * KIB, 1, 1]
    requests = [
        bus_request(config, target=queue_target("orders"), data="x" * size) for size in sizes
    ]
    outcomes = opened(ServiceBusSink, config).deliver_batch(requests, 30.0)
    assert kinds(outcomes) == [DELIVERED, PERMANENT, DELIVERED, DELIVERED]
    assert outcomes[1].detail.startswith("too large: ")
    assert len(queue.messages) == 3


def test_a_large_message_of_the_premium_tier_travels_alone(bus, opened):
    config = bus_config(bus)
    queue = bus.queue("orders", largest=100 * 1024 * KIB)
    requests = [
        bus_request(config, target=queue_target("orders"), data="x" * size)
        for size in (1, 2 * 1024 * KIB, 1)
    ]
    assert set(kinds(opened(ServiceBusSink, config).deliver_batch(requests, 30.0))) == {DELIVERED}
    assert sorted(len(one.body) for one in queue.messages)[-1] > 2 * 1024 * KIB


def test_the_one_to_blame_is_found_by_halves_at_service_bus(bus, opened):
    config = bus_config(bus)
    queue = bus.queue("orders", poison=b'"poison"')
    requests = [
        bus_request(config, target=queue_target("orders"), data="poison" if n == 5 else n)
        for n in range(8)
    ]
    outcomes = opened(ServiceBusSink, config).deliver_batch(requests, 30.0)
    assert kinds(outcomes) == [PERMANENT if n == 5 else DELIVERED for n in range(8)]
    assert len(queue.messages) == 7


def test_each_session_has_its_batches_in_order(bus, opened):
    config = bus_config(bus)
    queue = bus.queue("orders", sessions=True)
    options = {"session_id": "data.customer"}
    requests = [
        bus_request(
            config,
            target=queue_target("orders"),
            data={"customer": "ab"[n % 2], "n": n},
            options=options,
        )
        for n in range(20)
    ]
    assert set(kinds(opened(ServiceBusSink, config).deliver_batch(requests, 30.0))) == {DELIVERED}
    assert queue.calls == [10, 10]
    for customer, parity in (("a", 0), ("b", 1)):
        arrived = [one.body for one in queue.messages if one.session_id == customer]
        assert arrived == [one.body for n, one in enumerate(requests) if n % 2 == parity]


def test_a_queue_with_sessions_refuses_what_has_none(bus, opened):
    config = bus_config(bus)
    bus.queue("orders", sessions=True)
    outcome = opened(ServiceBusSink, config).deliver(
        bus_request(config, target=queue_target("orders")), 30.0
    )
    assert outcome.kind is PERMANENT
    assert "SessionId was not set" in outcome.detail


def test_a_connection_is_used_again_and_no_more_stay_open_than_configured(bus, opened):
    config = bus_config(bus, connections=2)
    sink = opened(ServiceBusSink, config)
    for name in ("a", "a", "a", "b", "c", "c"):
        bus.entities.get(name) or bus.queue(name)
        assert sink.deliver(bus_request(config, target=queue_target(name)), 30.0).kind is DELIVERED
    assert bus.connections == 3
    assert [one.prepared.place for one in sink._unused] == ["b", "c"]


async def test_many_threads_at_once(bus, threaded):
    config = bus_config(bus)
    queue = bus.queue("orders")
    sink = threaded(ServiceBusSinkType(), config)
    requests = [
        bus_request(config, target=queue_target("orders"), data={"n": n}) for n in range(300)
    ]
    outcomes = await asyncio.gather(*(sink.deliver(one, 60.0) for one in requests))
    assert set(kinds(outcomes)) == {DELIVERED}
    assert sorted(one.body for one in queue.messages) == sorted(one.body for one in requests)
    assert bus.connections <= ServiceBusSinkType.concurrency


@pytest.mark.parametrize("kind", [EventGridSinkType(), ServiceBusSinkType()])
def test_without_time_left_or_after_closing_nothing_is_sent(kind, grid, bus):
    config, make, target = {
        "eventgrid": (grid_config(grid), grid_request, topic("a")),
        "servicebus": (bus_config(bus), bus_request, queue_target("a")),
    }[kind.name]
    sink = kind.open(config)
    outcome = sink.deliver(make(config, target=target), 0.0)
    assert outcome.timed_out
    assert "before anything was sent" in outcome.detail
    sink.close()
    sink.close()
    outcome = sink.deliver(make(config, target=target), 15.0)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert "the sink was closed" in outcome.detail
    assert grid.paths == []
    assert bus.connections == 0


def test_closing_ends_the_thread_and_the_connections(bus):
    config = bus_config(bus)
    bus.queue("orders")
    sink = ServiceBusSink(config)
    assert sink.deliver(bus_request(config, target=queue_target("orders")), 30.0).kind is DELIVERED
    thread = sink._thread
    assert bus.open_connections == 1
    sink.close()
    assert not thread.is_alive()
    ended = threading.Event()
    for _ in range(500):
        if bus.open_connections == 0:
            break
        ended.wait(0.01)
    assert bus.open_connections == 0
