"""`RetryManagerConformance`: what every retry manager must do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

import pytest

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.errors import BrokerError, BrokerUnavailable
from asyncevents_core.ports.broker import MOST_IDS, BrokerConfig, Consumer
from asyncevents_core.ports.retry import RetryManager, RetryManagerType, ScheduledRetry
from asyncevents_core.testing.conformance.needing import given, left_out

PATIENCE: Final = 30.0
"""Seconds after which a test gives up on a retry."""


class RetryManagerConformance:
    """Override the fixture `retry_manager_type` and, where the manager uses the broker, `broker`.

    Override `wrong_broker` with one that cannot serve it, and `absent_broker` with one that does
    not answer. What only managers that wake deliveries do is not asked of the others.
    """

    @pytest.fixture
    def retry_manager_type(self) -> RetryManagerType:
        """Override: the type under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `retry_manager_type`")

    @pytest.fixture
    def broker(self) -> BrokerConfig:
        """Override where the manager uses the broker; its queues are empty."""
        return BrokerConfig(url="memory://")

    @pytest.fixture
    def wrong_broker(self) -> BrokerConfig | None:
        """Override: a broker that cannot serve it; None where any will do."""
        return None

    @pytest.fixture
    def absent_broker(self) -> BrokerConfig | None:
        """Override: a broker that does not answer; None where none is used."""
        return None

    @pytest.fixture
    def manager(
        self, retry_manager_type: RetryManagerType, broker: BrokerConfig
    ) -> Iterator[RetryManager]:
        manager = retry_manager_type.open(broker)
        yield manager
        manager.close()

    def test_it_has_a_name_and_a_title(self, retry_manager_type: RetryManagerType) -> None:
        assert retry_manager_type.name == retry_manager_type.name.strip().lower() != ""
        assert retry_manager_type.title

    def test_a_broker_that_cannot_serve_it_is_refused(
        self, retry_manager_type: RetryManagerType, wrong_broker: BrokerConfig | None
    ) -> None:
        wrong = given(wrong_broker, "wrong_broker")
        with pytest.raises(BrokerError):
            retry_manager_type.open(wrong)

    def test_a_broker_that_does_not_answer(
        self, retry_manager_type: RetryManagerType, absent_broker: BrokerConfig | None
    ) -> None:
        absent = given(absent_broker, "absent_broker")
        manager = retry_manager_type.open(absent)  # connects lazily: no error yet
        with pytest.raises(BrokerUnavailable):
            manager.schedule([ScheduledRetry(delivery_id=uuid7(), deaths=1, delay=1.0)])
        manager.close()

    def test_the_backstop_is_no_negative_time(self, manager: RetryManager) -> None:
        assert manager.backstop >= 0

    def test_without_waking_the_due_time_is_all_there_is(self, manager: RetryManager) -> None:
        if manager.wakes:
            left_out("the manager wakes deliveries")
        assert manager.backstop == 0, "nobody wakes deliveries, so their due time must"
        with pytest.raises(NotImplementedError):
            manager.woken(prefetch=1)

    def test_scheduling_is_idempotent(self, manager: RetryManager) -> None:
        retries = [ScheduledRetry(delivery_id=uuid7(), deaths=1, delay=1.0) for _ in range(3)]
        manager.schedule(retries)
        manager.schedule(retries)
        manager.schedule([])

    def test_dead_letters_are_taken_note_of(self, manager: RetryManager) -> None:
        manager.bury([uuid7(), uuid7()])
        manager.bury([])

    def test_deliveries_are_woken_when_their_time_has_come(self, manager: RetryManager) -> None:
        needs_to_wake(manager)
        consumer = manager.woken(prefetch=10)
        delays = [0.5, 1.0, 2.0, 2.5]
        begun = time.monotonic()
        due = {uuid7(): begun + delay for delay in delays}
        with consumer:
            consumer.receive(0.1)
            manager.schedule(
                [
                    ScheduledRetry(delivery_id=one, deaths=number, delay=delay)
                    for number, (one, delay) in enumerate(zip(due, delays, strict=True), start=1)
                ]
            )
            woken: dict[UUID, float] = {}
            while len(woken) < len(due) and time.monotonic() < begun + PATIENCE:
                for message in consumer.receive(1.0):
                    woken.update(dict.fromkeys(message.ids, time.monotonic()))
                    message.ack()
        assert set(woken) == set(due)
        early = [one for one, at in woken.items() if at < due[one]]
        assert not early

    def test_many_retries_at_once(self, manager: RetryManager) -> None:
        needs_to_wake(manager)
        consumer = manager.woken(prefetch=100)
        wanted = {uuid7() for _ in range(2 * MOST_IDS + 3)}
        with consumer:
            consumer.receive(0.1)
            manager.schedule(
                [ScheduledRetry(delivery_id=one, deaths=1, delay=0.1) for one in wanted]
            )
            assert received_by(consumer, len(wanted)) == wanted

    def test_a_consumer_that_closes_leaves_the_rest_to_the_next(
        self, manager: RetryManager
    ) -> None:
        needs_to_wake(manager)
        with manager.woken(prefetch=1) as first:
            first.receive(0.1)
        later = uuid7()
        manager.schedule([ScheduledRetry(delivery_id=later, deaths=1, delay=0.1)])
        with manager.woken(prefetch=1) as second:
            assert later in received_by(second, 1)
        first.close()  # twice does no harm
        second.close()

    def test_what_a_closed_consumer_has_not_received_goes_to_the_next(
        self, manager: RetryManager
    ) -> None:
        needs_to_wake(manager)
        wanted = {uuid7() for _ in range(5)}
        with manager.woken(prefetch=1) as first:
            first.receive(0.1)
            manager.schedule(
                [ScheduledRetry(delivery_id=one, deaths=1, delay=0.1) for one in wanted]
            )
            taken = received_by(first, 1)
        rest = wanted - taken
        with manager.woken(prefetch=10) as second:
            assert rest <= received_by(second, len(rest))

    def test_retries_are_scheduled_while_a_consumer_waits(self, manager: RetryManager) -> None:
        needs_to_wake(manager)
        wanted = {uuid7() for _ in range(5)}

        def consume() -> set[UUID]:
            with manager.woken(prefetch=10) as consumer:
                return received_by(consumer, len(wanted))

        with ThreadPoolExecutor(1) as pool:
            woken = pool.submit(consume)
            for one in wanted:
                manager.schedule([ScheduledRetry(delivery_id=one, deaths=1, delay=0.05)])
            assert woken.result() == wanted

    def test_a_delay_beyond_all_measure_is_left_to_the_backstop(
        self, manager: RetryManager
    ) -> None:
        manager.schedule([ScheduledRetry(delivery_id=uuid7(), deaths=1, delay=10_000_000.0)])


def needs_to_wake(manager: RetryManager) -> None:
    """Skip what only managers do that wake deliveries."""
    if not manager.wakes:
        left_out("the manager does not wake deliveries")


def received_by(consumer: Consumer, count: int) -> set[UUID]:
    """Receive and acknowledge until so many ids are there, or patience is over."""
    found: set[UUID] = set()
    until = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < until:
        for message in consumer.receive(1.0):
            found.update(message.ids)
            message.ack()
    return found
