"""What an error of Google's SDK means for a delivery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError, TransportError
from google.rpc.error_details_pb2 import RetryInfo

from asyncevents_core.plugin import Failure, Outcome
from asyncevents_gcp.credentials import CredentialsUnusable
from asyncevents_gcp.messages import Refused

LONGEST_TEXT: Final = 400

_BY_STATUS: Final[Mapping[grpc.StatusCode, Failure]] = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: Failure.THROTTLED,
    grpc.StatusCode.UNAVAILABLE: Failure.UNAVAILABLE,
    grpc.StatusCode.INTERNAL: Failure.UNAVAILABLE,
    grpc.StatusCode.ABORTED: Failure.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN: Failure.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: Failure.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS: Failure.UNAVAILABLE,
    # What a topic gives whose encryption key is disabled or cannot be reached.
    grpc.StatusCode.FAILED_PRECONDITION: Failure.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Failure.TIMED_OUT,
    grpc.StatusCode.UNAUTHENTICATED: Failure.CREDENTIALS,
    grpc.StatusCode.NOT_FOUND: Failure.UNKNOWN_TARGET,
    grpc.StatusCode.PERMISSION_DENIED: Failure.DENIED,
}
"""Every other status is `INVALID`."""

# A status does not say who sets it, the server or gRPC itself; its words do.
_NO_CONNECTION: Final = (
    "failed to connect",
    "errors resolving",
    "dns resolution failed",
    "name resolution",
    "connection refused",
    "connection reset",
    "connection aborted",
    "broken pipe",
    "socket closed",
    "tsi handshake",
    "handshake failed",
    "goaway",
    "keepalive",
)
_NO_TOKEN: Final = "getting metadata from plugin failed"  # noqa: S105 - a message

_ADVICE: Final[Mapping[Failure, str]] = {
    Failure.CREDENTIALS: (
        "check what credentials_file, credentials_json or the environment give, and whether"
        " they are still valid"
    ),
    Failure.UNKNOWN_TARGET: "create the topic, or correct the target",
    Failure.DENIED: "grant roles/pubsub.publisher on the topic",
}


class Withdrawn(Exception):
    """The client did not send a message; the text says why."""


def outcome_of(error: Exception, deadline: float) -> Outcome | None:
    """Return what an error means, after an attempt of `deadline` seconds; None if unknown."""
    if isinstance(error, Refused):
        return Outcome.failed(error.failure, str(error))
    if isinstance(error, TimeoutError):
        return Outcome.failed(Failure.TIMED_OUT, f"no answer within {deadline:g} s")
    if isinstance(error, Withdrawn):
        return Outcome.failed(Failure.UNAVAILABLE, str(error))
    if isinstance(error, CredentialsUnusable):
        return Outcome.failed(Failure.CREDENTIALS, _line(str(error)))
    if isinstance(error, TransportError):
        return Outcome.failed(Failure.NETWORK, _line(f"getting a token: {error}"))
    if isinstance(error, GoogleAuthError):
        return _advised(Failure.CREDENTIALS, f"{type(error).__name__}: {error}")
    if isinstance(error, GoogleAPICallError):
        return _of_call(error, deadline)
    return None


def _of_call(error: GoogleAPICallError, deadline: float) -> Outcome:
    status: Any = error.grpc_status_code
    failure = _failure(status, str(error.message))
    if failure is Failure.TIMED_OUT:
        return Outcome.failed(failure, f"no answer within {deadline:g} s", http_status=_code(error))
    name = type(error).__name__ if status is None else status.name
    return _advised(
        failure,
        f"{name}: {error.message}",
        status=_code(error),
        retry_after=_retry_after(error),
    )


def _failure(status: object, message: str) -> Failure:
    if not isinstance(status, grpc.StatusCode):
        # Not a status of the call: it went through, and the answer makes no sense.
        return Failure.UNAVAILABLE
    failure = _BY_STATUS.get(status, Failure.INVALID)
    if status is not grpc.StatusCode.UNAVAILABLE:
        return failure
    lowered = message.lower()
    if _NO_TOKEN in lowered:
        return Failure.CREDENTIALS
    if any(words in lowered for words in _NO_CONNECTION):
        return Failure.NETWORK
    return failure


def _advised(
    failure: Failure, text: str, *, status: int | None = None, retry_after: float | None = None
) -> Outcome:
    advice = _ADVICE.get(failure)
    detail = _line(text) + (f"; {advice}" if advice else "")
    return Outcome.failed(failure, detail, http_status=status, retry_after=retry_after)


def _code(error: GoogleAPICallError) -> int | None:
    """Return the HTTP status that Google maps the gRPC status to."""
    return None if error.code is None else int(error.code)


def _retry_after(error: GoogleAPICallError) -> float | None:
    """Return the seconds that the server asks to wait (google.rpc.RetryInfo), if it does."""
    for one in error.details:
        if isinstance(one, RetryInfo):
            seconds: float = one.retry_delay.seconds + one.retry_delay.nanos / 1e9
            return seconds
    return None


def _line(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT]} …"
