"""A sink that passes the whole suite, in three kinds, for others to break in one place.

`noticed_by` is the name of the test that must notice what is wrong; sinks without it must pass.
Run by `test_suites.py`, and not collected by themselves.
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from asyncevents_core.plugin import Failure, Outcome
from asyncevents_core.testing import (
    BatchingRecordingSinkType,
    BlockingRecordingSinkType,
    RecordingSinkType,
    SinkConformance,
)
from asyncevents_core.testing.conformance import sink_base, sink_closing, sink_deadlines
from asyncevents_core.testing.conformance import sink_deliveries as deliveries
from asyncevents_core.testing.sinks import RecordingConfig

HERE, THERE, AWAY, SILENT = "memory:orders", "memory:invoices", "memory:away", "memory:never"
ANSWERS = {
    AWAY: Failure.NETWORK,
    "memory:busy": Failure.THROTTLED,
    "memory:broken": Failure.UNAVAILABLE,
    "memory:expired": Failure.CREDENTIALS,
    "memory:picky": Failure.INVALID,
}
FAILURES = {failure: target for target, failure in ANSWERS.items()}


def answer(request, outcome):
    """Return what the place that a request goes to makes of it."""
    failure = ANSWERS.get(request.target)
    return outcome if failure is None else Outcome.failed(failure, "as it always does")


class Suite(SinkConformance):
    """The suite on a recording sink that says what options and configuration it was given."""

    base: ClassVar[type] = RecordingSinkType
    noticed_by: ClassVar[str] = ""

    @pytest.fixture(autouse=True)
    def _less_patience(self, monkeypatch):
        """What is wrong need not be waited for as long as what may come late."""
        if not self.noticed_by:
            return
        for module in (sink_base, sink_closing, sink_deadlines, deliveries):
            monkeypatch.setattr(module, "PATIENCE", 1.0)
        monkeypatch.setattr(sink_closing, "CLOSING", 1.0)
        monkeypatch.setattr(sink_closing, "_SETTLING", 1.0)

    def mistake(self, deliver):
        """Return what replaces the `deliver` of the open sink."""
        return deliver

    def spoil(self, sink):
        """Change anything else of an open sink."""

    @pytest.fixture
    def arrivals(self):
        return []

    @pytest.fixture
    def sink_type(self, arrivals):
        suite = self

        class Mistaken(suite.base):
            def open(self, config):
                sink = super().open(config)
                suite.arrange(sink, config, arrivals)
                return sink

        return Mistaken()

    def arrange(self, sink, config, arrivals):
        original = sink.deliver

        async def deliver(request, deadline):
            outcome = await original(request, deadline)
            note(request, config, arrivals)
            return answer(request, outcome)

        sink.deliver = self.mistake(deliver)
        self.spoil(sink)

    @pytest.fixture
    def target(self):
        return HERE

    @pytest.fixture
    def received(self, sink_type):
        return lambda: [one.body for one in sink_type.recorder.requests_to(HERE)]

    @pytest.fixture
    def elsewhere(self, sink_type):
        return THERE, lambda: [one.body for one in sink_type.recorder.requests_to(THERE)]

    @pytest.fixture
    def requests_at(self, sink_type):
        return lambda target: len(sink_type.recorder.requests_to(target))

    @pytest.fixture
    def seen_beside(self, arrivals):
        return lambda: list(arrivals)

    @pytest.fixture
    def options(self):
        return {"note": "for the shop"}

    @pytest.fixture
    def other_options(self):
        return {"note": "for the till"}

    @pytest.fixture
    def other_config(self):
        return RecordingConfig(greeting="good evening")

    @pytest.fixture
    def bad_targets(self):
        return ["", "elsewhere"]

    @pytest.fixture
    def bad_options(self):
        return [{"note": 1}, {"nota": "x"}]

    @pytest.fixture
    def unreachable(self):
        return AWAY

    @pytest.fixture
    def hanging(self, sink_type):
        sink_type.recorder.hold(SILENT)
        return SILENT

    @pytest.fixture
    def failures(self, hanging):
        return {**FAILURES, Failure.TIMED_OUT: hanging}


class Blocking(Suite):
    """The same on threads."""

    base = BlockingRecordingSinkType

    def arrange(self, sink, config, arrivals):
        original = sink.deliver

        def deliver(request, deadline):
            outcome = original(request, deadline)
            note(request, config, arrivals)
            return answer(request, outcome)

        sink.deliver = self.mistake(deliver)
        self.spoil(sink)


class Batching(Suite):
    """The same in batches; `mistake` gets its `deliver_batch`."""

    base = BatchingRecordingSinkType

    def arrange(self, sink, config, arrivals):
        original = sink.deliver_batch

        def deliver_batch(requests, deadline):
            outcomes = original(requests, deadline)
            for one in requests:
                note(one, config, arrivals)
            return [answer(*pair) for pair in zip(requests, outcomes, strict=True)]

        sink.deliver_batch = self.mistake(deliver_batch)
        self.spoil(sink)


def note(request, config, arrivals):
    """Note what comes beside the body."""
    if request.target == HERE:
        arrivals.append((config.greeting, request.options.note, request.secrets))
