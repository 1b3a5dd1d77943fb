"""Sinks with one mistake each; the name of the test that must notice it is their `noticed_by`.

Run by `test_suites.py`, and not collected by itself.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging

import pytest
from attrs import evolve, field, frozen

from asyncevents_core.plugin import Failure, Outcome
from asyncevents_core.testing import (
    BatchingRecordingSinkType,
    RecordingSinkType,
    SinkConformance,
)
from asyncevents_core.testing.conformance import sink_base, sink_deliveries, sink_failures

logger = logging.getLogger("mistaken")


@pytest.fixture(autouse=True)
def _less_patience(monkeypatch):
    for module in (sink_base, sink_deliveries, sink_failures):
        monkeypatch.setattr(module, "PATIENCE", 1.0)


class Suite(SinkConformance):
    """A recording sink that passes the suite, unless a subclass makes a mistake."""

    base = RecordingSinkType
    noticed_by = ""

    def mistake(self, deliver):
        """Return what replaces the `deliver` of the open sink."""
        return deliver

    @pytest.fixture
    def sink_type(self):
        suite = self

        class Mistaken(suite.base):
            def open(self, config):
                sink = super().open(config)
                sink.deliver = suite.mistake(sink.deliver)
                return sink

        return Mistaken()

    @pytest.fixture
    def target(self):
        return "memory:orders"

    @pytest.fixture
    def received(self, sink_type, target):
        return lambda: [one.body for one in sink_type.recorder.requests_to(target)]

    @pytest.fixture
    def bad_targets(self):
        return ["", "elsewhere"]

    @pytest.fixture
    def bad_options(self):
        return [{"note": 1}]

    @pytest.fixture
    def unreachable(self):
        return "memory:away"

    @pytest.fixture
    def hanging(self, sink_type):
        sink_type.recorder.hold("memory:never")
        return "memory:never"

    @pytest.fixture
    def failures(self, sink_type):
        failed = Outcome.failed(Failure.THROTTLED, "HTTP 429")
        sink_type.recorder.script("memory:busy", failed)
        return {Failure.THROTTLED: "memory:busy"}


class TestThatWritesTheBodyAnew(Suite):
    noticed_by = "test_the_body_arrives_unchanged[2]"

    def mistake(self, deliver):
        async def changed(request, deadline):
            body = json.dumps(json.loads(request.body)).encode()
            return await deliver(evolve(request, body=body), deadline)

        return changed


class TestThatLosesSomeOfMany(Suite):
    noticed_by = "test_many_at_once"
    under_way = 0

    def mistake(self, deliver):
        async def changed(request, deadline):
            self.under_way += 1
            await asyncio.sleep(0.01)
            if self.under_way > 20:
                return Outcome.delivered("lost")
            return await deliver(request, deadline)

        return changed


class TestThatTakesAnyTarget(Suite):
    noticed_by = "test_bad_targets_are_refused"

    @pytest.fixture
    def bad_targets(self):
        return ["memory:is-fine"]


class TestThatTakesAnyOptions(Suite):
    noticed_by = "test_bad_options_are_refused"

    @pytest.fixture
    def bad_options(self):
        return [{"note": "is fine"}]


class TestThatRefusesItsOptions(Suite):
    noticed_by = "test_good_options_are_accepted"

    @pytest.fixture
    def options(self):
        return {"note": 7}


class TestThatRaises(Suite):
    noticed_by = "test_what_cannot_be_reached_is_an_outcome"

    def mistake(self, deliver):
        async def changed(request, deadline):
            if request.target == "memory:away":
                raise ConnectionRefusedError
            return await deliver(request, deadline)

        return changed


class TestThatHasWordsOfItsOwn(Suite):
    noticed_by = "test_what_cannot_be_reached_is_an_outcome"

    def mistake(self, deliver):
        async def changed(request, deadline):
            return Outcome.retryable("cannot connect")

        return changed


class TestThatBuriesWhatIsThrottled(Suite):
    noticed_by = "test_each_failure_is_told_by_its_reason"

    @pytest.fixture
    def failures(self, sink_type):
        sink_type.recorder.script("memory:busy", Outcome.failed(Failure.INVALID, "HTTP 429"))
        return {Failure.THROTTLED: "memory:busy"}


class TestThatForgetsTheDeadline(Suite):
    noticed_by = "test_a_target_that_never_answers_times_out"

    def mistake(self, deliver):
        return lambda request, deadline: deliver(request, 3600.0)


class TestThatCallsATimeOutSomethingElse(Suite):
    noticed_by = "test_a_target_that_never_answers_times_out"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await deliver(request, deadline)
            return Outcome.failed(Failure.NETWORK, "no answer")

        return changed


class TestThatStaysClosed(Suite):
    noticed_by = "test_a_sink_can_be_opened_again"

    def mistake(self, deliver):
        closed = getattr(self, "opened", False)
        self.opened = True

        async def changed(request, deadline):
            if closed:
                return Outcome.failed(Failure.NETWORK, "the client is closed")
            return await deliver(request, deadline)

        return changed


class TestThatLogsItsSecrets(Suite):
    noticed_by = "test_secrets_are_not_shown"

    def mistake(self, deliver):
        async def changed(request, deadline):
            logger.debug("signing with %s", request.secrets)
            return await deliver(request, deadline)

        return changed


class TestThatTellsASecretOption(Suite):
    noticed_by = "test_secrets_are_not_shown"

    def mistake(self, deliver):
        async def changed(request, deadline):
            return Outcome.delivered(f"with {request.options.key}")

        return changed


@frozen(kw_only=True)
class OpenConfig:
    token: str = field(default="", metadata={"secret": True})


class TestThatShowsItsConfiguration(Suite):
    noticed_by = "test_the_configuration_hides_its_secrets"

    @pytest.fixture
    def config(self):
        return OpenConfig()


@frozen(kw_only=True)
class UnreadableConfig:
    since: datetime.date = datetime.date(2026, 1, 1)


class TestThatNoSettingsCanDescribe(Suite):
    noticed_by = "test_the_settings_can_say_its_configuration"

    class base(RecordingSinkType):
        config_class = UnreadableConfig


class TestThatLendsItsSecrets(Suite):
    noticed_by = "test_to_use_the_secrets_of_the_configuration_is_a_privilege"

    class base(RecordingSinkType):
        def privileges(self, options, target, config):
            return ()


class TestThatNamesItsPrivilegesForPeople(Suite):
    noticed_by = "test_privileges_have_names_that_settings_can_allow"

    class base(RecordingSinkType):
        def privileges(self, options, target, config):
            return ("The keys of the shop",)


class TestThatNeverStopsLending(Suite):
    noticed_by = "test_nothing_of_the_operators_is_used_with_options_of_ones_own"

    @pytest.fixture
    def own_options(self):
        return {"note": "mine"}


class _Batching(Suite):
    base = BatchingRecordingSinkType

    def mistaken_batch(self, deliver_batch):
        return deliver_batch

    @pytest.fixture
    def sink_type(self):
        suite = self

        class Mistaken(BatchingRecordingSinkType):
            def open(self, config):
                sink = super().open(config)
                sink.deliver_batch = suite.mistaken_batch(sink.deliver_batch)
                return sink

        return Mistaken()


class TestThatGivesAllOfABatchOneOutcome(_Batching):
    noticed_by = "test_each_request_of_a_batch_has_its_own_outcome"

    def mistaken_batch(self, deliver_batch):
        def changed(requests, deadline):
            outcomes = deliver_batch(requests, deadline)
            worst = next((one for one in outcomes if one.kind != "delivered"), outcomes[0])
            return [worst] * len(requests)

        return changed


class TestThatSendsTheFirstOfABatch(_Batching):
    noticed_by = "test_a_batch_arrives_whole"

    def mistaken_batch(self, deliver_batch):
        return lambda requests, deadline: deliver_batch(requests[:1], deadline) * len(requests)


class TestThatSendsWhatIsTooLarge(_Batching):
    noticed_by = "test_what_is_larger_than_the_limit_is_refused"

    def mistaken_batch(self, deliver_batch):
        return lambda requests, deadline: [Outcome.delivered() for _ in requests]
