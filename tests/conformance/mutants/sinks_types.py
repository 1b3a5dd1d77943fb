"""Types of sinks that do more than they are asked, or say other things each time."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import socket
import tempfile
import threading
import time

import pytest
from attrs import frozen

from asyncevents_core.testing import RecordingSinkType
from asyncevents_core.testing.sinks import PREFIX, RecordingOptions
from tests.conformance.mutants.base import Suite


class TestThatConnectsWhenOpened(Suite):
    noticed_by = "test_opening_does_no_io"

    class base(RecordingSinkType):
        def open(self, config):
            with socket.socket() as connection:
                connection.connect_ex(("127.0.0.1", 1))
            return super().open(config)


class TestThatReadsAFileWhenOpened(Suite):
    noticed_by = "test_opening_does_no_io"

    class base(RecordingSinkType):
        def open(self, config):
            with open(__file__) as file:
                file.read()
            return super().open(config)


class TestThatStartsAThreadWhenOpened(Suite):
    noticed_by = "test_opening_does_no_io"

    class base(RecordingSinkType):
        def open(self, config):
            threading.Thread(target=time.sleep, args=(0.2,)).start()
            return super().open(config)


class TestThatStartsATaskWhenOpened(Suite):
    noticed_by = "test_opening_does_no_io"

    class base(RecordingSinkType):
        def open(self, config):
            self.task = asyncio.ensure_future(asyncio.sleep(0.01))
            return super().open(config)


class TestThatLooksTargetsUp(Suite):
    noticed_by = "test_a_question_does_no_io[validate_target]"

    class base(RecordingSinkType):
        def validate_target(self, target, config):
            socket.getaddrinfo("localhost", 1)
            super().validate_target(target, config)


class TestThatLooksBadTargetsUp(Suite):
    noticed_by = "test_a_question_does_no_io[validate_target]"

    class base(RecordingSinkType):
        def validate_target(self, target, config):
            if not target.startswith(PREFIX):
                socket.getaddrinfo("localhost", 1)
            super().validate_target(target, config)


class TestThatWritesWhenItChecksOptions(Suite):
    noticed_by = "test_a_question_does_no_io[validate_options]"

    class base(RecordingSinkType):
        def validate_options(self, options, target, config):
            with tempfile.TemporaryFile() as file:
                file.write(b"checked")


class TestThatConnectsToPrepare(Suite):
    noticed_by = "test_a_question_does_no_io[prepare]"

    class base(RecordingSinkType):
        def prepare(self, target, options, config):
            with socket.socket() as connection:
                connection.connect_ex(("127.0.0.1", 1))


class TestThatReadsPrivilegesFromAFile(Suite):
    noticed_by = "test_a_question_does_no_io[privileges]"

    class base(RecordingSinkType):
        def privileges(self, options, target, config):
            with open(__file__) as file:
                file.readline()
            return ("files",)


class TestThatPreparesByChance(Suite):
    noticed_by = "test_a_question_has_the_same_answer_again[prepare]"

    class base(RecordingSinkType):
        numbers = itertools.count()

        def prepare(self, target, options, config):
            return [target, next(self.numbers)]


class TestThatPreparesWhatItKnowsAlready(Suite):
    """The first options stay: what others bring comes too late, and comes back."""

    noticed_by = "test_a_question_has_the_same_answer_again[prepare]"

    class base(RecordingSinkType):
        def prepare(self, target, options, config):
            before = getattr(self, "before", None)
            self.before = options.note
            return {"now": options.note, "before": before}


class TestThatPreparesByChangingTheOptions(Suite):
    noticed_by = "test_a_question_has_the_same_answer_again[prepare]"

    class base(RecordingSinkType):
        def prepare(self, target, options, config):
            object.__setattr__(options, "note", options.note.strip() + " ")


class TestThatChangesPrivileges(Suite):
    noticed_by = "test_a_question_has_the_same_answer_again[privileges]"

    class base(RecordingSinkType):
        def privileges(self, options, target, config):
            self.calls = getattr(self, "calls", 0) + 1
            return ("files",) if self.calls % 2 else ("network",)


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


class TestThatRefusesItsTarget(Suite):
    noticed_by = "test_a_working_target_is_valid"

    @pytest.fixture
    def target(self):
        return "elsewhere"


@frozen(kw_only=True)
class UnreadableConfig:
    since: datetime.date = datetime.date(2026, 1, 1)


class TestThatNoSettingsCanDescribe(Suite):
    noticed_by = "test_the_settings_can_say_its_configuration"

    class base(RecordingSinkType):
        config_class = UnreadableConfig


class TestThatOpensNoSink(Suite):
    noticed_by = "test_opening_it_gives_a_sink"

    @pytest.fixture
    def sink(self):
        return RecordingOptions()
