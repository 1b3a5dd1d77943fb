"""Services on threads and on their loop: what becomes of calls that end badly, or do not end."""

from __future__ import annotations

import asyncio
import inspect
import queue
import sys
import threading
import time

import pytest

from asyncevents_core.adapters.json_schemas import compile_schema
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.engine.delivering.calls import Calls
from asyncevents_core.engine.delivering.leases import Resolving
from asyncevents_core.engine.delivering.services import ServiceCaller
from asyncevents_core.engine.shared.schema_checks import UNCHECKED, SchemaChecks
from asyncevents_core.ports.resolver import Service
from asyncevents_core.testing.builders import make_event

WAIT = 5.0
TIMEOUT = 30.0
PATIENCE = 25.0


class Services:
    """Resolves services to functions by their path, and collects what calls of them came to."""

    def __init__(self, clock, function, *, threads, schemas, others):
        self._functions = {"shop:load": function, **others}
        self._done = queue.SimpleQueue()
        self.calls = Calls(threads=threads)
        self.caller = ServiceCaller(
            resolver=self,
            threads=threads,
            timeout=TIMEOUT,
            patience=PATIENCE,
            clock=clock,
            calls=self.calls,
            schemas=schemas,
        )

    def resolve(self, definition):
        function = self._functions[definition.service]
        return Service(
            call=lambda arguments: function(), is_async=inspect.iscoroutinefunction(function)
        )

    def submit(self, service="shop:load", **more):
        definition = EventDefinition(name=service.replace(":", "."), service=service, **more)
        plan = self.calls.plan()
        plan.granted[service] += 1
        self.calls.take(plan)
        event = make_event(name=definition.name)
        self.caller.submit(Resolving(event=event, definition=definition), self._done)
        return event.id

    def result(self):
        return self._done.get(timeout=WAIT)

    @property
    def reported(self):
        return self._done.qsize()


@pytest.fixture
def services(clock):
    made = []

    def make(function, threads=2, schemas=UNCHECKED, **others):
        others = {f"{name}:load": one for name, one in others.items()}
        made.append(Services(clock, function, threads=threads, schemas=schemas, others=others))
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


def returns(value):
    async def later():
        return value

    return lambda: value, later


@pytest.mark.parametrize("place", [0, 1], ids=["blocking", "async"])
def test_what_does_not_match_its_schema_is_a_failure_for_good(services, place):
    check = compile_schema({"properties": {"id": {"type": "integer"}}})
    schemas = SchemaChecks({"shop.load": check}, refuses=True)
    wrong, right = (returns({"id": one})[place] for one in ("anna", 1))
    caller = services(wrong, schemas=schemas, other=right)
    caller.submit()
    failed = caller.result()
    assert failed.final
    assert failed.error.startswith("InvalidPayload: shop.load: the data does not match its schema")
    assert "anna" not in failed.error
    assert "traceback" not in (failed.traceback or "").lower()
    caller.submit("other:load")
    assert caller.result().data == b'{"id":1}'


@pytest.mark.parametrize("place", [0, 1], ids=["blocking", "async"])
def test_where_mistakes_are_only_warned_of_the_data_is_sent(services, caplog, place):
    check = compile_schema({"properties": {"id": {"type": "integer"}}})
    caller = services(returns({"id": "anna"})[place], schemas=SchemaChecks({"shop.load": check}))
    caller.submit()
    assert caller.result().data == b'{"id":"anna"}'
    assert "data does not match the schema" in caplog.text


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
    assert caller.caller.progress.busy
    assert "in service" in caller.caller.progress.stack()
    release.set()
    caller.submit()
    assert caller.result().data == b"{}"
    # The late one ends beside the other, perhaps a moment after it.
    until = time.monotonic() + WAIT
    while caller.caller.stuck and time.monotonic() < until:
        time.sleep(0.01)
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


def test_a_slow_service_leaves_a_thread_to_the_others(services):
    release = threading.Event()
    service, started = blocking(release)
    caller = services(service, threads=4, quick=dict)
    for _ in range(6):
        caller.submit()
    for _ in range(3):
        assert started.acquire(timeout=WAIT)
    for _ in range(20):
        caller.submit("quick:load")
        assert caller.result().data == b"{}"
    assert not started.acquire(blocking=False)
    release.set()
    assert {caller.result().data for _ in range(6)} == {b"{}"}
    assert started._value == 3


def test_a_definition_says_how_many_calls_of_its_service_run_at_once(services):
    release = threading.Event()
    service, started = blocking(release)
    caller = services(service, threads=4)
    for _ in range(2):
        caller.submit(concurrency=1)
    assert started.acquire(timeout=WAIT)
    assert not started.acquire(timeout=0.05)
    release.set()
    assert [caller.result().data for _ in range(2)] == [b"{}"] * 2


def test_services_that_wait_for_a_thread_have_it_in_turn(services):
    release = threading.Event()
    service, started = blocking(release)
    order = []
    caller = services(service, threads=1, a=lambda: order.append("a"), b=lambda: order.append("b"))
    caller.submit()
    assert started.acquire(timeout=WAIT)
    for one in ("a", "a", "a", "b"):
        caller.submit(f"{one}:load")
    caller.caller._finders.shutdown(wait=True)
    release.set()
    for _ in range(5):
        caller.result()
    assert order.index("b") < 2


def test_async_services_need_no_thread(services):
    release = threading.Event()
    service, started = blocking(release)

    async def at_once():
        return {"async": True}

    caller = services(service, threads=1, quick=at_once)
    caller.submit()
    assert started.acquire(timeout=WAIT)
    for _ in range(3):
        caller.submit("quick:load")
        assert caller.result().data == b'{"async":true}'
    release.set()
    assert caller.result().data == b"{}"


def test_a_service_that_cannot_be_found_has_failed(services):
    caller = services(dict)
    caller._functions.clear()
    caller.submit()
    assert caller.result().error == "KeyError: 'shop:load'"


def test_what_is_over_makes_room_before_it_is_told(services, clock):
    release = threading.Event()
    service, started = blocking(release)
    caller = services(service, threads=1)
    definition = EventDefinition(name="shop.load", service="shop:load")
    caller.submit()
    caller.submit()
    assert started.acquire(timeout=WAIT)
    assert caller.calls.room(definition) == -1
    clock.advance(PATIENCE + 1)
    caller.caller.expire()
    assert caller.result().unstarted
    assert caller.calls.room(definition) == 0
    release.set()
    caller.result()
    assert caller.calls.room(definition) == 1
