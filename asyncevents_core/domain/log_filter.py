"""Which attempts of the log are meant."""

from __future__ import annotations

from attrs import frozen

from asyncevents_core.domain.outcome import OutcomeKind


@frozen(kw_only=True)
class LogFilter:
    """All conditions that are given hold.

    `tenant` is that of the subscription. `since` and `until` bound the attempt's start, in
    microseconds. `delivered` tells those that succeeded from those that did not.
    """

    subscription_id: int | None = None
    event_name: str | None = None
    tenant: str | None = None
    delivered: bool | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, outcome: OutcomeKind) -> bool:
        """Tell whether an outcome is one of those meant."""
        return self.delivered in (None, outcome is OutcomeKind.DELIVERED)
