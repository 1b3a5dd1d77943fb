"""`RetryPolicyConformance`: what every retry policy must do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from asyncevents_core.domain.outcome import Failure, Outcome
from asyncevents_core.plugin_registry.registry import check_name
from asyncevents_core.ports.retry_policy import FailedAttempt, RetryPolicyType
from asyncevents_core.testing.conformance.needing import left_out
from asyncevents_core.testing.conformance.watching import watched_io

MOST_DEATHS: Final = 1_000
"""Failures after which a policy has to have given up."""
_LONGEST: Final = 366 * 86_400.0
_SATURDAY: Final = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
_THREADS: Final = 4
_WEEKS: Final = 6
_HOURS: Final = 24 * 7 * _WEEKS


class RetryPolicyConformance:
    """Override the fixture `retry_policy`.

    `gives_up` tells whether it ends at some time what fails for ever: override it with False for
    one that never gives up on purpose.
    """

    @pytest.fixture
    def retry_policy(self) -> RetryPolicyType:
        """Override: the policy under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `retry_policy`")

    @pytest.fixture
    def gives_up(self) -> bool:
        """Override with False where it never gives a delivery up."""
        return True

    def test_it_describes_itself(self, retry_policy: RetryPolicyType) -> None:
        assert check_name(retry_policy.name)
        assert retry_policy.title

    def test_it_decides_at_any_time(self, retry_policy: RetryPolicyType) -> None:
        for failed in _failures():
            delay = retry_policy.decide(failed)
            assert delay is None or _is_seconds(delay), f"{delay!r} for {failed}"

    def test_it_does_no_io(self, retry_policy: RetryPolicyType) -> None:
        with watched_io() as done:
            for failed in _failures():
                retry_policy.decide(failed)
        assert done == []

    def test_it_decides_on_several_threads(self, retry_policy: RetryPolicyType) -> None:
        alone = [retry_policy.decide(failed) for failed in _failures()]
        with ThreadPoolExecutor(_THREADS) as pool:
            assert list(pool.map(retry_policy.decide, _failures())) == alone

    def test_it_decides_the_same_again(self, retry_policy: RetryPolicyType) -> None:
        """A decision is written again where the ledger asks for it: it must not change."""
        first = []
        for failed in _failures():
            first.append(retry_policy.decide(failed))
            assert retry_policy.decide(failed) == first[-1]
        # Nor does what it was asked meanwhile matter, or when it is asked.
        backwards = [retry_policy.decide(failed) for failed in reversed(list(_failures()))]
        assert backwards[::-1] == first

    def test_what_would_be_given_up_is_up_to_it(self, retry_policy: RetryPolicyType) -> None:
        for failed in _failures():
            delay = retry_policy.decide(evolve(failed, usual=None))
            assert delay is None or _is_seconds(delay)

    def test_it_gives_up_at_some_time(self, retry_policy: RetryPolicyType, gives_up: bool) -> None:
        if not gives_up:
            left_out("the fixture `gives_up` says that it does not")
        failed = next(_failures())
        for deaths in range(1, MOST_DEATHS + 1):
            usual = float(min(60, deaths**2)) if deaths <= 5 else None
            delay = retry_policy.decide(evolve(failed, deaths=deaths, usual=usual))
            if delay is None:
                return
            failed = evolve(failed, at=failed.at + timedelta(seconds=delay))
        pytest.fail(f"it still tries again after {MOST_DEATHS} failures")


def _failures() -> Iterator[FailedAttempt]:
    """Return failures at each hour of some weeks, the first on a Saturday before midnight."""
    outcomes = [
        Outcome.failed(Failure.UNAVAILABLE, "HTTP 503", http_status=503),
        Outcome.failed(Failure.THROTTLED, "HTTP 429", http_status=429, retry_after=120.0),
        Outcome.failed(Failure.NETWORK, "connection refused"),
        Outcome.retryable(""),
    ]
    for hour in range(_HOURS):
        deaths = 1 + hour % 20
        at = _SATURDAY + timedelta(hours=hour)
        yield FailedAttempt(
            event_name="sales.order.created",
            tenant=None if hour % 3 else "acme",
            subscription_id=1 + hour % 5,
            sink="http",
            target="https://example.com/orders",
            outcome=outcomes[hour % len(outcomes)],
            deaths=deaths,
            at=at,
            published_at=at - timedelta(seconds=deaths**3),
            usual=None if deaths > 5 else float(min(60, deaths**2)),
        )


def _is_seconds(delay: object) -> bool:
    return isinstance(delay, int | float) and math.isfinite(delay) and 0 <= delay <= _LONGEST
