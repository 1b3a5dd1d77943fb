"""Retry managers: with one mistake each, and some that are only unusual."""

from __future__ import annotations

import threading
import time

import pytest
from attrs import define, field

from asyncevents_core.adapters.retries import LedgerRetryManagerType
from asyncevents_core.errors import BrokerError, BrokerUnavailable
from asyncevents_core.ports.broker import BrokerConfig, Consumer, HandOff
from asyncevents_core.ports.retry import RetryManager, RetryManagerType
from asyncevents_core.testing import RetryManagerConformance
from asyncevents_core.testing.conformance import retry

ABSENT, WRONG = "memory://absent", "memory://wrong"


@define(eq=False)
class Clockwork:
    """What is due when, and what nobody has acknowledged."""

    due: dict = field(factory=dict)
    lock: threading.Condition = field(factory=threading.Condition)

    def take(self, most, timeout):
        until = time.monotonic() + timeout
        with self.lock:
            while True:
                now = time.monotonic()
                ready = [one for one, at in self.due.items() if at <= now][:most]
                if ready or now >= until:
                    for one in ready:
                        del self.due[one]
                    return ready
                following = min(self.due.values(), default=until)
                self.lock.wait(max(0.0, min(until, following) - now))


class Message(HandOff):
    def __init__(self, ids):
        self.ids = tuple(ids)

    def ack(self):
        pass


class Waking(Consumer):
    def __init__(self, clockwork, prefetch):
        self._clockwork, self._prefetch = clockwork, prefetch

    def receive(self, timeout):
        ready = self._clockwork.take(self._prefetch, timeout)
        return [Message(ready)] if ready else []

    def close(self):
        pass


class Manager(RetryManager):
    wakes = True
    backstop = 60.0

    def __init__(self, broker):
        self.broker = broker
        self.clockwork = Clockwork()

    def schedule(self, retries):
        if self.broker.url == ABSENT:
            raise BrokerUnavailable("it does not answer")
        with self.clockwork.lock:
            for one in retries:
                self.clockwork.due[one.delivery_id] = time.monotonic() + one.delay
            self.clockwork.lock.notify_all()

    def woken(self, *, prefetch):
        return Waking(self.clockwork, prefetch)


class Suite(RetryManagerConformance):
    """A manager in memory that wakes deliveries in time."""

    noticed_by = ""
    manager_class = Manager
    refused = WRONG

    @pytest.fixture(autouse=True)
    def _less_patience(self, monkeypatch):
        if self.noticed_by:
            monkeypatch.setattr(retry, "PATIENCE", 4.0)

    @pytest.fixture
    def retry_manager_type(self):
        suite = self

        class Kind(RetryManagerType):
            name = "clockwork"
            title = "Clockwork"

            def open(self, broker):
                if broker.url == suite.refused:
                    raise BrokerError("not with this one")
                return suite.manager_class(broker)

        return Kind()

    @pytest.fixture
    def wrong_broker(self):
        return BrokerConfig(url=WRONG)

    @pytest.fixture
    def absent_broker(self):
        return BrokerConfig(url=ABSENT)


class TestManagerAsItIs(Suite):
    pass


class TestManagerThatSendsOneByOne(Suite):
    class manager_class(Manager):
        def woken(self, *, prefetch):
            return Waking(self.clockwork, 1)


class TestManagerOfTheLedger(Suite):
    """It wakes nobody, and uses no broker."""

    @pytest.fixture
    def retry_manager_type(self):
        return LedgerRetryManagerType()

    @pytest.fixture
    def wrong_broker(self):
        return None

    @pytest.fixture
    def absent_broker(self):
        return None


class _Delayed(Suite):
    """Changes the delays."""

    class manager_class(Manager):
        @staticmethod
        def delayed(delay):
            return delay

        def schedule(self, retries):
            super().schedule(retries)
            with self.clockwork.lock:
                now = time.monotonic()
                for one in retries:
                    self.clockwork.due[one.delivery_id] = now + self.delayed(one.delay)


class TestManagerThatIsEarly(_Delayed):
    noticed_by = "test_deliveries_are_woken_when_their_time_has_come"

    class manager_class(_Delayed.manager_class):
        delayed = staticmethod(lambda delay: delay - 0.3)


class TestManagerThatDoesNotWait(_Delayed):
    noticed_by = "test_deliveries_are_woken_when_their_time_has_come"

    class manager_class(_Delayed.manager_class):
        delayed = staticmethod(lambda delay: 0.0)


class TestManagerThatForgetsWhatIsFarOff(_Delayed):
    noticed_by = "test_deliveries_are_woken_when_their_time_has_come"

    class manager_class(_Delayed.manager_class):
        delayed = staticmethod(lambda delay: 3600.0 if delay > 2.2 else delay)


class TestManagerThatTakesFifty(Suite):
    noticed_by = "test_many_retries_at_once"

    class manager_class(Manager):
        def schedule(self, retries):
            super().schedule(retries[:50])


class TestManagerThatWakesOthers(Suite):
    """What was dead-lettered, or never scheduled, comes too."""

    noticed_by = "test_many_retries_at_once"

    class manager_class(Manager):
        def schedule(self, retries):
            super().schedule(retries)
            with self.clockwork.lock:
                self.clockwork.due[retry.uuid7()] = 0.0


class TestManagerThatEndsWithItsConsumer(Suite):
    noticed_by = "test_what_a_closed_consumer_has_not_received_goes_to_the_next"

    class manager_class(Manager):
        def woken(self, *, prefetch):
            consumer = super().woken(prefetch=prefetch)
            consumer.close = self.clockwork.due.clear
            return consumer


class TestManagerWhoseConsumerLosesWhatCame(Suite):
    """What was to come before it opened is gone."""

    noticed_by = "test_a_consumer_that_closes_leaves_the_rest_to_the_next"

    class manager_class(Manager):
        def woken(self, *, prefetch):
            self.clockwork.due.clear()
            return super().woken(prefetch=prefetch)


class TestManagerWhoseConsumerClosesOnce(Suite):
    noticed_by = "test_a_consumer_that_closes_leaves_the_rest_to_the_next"

    class manager_class(Manager):
        def woken(self, *, prefetch):
            consumer = super().woken(prefetch=prefetch)
            connections = [object()]
            consumer.close = lambda: connections.pop()
            return consumer


class TestManagerThatHoldsSchedulingUp(Suite):
    """Who waits keeps all others out."""

    noticed_by = "test_retries_are_scheduled_while_a_consumer_waits"

    class manager_class(Manager):
        def woken(self, *, prefetch):
            consumer = super().woken(prefetch=prefetch)
            clockwork = self.clockwork

            def receive(timeout):
                before = dict(clockwork.due)
                time.sleep(timeout)
                clockwork.due.clear()
                clockwork.due.update(before)
                return []

            consumer.receive = receive
            return consumer


class TestManagerThatSchedulesOnce(Suite):
    noticed_by = "test_scheduling_is_idempotent"

    class manager_class(Manager):
        def schedule(self, retries):
            if any(one.delivery_id in self.clockwork.due for one in retries):
                raise ValueError("scheduled already")
            super().schedule(retries)


class TestManagerThatCannotScheduleNothing(Suite):
    noticed_by = "test_scheduling_is_idempotent"

    class manager_class(Manager):
        def schedule(self, retries):
            min(one.delay for one in retries)
            super().schedule(retries)


class TestManagerThatCannotWaitForever(Suite):
    noticed_by = "test_a_delay_beyond_all_measure_is_left_to_the_backstop"

    class manager_class(Manager):
        def schedule(self, retries):
            if any(one.delay > 1_000_000 for one in retries):
                raise OverflowError("too long")
            super().schedule(retries)


class TestManagerThatBuriesNothing(Suite):
    noticed_by = "test_dead_letters_are_taken_note_of"

    class manager_class(Manager):
        def bury(self, delivery_ids):
            raise NotImplementedError


class TestManagerWithANegativeBackstop(Suite):
    noticed_by = "test_the_backstop_is_no_negative_time"

    class manager_class(Manager):
        backstop = -1.0


class TestManagerThatWakesNobodyAndWaits(Suite):
    noticed_by = "test_without_waking_the_due_time_is_all_there_is"

    class manager_class(Manager):
        wakes = False


class TestManagerOfAnyBroker(Suite):
    noticed_by = "test_a_broker_that_cannot_serve_it_is_refused"
    refused = ""


class TestManagerThatConnectsAtOnce(Suite):
    noticed_by = "test_a_broker_that_does_not_answer"

    class manager_class(Manager):
        def __init__(self, broker):
            if broker.url == ABSENT:
                raise BrokerUnavailable("it does not answer")
            super().__init__(broker)


class TestManagerThatHidesItsBroker(Suite):
    noticed_by = "test_a_broker_that_does_not_answer"

    class manager_class(Manager):
        def schedule(self, retries):
            try:
                super().schedule(retries)
            except BrokerUnavailable:
                return
