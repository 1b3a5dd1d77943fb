"""`RetryManagerConformance`: what every retry manager must do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import pytest

from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.ports.broker import MOST_IDS, BrokerConfig
from asyncevents_core.ports.retry import RetryManager, RetryManagerType, ScheduledRetry

PATIENCE: Final = 30.0
"""Seconds after which a test gives up on a retry."""


class RetryManagerConformance:
    """Override the fixtures `retry_manager_type` and, where it needs one, `broker`."""

    @pytest.fixture
    def retry_manager_type(self) -> RetryManagerType:
        """Override: the type under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `retry_manager_type`")

    @pytest.fixture
    def broker(self) -> BrokerConfig:
        """Override where the manager uses the broker; its queues are empty."""
        return BrokerConfig(url="memory://")

    def test_it_has_a_name_and_a_title(self, retry_manager_type: RetryManagerType) -> None:
        assert retry_manager_type.name
        assert retry_manager_type.title

    @pytest.fixture
    def manager(
        self, retry_manager_type: RetryManagerType, broker: BrokerConfig
    ) -> Iterator[RetryManager]:
        manager = retry_manager_type.open(broker)
        yield manager
        manager.close()

    def test_the_backstop_is_no_negative_time(self, manager: RetryManager) -> None:
        assert manager.backstop >= 0

    def test_scheduling_is_idempotent(self, manager: RetryManager) -> None:
        retries = [ScheduledRetry(delivery_id=uuid7(), deaths=1, delay=1.0) for _ in range(3)]
        manager.schedule(retries)
        manager.schedule(retries)
        manager.schedule([])

    def test_dead_letters_are_taken_note_of(self, manager: RetryManager) -> None:
        manager.bury([uuid7(), uuid7()])
        manager.bury([])

    def test_deliveries_are_woken_when_their_time_has_come(self, manager: RetryManager) -> None:
        if not manager.wakes:
            assert manager.backstop == 0, "nobody wakes deliveries, so their due time must"
            return
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
        if not manager.wakes:
            assert manager.backstop == 0
            return
        consumer = manager.woken(prefetch=100)
        wanted = {uuid7() for _ in range(2 * MOST_IDS + 3)}
        with consumer:
            consumer.receive(0.1)
            manager.schedule(
                [ScheduledRetry(delivery_id=one, deaths=1, delay=0.1) for one in wanted]
            )
            found: set[UUID] = set()
            until = time.monotonic() + PATIENCE
            while found != wanted and time.monotonic() < until:
                for message in consumer.receive(1.0):
                    found.update(message.ids)
                    message.ack()
        assert found == wanted

    def test_a_delay_beyond_all_measure_is_left_to_the_backstop(
        self, manager: RetryManager
    ) -> None:
        manager.schedule([ScheduledRetry(delivery_id=uuid7(), deaths=1, delay=10_000_000.0)])
