"""`RetryManagerConformance`: what every retry manager must do."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.ports.retry import RetryManager, RetryManagerType, ScheduledRetry


class RetryManagerConformance:
    """Override the fixtures `retry_manager_type` and, where it needs one, `broker_url`."""

    @pytest.fixture
    def retry_manager_type(self) -> RetryManagerType:
        """Override: the type under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `retry_manager_type`")

    @pytest.fixture
    def broker_url(self) -> str:
        """Override where the manager uses the broker."""
        return "memory://"

    def test_it_has_a_name_and_a_title(self, retry_manager_type: RetryManagerType) -> None:
        assert retry_manager_type.name
        assert retry_manager_type.title

    def test_the_backstop_is_no_negative_time(
        self, retry_manager_type: RetryManagerType, broker_url: str
    ) -> None:
        manager = retry_manager_type.open(broker_url)
        assert manager.backstop >= 0
        manager.close()

    def test_scheduling_is_idempotent(
        self, retry_manager_type: RetryManagerType, broker_url: str
    ) -> None:
        manager: RetryManager = retry_manager_type.open(broker_url)
        retries = [ScheduledRetry(delivery_id=uuid7(), deaths=1, delay=1.0) for _ in range(3)]
        manager.schedule(retries)
        manager.schedule(retries)
        manager.schedule([])
        manager.close()
