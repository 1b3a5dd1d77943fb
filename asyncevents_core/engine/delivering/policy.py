"""What the engine is configured with: numbers that the state machine depends on."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from asyncevents_core.domain.backoff import MINUTE, RetrySchedule, exhausted, retry_delay
from asyncevents_core.domain.failing import USUAL, FailurePolicy
from asyncevents_core.domain.subscription import RetryPolicy
from asyncevents_core.ports.retry_policy import RetryPolicyType
from asyncevents_core.settings.run_time import RunTimeValues

START_LIMIT: Final = 5.0
"""Seconds within which a claimed delivery must have started."""
DELIVERY_MARGIN: Final = 40.0
RESOLVE_MARGIN: Final = 30.0
SERVICE_START: Final = 30.0
"""How long a process for services may take to start, where services have processes."""
GIVE_BACK_MARGIN: Final = 10.0
"""With less than the deadline and this left of a lease, no attempt and no call is begun."""
POISON_AFTER: Final = 5
"""Abandonments in a row that make a dead letter."""
ALONE_FROM: Final = 2
"""Abandonments in a row from which on a delivery, or the service of an event, runs alone."""


@frozen(kw_only=True)
class Policy:
    """Deadlines and limits, in seconds. `source` is the CloudEvents source of all events.

    `service_start` is how long the process of a service may take to start, 0 where it runs on a
    thread. `schedule` and `maximum_deaths` are for what has none of its own; what is set at run
    time goes before `maximum_deaths`. With `indexing` attempts are queued for the index, also while
    it is switched off. `retry_policy` decides when to try again; None: subscriptions do. `failure`
    says what comes of recipients that fail time after time, where subscriptions do not; it says
    everything. Without `retries` the first failure is final, whatever they say.
    """

    source: str
    sink_deadline: float = 15.0
    service_timeout: float = 30.0
    service_start: float = 0.0
    schedule: RetrySchedule = MINUTE
    maximum_deaths: int = MINUTE.retries
    retry_after_max: float = 3600.0
    retry_backstop: float = 0.0
    retries: bool = True
    indexing: bool = False
    retry_policy: RetryPolicyType | None = None
    failure: FailurePolicy = USUAL
    run_time: RunTimeValues = field(factory=RunTimeValues, eq=False)

    @property
    def deaths_allowed(self) -> int:
        """The maximum deaths of a subscription that has none of its own."""
        return int(self.run_time.number("MAXIMUM_DEATHS", self.maximum_deaths))

    @property
    def delivery_lease(self) -> float:
        """How long a claimed delivery belongs to its worker."""
        return START_LIMIT + self.sink_deadline + DELIVERY_MARGIN

    @property
    def resolve_lease(self) -> float:
        """How long a resolving event belongs to its worker."""
        return START_LIMIT + self.service_start + self.service_timeout + RESOLVE_MARGIN

    @property
    def service_patience(self) -> float:
        """How long a claimed event may wait for a thread that calls its service."""
        called = self.service_start + self.service_timeout
        return self.resolve_lease - called - GIVE_BACK_MARGIN

    def is_exhausted(self, deaths: int, retry: RetryPolicy) -> bool:
        """Tell whether failure number `deaths` was the last one allowed."""
        return not self.retries or exhausted(deaths, retry, default_maximum=self.deaths_allowed)

    def delay(
        self, deaths: int, retry: RetryPolicy, *, retry_after: float | None, random: float
    ) -> float:
        """Return the seconds until the attempt after failure `deaths`; see `retry_delay`."""
        return retry_delay(
            deaths,
            retry,
            self.schedule,
            retry_after=retry_after,
            retry_after_max=self.retry_after_max,
            random=random,
        )
