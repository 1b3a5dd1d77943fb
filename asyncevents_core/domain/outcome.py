"""The outcome of one attempt, as a sink reports it."""

from __future__ import annotations

import enum
import math
from typing import Final, Self

from attrs import Attribute, field, frozen, validators


class OutcomeKind(enum.StrEnum):
    """What one attempt came to."""

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


def _a_number(_: object, attribute: Attribute[object], value: float) -> None:
    if math.isnan(value):
        raise ValueError(f"{attribute.name} is not a number")


_OPTIONAL_STATUS: Final = validators.optional(
    validators.and_(validators.instance_of(int), validators.ge(-(2**31)), validators.lt(2**31))
)
_OPTIONAL_SECONDS: Final = validators.optional(
    validators.and_(validators.instance_of((int, float)), _a_number)
)


@frozen(kw_only=True)
class Outcome:
    """What one attempt came to, made with one of the class methods.

    `detail` is one line for people ("HTTP 503", "connection refused"); `response` what the
    recipient answered, cut by the sink to its cap; `retry_after` a wish of the recipient in
    seconds; `timed_out` tells the engine to send this subscription less at a time.

    Values of other types are refused where they are given, with `TypeError` or `ValueError`.
    """

    kind: OutcomeKind = field(validator=validators.instance_of(OutcomeKind))
    detail: str = field(default="", validator=validators.instance_of(str))
    status: int | None = field(default=None, validator=_OPTIONAL_STATUS)
    response: str = field(default="", repr=False, validator=validators.instance_of(str))
    retry_after: float | None = field(default=None, validator=_OPTIONAL_SECONDS)
    timed_out: bool = field(default=False, validator=validators.instance_of(bool))

    @classmethod
    def delivered(cls, detail: str = "", *, status: int | None = None, response: str = "") -> Self:
        """The recipient has it."""
        return cls(kind=OutcomeKind.DELIVERED, detail=detail, status=status, response=response)

    @classmethod
    def failed(
        cls,
        failure: Failure,
        detail: str,
        *,
        status: int | None = None,
        response: str = "",
        retry_after: float | None = None,
    ) -> Self:
        """It failed, for one of the reasons that all sinks share; the reason says if to retry.

        `detail` begins with the reason: "throttled: TooManyRequestsException: …".
        """
        return cls(
            kind=OutcomeKind.RETRYABLE if failure.retried else OutcomeKind.PERMANENT,
            detail=f"{failure}: {detail}",
            status=status,
            response=response,
            retry_after=retry_after if failure.retried else None,
            timed_out=failure is Failure.TIMED_OUT,
        )

    @classmethod
    def retryable(
        cls,
        detail: str,
        *,
        status: int | None = None,
        response: str = "",
        retry_after: float | None = None,
        timed_out: bool = False,
    ) -> Self:
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
    def permanent(cls, detail: str, *, status: int | None = None, response: str = "") -> Self:
        """It failed and would fail again: a dead letter at once."""
        return cls(kind=OutcomeKind.PERMANENT, detail=detail, status=status, response=response)

    @classmethod
    def gone(cls, detail: str, *, status: int | None = None, response: str = "") -> Self:
        """The recipient wants no more: a dead letter, and the subscription is disabled."""
        return cls(kind=OutcomeKind.GONE, detail=detail, status=status, response=response)
