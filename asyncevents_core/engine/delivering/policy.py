"""What the engine is configured with: numbers that the state machine depends on."""

from __future__ import annotations

from typing import Final

from attrs import define, field, frozen

from asyncevents_core.domain.backoff import DEFAULT_MAXIMUM_DEATHS

START_LIMIT: Final = 5.0
"""Seconds within which a claimed delivery must have started."""
DELIVERY_MARGIN: Final = 40.0
RESOLVE_MARGIN: Final = 30.0
GIVE_BACK_MARGIN: Final = 10.0
"""With less than the deadline and this left of a lease, no attempt and no call is begun."""
POISON_AFTER: Final = 5
"""Abandonments in a row that make a dead letter."""
ALONE_FROM: Final = 2
"""Abandonments in a row from which on a delivery runs alone in its process."""


@define
class LiveValues:
    """What operators set at run time, as this process heard of it last; None: nothing."""

    maximum_deaths: int | None = None


@frozen(kw_only=True)
class Policy:
    """Deadlines and limits, in seconds. `source` is the CloudEvents source of all events.

    `maximum_deaths` is what the settings say, `live` what it is replaced with. With `indexing`
    attempts are queued for the index, also while it is switched off.
    """

    source: str
    sink_deadline: float = 15.0
    service_timeout: float = 30.0
    maximum_deaths: int = DEFAULT_MAXIMUM_DEATHS
    retry_after_max: float = 3600.0
    retry_backstop: float = 0.0
    indexing: bool = False
    live: LiveValues = field(factory=LiveValues, eq=False)

    @property
    def deaths_allowed(self) -> int:
        """The maximum deaths of a subscription that has none of its own."""
        found = self.live.maximum_deaths
        return self.maximum_deaths if found is None else found

    @property
    def delivery_lease(self) -> float:
        """How long a claimed delivery belongs to its worker."""
        return START_LIMIT + self.sink_deadline + DELIVERY_MARGIN

    @property
    def resolve_lease(self) -> float:
        """How long a resolving event belongs to its worker."""
        return START_LIMIT + self.service_timeout + RESOLVE_MARGIN

    @property
    def service_patience(self) -> float:
        """How long a claimed event may wait for a thread that calls its service."""
        return self.resolve_lease - self.service_timeout - GIVE_BACK_MARGIN
