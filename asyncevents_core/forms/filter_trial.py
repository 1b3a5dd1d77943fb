"""The form of a filter that was tried."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.engine.managing.filter_trials import FilterTrial, TrialVerdict, TriedEvent


@frozen(kw_only=True)
class TriedEventForm:
    """An event on which a filter was tried, and what it says of it; `reason`: why it fails."""

    event_id: UUID
    event_name: str
    published_at: datetime
    verdict: TrialVerdict
    reason: str | None

    @classmethod
    def of(cls, one: TriedEvent) -> Self:
        """Return the form of an event."""
        return cls(
            event_id=one.event_id,
            event_name=one.event_name,
            published_at=to_datetime(one.published_at),
            verdict=one.verdict,
            reason=one.reason,
        )


@frozen(kw_only=True)
class FilterTrialForm:
    """What a filter says of the latest events, newest first.

    Of `tried` events `passing` pass, `filtered` do not, and on `failed` it fails: they do not pass
    either. `doubts` say what in the filter is probably meant otherwise.
    """

    tried: int
    passing: int
    filtered: int
    failed: int
    doubts: list[str]
    events: list[TriedEventForm]

    @classmethod
    def of(cls, trial: FilterTrial) -> Self:
        """Return the form of a trial."""
        return cls(
            tried=len(trial.events),
            passing=trial.count(TrialVerdict.PASSES),
            filtered=trial.count(TrialVerdict.FILTERED),
            failed=trial.count(TrialVerdict.FAILED),
            doubts=[str(one) for one in trial.doubts],
            events=[TriedEventForm.of(one) for one in trial.events],
        )
