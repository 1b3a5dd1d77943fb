"""The outcome of one attempt, as a sink reports it."""

from __future__ import annotations

import enum

from attrs import field, frozen


class OutcomeKind(enum.StrEnum):
    """What one attempt came to."""

    DELIVERED = "delivered"
    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    GONE = "gone"
    """Permanent, and the recipient asks to be left alone: its subscription is disabled."""
    ABANDONED = "abandoned"
    """The worker vanished in mid-attempt. Written by the engine only, never by a sink."""


@frozen(kw_only=True)
class Outcome:
    """What one attempt came to, made with one of the four class methods.

    `detail` is one line for people ("HTTP 503", "connection refused"); `response` what the
    recipient answered, cut by the sink to its cap; `retry_after` a wish of the recipient in
    seconds; `timed_out` tells the engine to send this subscription less at a time.
    """

    kind: OutcomeKind
    detail: str = ""
    status: int | None = None
    response: str = field(default="", repr=False)
    retry_after: float | None = None
    timed_out: bool = False

    @classmethod
    def delivered(
        cls, detail: str = "", *, status: int | None = None, response: str = ""
    ) -> Outcome:
        """The recipient has it."""
        return cls(kind=OutcomeKind.DELIVERED, detail=detail, status=status, response=response)

    @classmethod
    def retryable(
        cls,
        detail: str,
        *,
        status: int | None = None,
        response: str = "",
        retry_after: float | None = None,
        timed_out: bool = False,
    ) -> Outcome:
        """It failed and may succeed later; `retry_after` seconds at the earliest."""
        return cls(
            kind=OutcomeKind.RETRYABLE,
            detail=detail,
            status=status,
            response=response,
            retry_after=retry_after,
            timed_out=timed_out,
        )

    @classmethod
    def permanent(cls, detail: str, *, status: int | None = None, response: str = "") -> Outcome:
        """It failed and would fail again: a dead letter at once."""
        return cls(kind=OutcomeKind.PERMANENT, detail=detail, status=status, response=response)

    @classmethod
    def gone(cls, detail: str, *, status: int | None = None, response: str = "") -> Outcome:
        """The recipient wants no more: a dead letter, and the subscription is disabled."""
        return cls(kind=OutcomeKind.GONE, detail=detail, status=status, response=response)
