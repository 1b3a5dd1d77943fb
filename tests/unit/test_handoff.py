"""The thread that hands ids to the broker: bounded, best effort, quiet about outages."""

from __future__ import annotations

import logging
import os
import threading
import time

import pytest

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.engine.publishing.handoff import HandOffThread
from asyncevents_core.errors import MissingExtra
from asyncevents_core.testing import MemoryBroker


def ids(count):
    return [uuid7() for _ in range(count)]


def received(broker):
    consumer = broker.consumer(prefetch=1000)
    found = [one for message in consumer.receive(1.0) for one in message.ids]
    consumer.close()
    return found


class Gate(MemoryBroker):
    """A broker that answers once it is told to."""

    def __init__(self):
        super().__init__()
        self.open = threading.Event()
        self.asked = threading.Event()

    def _send(self, ids):
        self.asked.set()
        self.open.wait(30)
        super()._send(ids)


@pytest.fixture
def broker():
    return MemoryBroker()


def test_everything_arrives_in_order(broker):
    thread = HandOffThread(broker)
    some = ids(130)
    for one in some:
        thread.submit([one])
    assert thread.flush(10)
    assert received(broker) == some
    thread.close()


def test_a_full_queue_drops_the_rest_and_counts_it():
    gate = Gate()
    thread = HandOffThread(gate, capacity=10)
    first, more = ids(1), ids(15)
    thread.submit(first)
    assert gate.asked.wait(10)
    thread.submit(more)
    assert thread.dropped == 5
    assert not thread.flush(0.01)
    gate.open.set()
    assert thread.flush(10)
    assert received(gate) == first + more[:10]
    thread.close()


def test_an_outage_is_logged_once_and_its_end_too(broker, caplog):
    caplog.set_level(logging.INFO, "asyncevents.handoff")
    broker.fail(2)
    thread = HandOffThread(broker)
    lost = ids(2)
    for one in lost:
        thread.submit([one])
        assert thread.flush(10)
    some = ids(1)
    thread.submit(some)
    assert thread.flush(10)
    thread.close()
    assert received(broker) == some
    assert thread.dropped == 2
    assert [record.message for record in caplog.records] == [
        "the broker does not answer; workers find the events in the ledger",
        "the broker answers again",
    ]
    assert "told to fail" in caplog.records[0].error


def test_a_client_that_is_missing_is_a_line_and_no_traceback(caplog):
    class Bare(MemoryBroker):
        def _send(self, ids):
            raise MissingExtra("BROKER_URL redis://h", extra="redis")

    thread = HandOffThread(Bare())
    thread.submit(ids(1))
    assert thread.flush(10)
    thread.close()
    (record,) = caplog.records
    assert record.exc_info is None
    assert "pip install 'asyncevents-core[redis]'" in record.error


def test_an_error_of_another_kind_is_logged_with_its_traceback(caplog):
    class Broken(MemoryBroker):
        def _send(self, ids):
            raise ZeroDivisionError("a bug")

    thread = HandOffThread(Broken())
    thread.submit(ids(1))
    assert thread.flush(10)
    thread.close()
    (record,) = caplog.records
    assert record.exc_info[0] is ZeroDivisionError


def test_close_sends_what_waits_and_drops_what_comes_later(broker):
    thread = HandOffThread(broker)
    some = ids(3)
    thread.submit(some)
    thread.close()
    thread.close()
    thread.submit(ids(1))
    assert received(broker) == some


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_sends_its_own_ids_and_none_of_the_parents():
    gate = Gate()
    thread = HandOffThread(gate)
    thread.submit(ids(4))
    assert gate.asked.wait(10)
    child = os.fork()
    if child == 0:
        gate.open = threading.Event()
        gate.open.set()
        sent: list[int] = []
        gate._arrived = threading.Condition()
        thread.submit(ids(3))
        good = thread.flush(10)
        sent = [len(one) for one in gate._ready]
        os._exit(0 if good and sent == [3] else 1)
    until = time.monotonic() + 30
    pid = 0
    while not pid and time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    assert pid == child
    assert os.waitstatus_to_exitcode(status) == 0
    gate.open.set()
    thread.close()
    assert len(received(gate)) == 4


class Watched(MemoryBroker):
    """A broker that tells whether a message is being sent, and takes a moment for it."""

    def __init__(self):
        super().__init__()
        self.asked = threading.Event()
        self.sending = False

    def _send(self, ids):
        self.sending = True
        self.asked.set()
        time.sleep(0.05)
        super()._send(ids)
        self.sending = False


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_waits_until_a_message_is_sent():
    broker = Watched()
    thread = HandOffThread(broker)
    some = ids(2)
    thread.submit(some[:1])
    assert broker.asked.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(1 if broker.sending else 0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    thread.submit(some[1:])
    assert thread.flush(10)
    thread.close()
    assert received(broker) == some


def test_without_a_thread_ids_are_dropped_with_one_line_and_nothing_raised(
    broker, monkeypatch, caplog
):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    thread = HandOffThread(broker)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        thread.submit(ids(3))
        thread.submit(ids(2))
        assert thread.flush(10)
    assert thread.dropped == 5
    (record,) = caplog.records
    assert record.error == "can't start new thread"
    later = ids(1)
    thread.submit(later)
    assert thread.flush(10)
    thread.close()
    assert received(broker) == later
