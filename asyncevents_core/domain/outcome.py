"""The outcome of one attempt, as a sink reports it."""

from __future__ import annotations

import enum
import math
from typing import Final, Self

from attrs import field, frozen


class OutcomeKind(enum.StrEnum):
    """How one attempt ended."""

    DELIVERED = "delivered"
    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    GONE = "gone"
    """Permanent, and the recipient asks to be left alone: its subscription is disabled."""
    ABANDONED = "abandoned"
    """The worker vanished in mid-attempt. Written by the engine only, never by a sink."""


class Failure(enum.StrEnum):
    """Why an attempt failed: the same words for every sink. They decide whether to retry."""

    THROTTLED = "throttled"
    """Asked to slow down (HTTP 429, a quota, a key management service that is busy)."""
    UNAVAILABLE = "unavailable"
    """The other side failed (HTTP 5xx)."""
    TIMED_OUT = "timed out"
    """No answer within the deadline. The engine sends this subscription less at a time."""
    NETWORK = "network"
    """No connection: a name that does not resolve, refused, reset, TLS."""
    CREDENTIALS = "credentials"
    """Ours are missing or expired. Retried: they are mended here, not by the recipient."""
    UNKNOWN_TARGET = "unknown target"
    """There is no such queue, topic, bus or page."""
    DENIED = "access denied"
    """The credentials are good, and do not allow this."""
    INVALID = "invalid"
    """The other side refuses this request, and always would."""
    TOO_LARGE = "too large"
    """Above a size limit, checked before anything is sent where the limit is known."""

    @property
    def retried(self) -> bool:
        """Whether the same attempt may succeed later."""
        return self in _RETRIED


_RETRIED: Final = frozenset(
    {
        Failure.THROTTLED,
        Failure.UNAVAILABLE,
        Failure.TIMED_OUT,
        Failure.NETWORK,
        Failure.CREDENTIALS,
    }
)


_NONE: Final = type(None)
_TYPES: Final[tuple[tuple[str, tuple[type, ...]], ...]] = (
    ("kind", (OutcomeKind,)),
    ("detail", (str,)),
    ("http_status", (int, _NONE)),
    ("response", (str,)),
    ("retry_after", (int, float, _NONE)),
    ("timed_out", (bool,)),
)
"""What each part of an outcome may be."""


@frozen(kw_only=True)
class Outcome:
    """The result of one attempt, made with one of the class methods.

    `detail` is one line for people ("HTTP 503", "connection refused"); `response` what the
    recipient answered, cut by the sink to its cap; `retry_after` a wish of the recipient in
    seconds; `timed_out` tells the engine to send this subscription less at a time.

    Values of other types are refused where they are given, with `TypeError` or `ValueError`.
    """

    kind: OutcomeKind
    detail: str = ""
    http_status: int | None = None
    response: str = field(default="", repr=False)
    retry_after: float | None = None
    timed_out: bool = False

    def __attrs_post_init__(self) -> None:
        # In one loop: a validator for each of them is a call for each of them, at every attempt.
        for name, types in _TYPES:
            if not isinstance(value := getattr(self, name), types):
                expected = " or ".join("None" if one is _NONE else one.__name__ for one in types)
                raise TypeError(f"{name} of an outcome must be {expected}: {value!r}")
        if self.http_status is not None and not -(2**31) <= self.http_status < 2**31:
            raise ValueError(f"http_status of an outcome has at most 32 bits: {self.http_status}")
        if self.retry_after is not None and math.isnan(self.retry_after):
            raise ValueError("retry_after of an outcome is not a number")

    @classmethod
    def delivered(
        cls, detail: str = "", *, http_status: int | None = None, response: str = ""
    ) -> Self:
        """The recipient has it."""
        return cls(
            kind=OutcomeKind.DELIVERED, detail=detail, http_status=http_status, response=response
        )

    @classmethod
    def failed(
        cls,
        failure: Failure,
        detail: str,
        *,
        http_status: int | None = None,
        response: str = "",
        retry_after: float | None = None,
    ) -> Self:
        """It failed, for one of the reasons that all sinks share; the reason says if to retry.

        `detail` begins with the reason: "throttled: TooManyRequestsException: …".
        """
        return cls(
            kind=OutcomeKind.RETRYABLE if failure.retried else OutcomeKind.PERMANENT,
            detail=f"{failure}: {detail}",
            http_status=http_status,
            response=response,
            retry_after=retry_after if failure.retried else None,
            timed_out=failure is Failure.TIMED_OUT,
        )

    @classmethod
    def retryable(
        cls,
        detail: str,
        *,
        http_status: int | None = None,
        response: str = "",
        retry_after: float | None = None,
        timed_out: bool = False,
    ) -> Self:
        """It failed and may succeed later; `retry_after` seconds at the earliest."""
        return cls(
            kind=OutcomeKind.RETRYABLE,
            detail=detail,
            http_status=http_status,
            response=response,
            retry_after=retry_after,
            timed_out=timed_out,
        )

    @classmethod
    def permanent(cls, detail: str, *, http_status: int | None = None, response: str = "") -> Self:
        """It failed and would fail again: a dead letter at once."""
        return cls(
            kind=OutcomeKind.PERMANENT, detail=detail, http_status=http_status, response=response
        )

    @classmethod
    def gone(cls, detail: str, *, http_status: int | None = None, response: str = "") -> Self:
        """The recipient wants no more: a dead letter, and the subscription is disabled."""
        return cls(kind=OutcomeKind.GONE, detail=detail, http_status=http_status, response=response)
