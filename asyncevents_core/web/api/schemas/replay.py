"""Replays of many deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final, Literal, Self
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.limits import LARGEST_ID, LONGEST_NAME
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.replay_job import DEFAULT_RATE, ReplayJob
from asyncevents_core.web.api.parameters import instant
from asyncevents_core.web.api.problems import FieldError, invalid
from asyncevents_core.web.api.strict_body import check_text, read_object

HIGHEST_RATE: Final = 100_000.0


@frozen(kw_only=True)
class ReplayRequestInput:
    """Which deliveries to send again: all conditions that are given hold.

    Without `delivered` dead letters are meant, those that were replayed already only with
    `replayed`; with it deliveries that arrived too. Times are ISO 8601, UTC unless they say
    otherwise. `search` stands for all other conditions but `tenant`: every delivery is meant of
    which it finds an attempt, once, also those that arrived. `rate` is deliveries a second at
    most.
    """

    event_name: str | None = None
    subscription_id: int | None = None
    reason: str | None = None
    since: str | None = None
    until: str | None = None
    delivered: bool = False
    replayed: bool = False
    tenant: str | None = None
    search: str | None = None
    rate: float = DEFAULT_RATE

    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "event_name": "sales.order.created",
        "since": "2026-11-25T00:00:00Z",
        "rate": DEFAULT_RATE,
    }


class ReplayBody:
    """The filter and the rate of a replay of many."""

    shape: ClassVar[type] = ReplayRequestInput

    def __init__(self, wanted: DeadFilter, search: str | None, rate: float) -> None:
        self.wanted = wanted
        self.search = search
        self.rate = rate

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        sent = read_object(ReplayRequestInput, value, "replay")
        if not 0 < sent.rate <= HIGHEST_RATE:
            raise invalid(
                FieldError(field="replay.rate", message=f"it is above 0, up to {HIGHEST_RATE:.0f}")
            )
        check_text("replay.event_name", sent.event_name, LONGEST_NAME)
        check_text("replay.tenant", sent.tenant, LONGEST_NAME)
        if sent.subscription_id is not None and not 0 < sent.subscription_id <= LARGEST_ID:
            raise invalid(FieldError(field="replay.subscription_id", message="it is not an id"))
        wanted = DeadFilter(
            event_name=sent.event_name,
            subscription_id=sent.subscription_id,
            reason=_reason(sent.reason),
            since=instant("replay.since", sent.since),
            until=instant("replay.until", sent.until),
            replayed=sent.replayed,
            tenant=sent.tenant,
            delivered=sent.delivered,
        )
        if sent.search is not None and wanted != DeadFilter(tenant=sent.tenant):
            message = "it goes with `tenant` and `rate` only: say the rest in the query"
            raise invalid(FieldError(field="replay.search", message=message))
        return cls(wanted, sent.search, sent.rate)


@frozen(kw_only=True)
class ReplayCount:
    """How many deliveries, and events whose service failed, a replay would look at.

    Not `exact`: of a search that finds more than 10,000 attempts, those of the newest ones.
    """

    count: int
    exact: bool


@frozen(kw_only=True)
class ReplayItem:
    """A replay and how far it is.

    `made` deliveries were sent again and events opened again; `refused` could not be (their
    subscription is disabled or deleted, or their payload is no longer kept), `passed_over` are
    sent by another one of the same replay. Of a search, `total` (up to 10,000) and `seen` count
    attempts, and `passed_over` those of deliveries that were met already or are under way.
    """

    uuid: UUID
    requested_by: str
    what: str
    rate: float
    state: Literal["waiting", "running", "done", "cancelled"]
    total: int
    seen: int
    made: int
    refused: int
    passed_over: int
    created_at: datetime
    finished_at: datetime | None


@frozen(kw_only=True)
class ReplayPage:
    """A page of replays, newest first; `next` is the `before` of the next one."""

    items: list[ReplayItem]
    next: UUID | None


def replay_item(job: ReplayJob) -> ReplayItem:
    """Return a replay as it is shown."""
    return ReplayItem(
        uuid=job.id,
        requested_by=job.requested_by,
        what=str(job.wanted),
        rate=job.rate,
        state=job.state.value,
        total=job.total,
        seen=job.seen,
        made=job.made,
        refused=job.refused,
        passed_over=job.passed_over,
        created_at=to_datetime(job.created_at),
        finished_at=None if job.finished_at is None else to_datetime(job.finished_at),
    )


def _reason(text: str | None) -> DeadReason | None:
    if text is None:
        return None
    try:
        return DeadReason(text)
    except ValueError:
        known = ", ".join(DeadReason)
        raise invalid(
            FieldError(field="replay.reason", message=f"{text!r} is none of {known}")
        ) from None
