"""Requests to send dead letters again: who asked for it, when, and for which."""

from __future__ import annotations

from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.instant import to_datetime


@frozen(kw_only=True)
class ReplayRequest:
    """One request; the deliveries that it made have its id as their `replay_request`.

    `what` says in words what was asked for; `requested_at` is microseconds since the epoch.
    """

    id: UUID
    requested_by: str
    what: str
    requested_at: int = 0


@frozen(kw_only=True)
class DeadFilter:
    """Which dead letters are meant: all conditions that are given hold.

    `since` and `until` bound when the delivery was made or the failed event was published, in
    microseconds. Deliveries that were replayed already are not meant, unless `replayed` says
    so; a failed event never was, for a replay opens it again. `tenant` is that of the delivery's
    subscription or of the failed event. With `delivered` deliveries that arrived are meant too,
    to send them again.
    """

    event_name: str | None = None
    subscription_id: int | None = None
    reason: DeadReason | None = None
    since: int | None = None
    until: int | None = None
    replayed: bool = field(default=False)
    tenant: str | None = None
    delivered: bool = False

    @property
    def means_events(self) -> bool:
        """Whether a failed event can be meant: it has no subscription, and one reason only."""
        return self.subscription_id is None and self.reason in {None, DeadReason.SERVICE}

    def __str__(self) -> str:
        """Return the conditions in words."""
        given = {
            "event": self.event_name,
            "subscription": self.subscription_id,
            "reason": self.reason,
            "tenant": self.tenant,
        }
        kind = "all deliveries, those that arrived too," if self.delivered else "all dead letters"
        if words := [f"{name} {value}" for name, value in given.items() if value is not None]:
            kind += f" of {', '.join(words)}"
        for name, bound in (("since", self.since), ("until", self.until)):
            if bound is not None:
                kind += f", {name} {to_datetime(bound):%Y-%m-%d %H:%M:%S} UTC"
        return kind


@frozen(kw_only=True)
class FoundFilter:
    """The deliveries whose attempts a search finds, each of them once.

    `query` is in Lucene's syntax; its ``now`` is `asked_at`, in microseconds. Attempts with a
    lower log_id than `before` are meant: so a replay does not find what it makes, and goes on
    where it was. `tenant` is that of the delivery's subscription.
    """

    query: str
    asked_at: int
    before: int
    tenant: str | None = None

    def __str__(self) -> str:
        """Return what is meant in words."""
        of = "" if self.tenant is None else f" of tenant {self.tenant}"
        return f"all deliveries{of} that {self.query!r} finds"
