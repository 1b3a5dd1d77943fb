"""Services on threads and on their loop: what becomes of calls that end badly, or do not end."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading

import pytest

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.engine.delivering.leases import Resolving
from asyncevents_core.engine.delivering.services import AHEAD, ServiceCaller
from asyncevents_core.testing.builders import make_event

WAIT = 5.0
TIMEOUT = 30.0
PATIENCE = 25.0


class Services:
    """Resolves every service to one function, and collects what calls of it came to."""

    def __init__(self, clock, function, *, threads):
        self._function = function
        self._done = queue.SimpleQueue()
        self.caller = ServiceCaller(
            resolver=self, threads=threads, timeout=TIMEOUT, patience=PATIENCE, clock=clock
        )

    def resolve(self, definition):
        return self

    def call(self, arguments):
        return self._function()

    def submit(self):
        definition = EventDefinition(name="order.loaded", service="shop:load")
        event = make_event(name="order.loaded")
        self.caller.submit(Resolving(event=event, definition=definition), self._done)

    def result(self):
        return self._done.get(timeout=WAIT)

    @property
    def reported(self):
        return self._done.qsize()


@pytest.fixture
def services(clock):
    made = []

    def make(function, threads=2):
        made.append(Services(clock, function, threads=threads))
        return made[-1]

    yield make
    for one in made:
        one.caller.close()


def blocking(release):
    started = threading.Semaphore(0)

    def service():
        started.release()
        assert release.wait(WAIT)
        return {}

    return service, started


def test_an_async_service_that_is_cancelled_has_failed(services):
    async def cancelled():
        raise asyncio.CancelledError

    caller = services(cancelled)
    caller.submit()
    assert caller.result().error == "RuntimeError: the service ended itself: CancelledError()"


def test_an_async_service_that_exits_leaves_the_loop_to_the_others(services):
    answers = iter([lambda: sys.exit(3), dict])

    async def exits_first():
        return next(answers)()

    caller = services(exits_first)
    caller.submit()
    assert caller.result().error == "RuntimeError: the service ended itself: SystemExit(3)"
    caller.submit()
    assert caller.result().data == b"{}"


def test_a_blocking_service_that_exits_has_failed_at_once(services):
    caller = services(lambda: sys.exit(3))
    caller.submit()
    assert caller.result().error == "SystemExit: 3"
    assert caller.caller.stuck == 0


def test_an_error_that_cannot_be_put_in_words_is_named(services):
    class Mute(Exception):
        def __str__(self):
            raise ValueError

    def fails():
        raise Mute

    caller = services(fails)
    caller.submit()
    assert caller.result().error == "Mute"


def test_an_async_service_that_blocks_its_loop_is_reported_as_late(services, clock):
    release = threading.Event()
    service, started = blocking(release)

    async def blocks():
        return service()

    caller = services(blocks)
    caller.submit()
    assert started.acquire(timeout=WAIT)
    clock.advance(TIMEOUT + 2)
    caller.caller.expire()
    assert caller.result().error == "ServiceTimeout: the service took longer than 30 s"
    assert caller.caller.stuck == 1
    release.set()
    caller.submit()
    assert caller.result().data == b"{}"
    assert caller.caller.stuck == 0
    assert caller.reported == 0


def test_an_async_service_under_way_at_the_end_holds_no_thread(services):
    started = threading.Event()

    async def never_ends():
        started.set()
        await asyncio.get_running_loop().create_future()

    caller = services(never_ends)
    caller.submit()
    assert started.wait(WAIT)
    caller.caller.close()
    assert caller.caller.stuck == 0


def test_a_call_that_waits_too_long_for_a_thread_is_given_back(services, clock):
    release = threading.Event()
    service, started = blocking(release)
    caller = services(service, threads=1)
    caller.submit()
    assert started.acquire(timeout=WAIT)
    caller.submit()
    clock.advance(PATIENCE + 1)
    caller.caller.expire()
    assert caller.result().unstarted
    release.set()
    assert caller.result().data == b"{}"
    caller.caller._pool.shutdown(wait=True)
    assert not started.acquire(blocking=False)
    assert caller.reported == 0


def test_room_is_for_a_few_calls_of_each_thread(services, clock):
    release = threading.Event()
    service, started = blocking(release)
    caller = services(service, threads=2)
    assert caller.caller.room == 2 * AHEAD
    for _ in range(3):
        caller.submit()
    assert caller.caller.room == 2 * AHEAD - 3
    assert started.acquire(timeout=WAIT)
    clock.advance(PATIENCE + 1)
    caller.caller.expire()
    assert caller.caller.room == 2 * AHEAD - 3
    release.set()
    for _ in range(3):
        caller.result()


def test_async_services_do_not_use_up_the_room(services):
    started = threading.Semaphore(0)

    async def never_ends():
        started.release()
        await asyncio.get_running_loop().create_future()

    caller = services(never_ends, threads=1)
    for _ in range(4):
        caller.submit()
        assert started.acquire(timeout=WAIT)
    caller.caller._pool.shutdown(wait=True)
    assert caller.caller.room == AHEAD
    assert caller.reported == 0
