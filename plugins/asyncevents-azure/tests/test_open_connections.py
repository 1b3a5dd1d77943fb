"""No connection to Service Bus stays open, whatever happens to it and whenever the sink closes.

Sockets are counted while nothing is collected: what the garbage collector closes, it may close in
an hour.
"""

from __future__ import annotations

import gc
import threading
import time
from contextlib import contextmanager

import pytest

import azure_bus
from asyncevents_azure.servicebus import ServiceBusSink
from asyncevents_core.plugin import OutcomeKind
from azure_requests import bus_config, bus_request, queue_target
from tests.integration.project import eventually
from tests.sockets import sockets

LARGE = 16 * 2**20
"""Bytes of a message that no connection takes whose other side does not read."""


@pytest.fixture(autouse=True)
def _nothing_is_collected():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def nothing_stays(bus):
    before = sockets(without=bus.sockets)
    yield
    eventually(lambda: sockets(without=bus.sockets) <= before, what="all others are closed")


def sent(bus, sink, *, bytes_of_it=2, within=30.0):
    config = bus_config(bus)
    data = {"text": "x" * bytes_of_it}
    request = bus_request(config, target=queue_target("orders"), data=data)
    return sink.deliver(request, within)


def cut_off(bus, queue):
    """While it is unused."""


def reset_by_a_message(bus, queue):
    queue.resets = True


def refused(bus, queue):
    queue.refuses = "amqp:internal-error"


def refused_at_the_link(bus, queue):
    queue.attaches = "amqp:not-found"


def dropped(bus, queue):
    bus.drop = True


def silent(where):
    def does(bus, queue):
        bus.hangs = where

    does.__name__ = f"silent_at_{where}"
    return does


def deaf(bus, queue):
    queue.deaf = True


FAULTS = [
    cut_off, reset_by_a_message, refused, refused_at_the_link, dropped, deaf,
    *(silent(where) for where in ("header", "token", "attach", "transfer")),
]  # fmt: skip


def begin(fault, bus):
    """Begin with a fault; links are only refused where they are new, so there is none."""
    fault(bus, bus.entities["orders"])
    bus.disconnect()
    eventually(lambda: not bus.open_connections, what="they are cut")


CASES = [
    *(pytest.param(one, 2, id=f"{one.__name__}-small") for one in FAULTS),
    *(
        pytest.param(one, LARGE, id=f"{one.__name__}-large")
        for one in (cut_off, reset_by_a_message, refused, deaf)
    ),
]


@pytest.fixture
def bus():
    # Its queue takes any size: the other side of a large message is what is tested.
    with azure_bus.running() as running:
        running.queue("orders", largest=2 * LARGE)
        yield running


@pytest.fixture
def sink(bus):
    made = ServiceBusSink(bus_config(bus))
    yield made
    made.close()


@pytest.mark.parametrize(("fault", "size"), CASES)
def test_what_fails_is_closed_at_once(bus, sink, fault, size):
    """And not with the sink: that may be in a month."""
    assert sent(bus, sink).kind is OutcomeKind.DELIVERED
    with nothing_stays(bus):
        begin(fault, bus)
        failed = sent(bus, sink, bytes_of_it=size, within=1.0)
        assert failed.kind is not OutcomeKind.DELIVERED


@pytest.mark.parametrize(("fault", "size"), CASES)
@pytest.mark.parametrize("moment", [0.0, 0.1, 0.5])
def test_what_is_under_way_is_closed_with_the_sink(bus, fault, size, moment):
    with nothing_stays(bus):
        sink = ServiceBusSink(bus_config(bus))
        assert sent(bus, sink).kind is OutcomeKind.DELIVERED
        begin(fault, bus)
        several = [
            threading.Thread(target=sent, args=(bus, sink), kwargs={"bytes_of_it": size})
            for _ in range(2)
        ]
        for one in several:
            one.start()
        time.sleep(moment)
        sink.close()
        for one in several:
            one.join(30)
            assert not one.is_alive()


def test_an_unused_connection_that_was_cut_is_closed_with_the_sink(bus):
    with nothing_stays(bus):
        sink = ServiceBusSink(bus_config(bus))
        assert sent(bus, sink).kind is OutcomeKind.DELIVERED
        bus.disconnect()
        sink.close()
