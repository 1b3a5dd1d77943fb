"""Sinks that block, hang, or will not be cancelled: the others go on, and they are named."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from asyncevents_core import NewSubscription
from asyncevents_core.domain.delivery import TERMINAL
from asyncevents_core.plugin import NoOptions, Outcome, Sink, SinkType, hookimpl
from asyncevents_core.testing import RecordingSinkType
from asyncevents_core.testing.sinks import PREFIX

EVENT = "example.created"
WAIT = 20.0


class BadType(SinkType[NoOptions, NoOptions]):
    """A sink that does what the test says, and knows when the good one was called."""

    name = "bad"
    title = "Bad"
    config_class = NoOptions

    def __init__(self, deed):
        self.deed = deed

    def validate_target(self, target, config):
        return None

    def open(self, config):
        return _Bad(self.deed)


class _Bad(Sink):
    def __init__(self, deed):
        self._deed = deed

    async def deliver(self, request, deadline):
        return await self._deed(request, deadline)


class Good(RecordingSinkType):
    """Tells whoever waits that it was called."""

    def __init__(self):
        super().__init__()
        self.called = threading.Event()

    def open(self, config):
        sink = super().open(config)
        deliver = sink.deliver

        async def told(request, deadline):
            outcome = await deliver(request, deadline)
            self.called.set()
            return outcome

        sink.deliver = told
        return sink


class Place:
    """An application with a good sink and a bad one, each subscribed once."""

    def __init__(self, make, settings):
        self.good = Good()
        self.deeds = []
        bad = BadType(self._do)

        class Sinks:
            @hookimpl
            def asyncevents_register_sinks(self):
                return [bad, place.good]

        place = self
        self.application = make(Sinks(), settings=settings)
        self._subscribe("bad", "anything")
        self._subscribe("recording", f"{PREFIX}good")

    async def _do(self, request, deadline):
        return await self.deeds.pop(0)(request, deadline)

    def _subscribe(self, sink, target):
        wanted = NewSubscription(event_name=EVENT, sink=sink, target=target)
        self.application.subscribe(wanted)

    def deliver(self):
        """Publish an event; return what became of the bad one's delivery, then the good one's.

        A worker has to run.
        """
        self.good.called.clear()
        event = self.application.publish(EVENT, {"id": 42})
        until = time.monotonic() + WAIT + 10
        while True:
            traces = self.application.traces(event)
            if traces and all(trace.delivery.state in TERMINAL for trace in traces):
                found = {trace.sink: trace for trace in traces}
                return found["bad"], found["recording"]
            assert time.monotonic() < until, [trace.summary for trace in traces]
            time.sleep(0.02)


@pytest.fixture
def place(local_application):
    def make(**settings):
        return Place(local_application, settings)

    return make


def until_the_good_one(place):
    """Return a deed that blocks its thread until the good sink was called."""

    async def deed(request, deadline):
        told = place.good.called.wait(WAIT)
        return Outcome.delivered("the good one was called" if told else "it was not")

    return deed


async def blocks(request, deadline):
    time.sleep(2.0)
    return Outcome.delivered("at last")


@pytest.mark.parametrize("isolate", ["loop", "thread"])
def test_a_sink_that_has_a_loop_of_its_own_blocks_nobody_else(place, isolate):
    one = place(SINKS={"bad": {"isolate": isolate}})
    one.deeds = [until_the_good_one(one)]
    with one.application.worker():
        bad, good = one.deliver()
    assert bad.attempts[-1].detail == "the good one was called"
    assert good.summary == "Delivered"


def test_a_sink_that_blocks_the_loop_is_named_and_gets_a_loop_of_its_own(place, caplog):
    one = place()
    one.deeds = [blocks, until_the_good_one(one)]
    with one.application.worker():
        first, _ = one.deliver()
        second, good = one.deliver()
    assert first.attempts[-1].detail == "at last; it blocked the worker's event loop"
    assert second.attempts[-1].detail == "the good one was called"
    assert good.summary == "Delivered"
    (record,) = [one for one in caplog.records if "it gets one of its own" in one.message]
    assert record.sink == "bad"


async def swallows(request, deadline):
    """Wait for long, whatever anybody says."""
    until = time.monotonic() + 6.0
    while time.monotonic() < until:
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            continue
    return Outcome.delivered("too late")


@pytest.mark.parametrize("isolate", [None, "loop"])
def test_a_sink_that_ignores_its_end_is_cut_off(place, caplog, isolate):
    sinks = {} if isolate is None else {"bad": {"isolate": isolate}}
    one = place(SINK_DEADLINE=0.5, MAXIMUM_DEATHS=0, SINKS=sinks)
    one.deeds = [swallows]
    with one.application.worker():
        bad, good = one.deliver()
    assert bad.attempts[-1].detail.startswith("timed out: no outcome within 0.5 s")
    assert bad.summary == "Dead Lettered"
    assert good.summary == "Delivered"
    # Before the sink itself ends.
    assert bad.attempts[-1].duration < 5.0


async def late(request, deadline):
    await asyncio.sleep(60)


def test_a_sink_without_a_deadline_of_its_own_is_cancelled(place):
    one = place(SINK_DEADLINE=0.3, MAXIMUM_DEATHS=0)
    one.deeds = [late]
    with one.application.worker():
        bad, _ = one.deliver()
    assert bad.attempts[-1].detail == "timed out: no outcome within 0.3 s"
