"""Deliveries (one event for one subscription) and their attempts."""

from __future__ import annotations

import enum
from typing import Self
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.instant import NIL
from asyncevents_core.domain.outcome import OutcomeKind


class DeliveryState(enum.StrEnum):
    """waiting -> leased -> delivered | waiting | dead; waiting <-> held; -> cancelled."""

    WAITING = "waiting"
    LEASED = "leased"
    HELD = "held"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"


TERMINAL = frozenset({DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.CANCELLED})
"""Only a late success may still turn DEAD into DELIVERED."""


class DeadReason(enum.StrEnum):
    """Why something is a dead letter."""

    EXHAUSTED = "exhausted"
    PERMANENT = "permanent"
    POISON = "poison"
    """Five workers in a row vanished with it."""
    SERVICE = "service"
    """Of an event: its service failed for good, so that there are no deliveries."""


@frozen(kw_only=True)
class Delivery:
    """A delivery's row; its id is the trace id.

    `replay_request` is the id of the request that it was made by, nil for the fan-out, and
    `replay_of` the delivery that was replayed. `claims` counts leases, `deaths` failed attempts,
    `abandonments` the workers that vanished with it in a row. `parked` rows wait for a permit of
    their subscription, outside the due index.
    """

    id: UUID
    event_id: UUID
    subscription_id: int
    replay_request: UUID = NIL
    replay_of: UUID | None = None
    state: DeliveryState
    reason: DeadReason | None = None
    claims: int = 0
    deaths: int = 0
    abandonments: int = 0
    due_at: int | None = None
    owner: UUID | None = None
    parked: bool = False
    created_at: int

    @classmethod
    def waiting(
        cls,
        *,
        id: UUID,
        event_id: UUID,
        subscription_id: int,
        now: int,
        replay_request: UUID = NIL,
        replay_of: UUID | None = None,
    ) -> Self:
        """Return one that is made now and due at once."""
        return cls(
            id=id,
            event_id=event_id,
            subscription_id=subscription_id,
            replay_request=replay_request,
            replay_of=replay_of,
            state=DeliveryState.WAITING,
            due_at=now,
            created_at=now,
        )


@frozen(kw_only=True)
class Claim:
    """A fence: the claim of that number, of the delivery or event with that id."""

    id: UUID
    claim_no: int


@frozen(kw_only=True)
class Attempt:
    """One attempt of a delivery: its claim's number, what was sent where, what came back.

    `started_at` is the ledger's time of the claim plus the time since; `duration` seconds. `log_id`
    is its number in the log, None until it is written.
    """

    log_id: int | None = field(default=None, eq=False)
    delivery_id: UUID
    claim_no: int
    outcome: OutcomeKind
    detail: str
    http_status: int | None
    response: str = field(repr=False)
    target: str
    started_at: int
    duration: float

    @classmethod
    def abandoned(
        cls, claim: Claim, *, target: str, started_at: int, detail: str, duration: float = 0.0
    ) -> Attempt:
        """Return an attempt of which nobody knows whether it was received; `detail` says why."""
        return cls(
            delivery_id=claim.id,
            claim_no=claim.claim_no,
            outcome=OutcomeKind.ABANDONED,
            detail=f"{detail}; whether it was received is unknown",
            http_status=None,
            response="",
            target=target,
            started_at=started_at,
            duration=duration,
        )


def summary(state: DeliveryState, deaths: int) -> str:
    """Say in words how a delivery stands, as the original does.

    >>> summary(DeliveryState.DELIVERED, 2), summary(DeliveryState.DEAD, 6)
    ('Delivered with 2 retries', 'Dead Lettered with 5 retries')
    """
    if state is DeliveryState.DELIVERED:
        return "Delivered" + _retries(deaths)
    if state is DeliveryState.DEAD:
        return "Dead Lettered" + _retries(deaths - 1)
    if state is DeliveryState.LEASED:
        return "Being delivered"
    if state is DeliveryState.HELD:
        return "Held: its subscription is disabled"
    if state is DeliveryState.CANCELLED:
        return "Cancelled"
    return f"Waiting for retry {deaths}" if deaths else "Waiting"


def _retries(count: int) -> str:
    if count <= 0:
        return ""
    return f" with {count} retr{'y' if count == 1 else 'ies'}"
