"""What a response, or the lack of one, means for a delivery."""

from __future__ import annotations

import os
import time
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
import httpx

from asyncevents_core.plugin import Failure, Outcome

_FAILURES: Final = {
    401: Failure.DENIED,
    403: Failure.DENIED,
    404: Failure.UNKNOWN_TARGET,
    408: Failure.UNAVAILABLE,
    413: Failure.TOO_LARGE,
    425: Failure.UNAVAILABLE,
    429: Failure.THROTTLED,
}
"""Statuses below 500 that are more than a request that the recipient refuses."""


def of_response(status: int, headers: httpx.Headers, response: str, note: str = "") -> Outcome:
    """Return the outcome of an answered request."""
    detail = f"HTTP {status}" + (f"; {note}" if note else "")
    if 200 <= status < 300:
        return Outcome.delivered(detail, http_status=status, response=response)
    if status == 410:
        return Outcome.gone(
            "HTTP 410: the recipient wants no more", http_status=410, response=response
        )
    if 300 <= status < 400:
        location = headers.get("location", "nowhere")[:200]
        detail = f"HTTP {status}: redirects are not followed (to {location})"
    return Outcome.failed(
        failure_of(status),
        detail,
        http_status=status,
        response=response,
        retry_after=retry_after(headers.get("retry-after")),
    )


def failure_of(status: int) -> Failure:
    """Return why a request failed that was answered with this status."""
    return Failure.UNAVAILABLE if status >= 500 else _FAILURES.get(status, Failure.INVALID)


def of_error(error: Exception, deadline: float) -> Outcome:
    """Return the outcome of a request that was not answered. All of these are retried."""
    # httpx-aiohttp reports a lost connection as a time-out; its cause tells the truth.
    cause = error.__cause__ if isinstance(error, httpx.TransportError) else error
    cause = cause or error
    if isinstance(cause, TimeoutError | aiohttp.ServerTimeoutError):
        return Outcome.failed(Failure.TIMED_OUT, f"no answer within {deadline:g} s")
    return Outcome.failed(Failure.NETWORK, _what_broke(cause))


def _what_broke(cause: BaseException) -> str:
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return f"cannot resolve {cause.host}: {cause.os_error}"
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return f"TLS: {cause}"
    if isinstance(cause, aiohttp.ClientConnectorError):
        return f"cannot connect to {cause.host}:{cause.port}: {_in_words(cause.os_error)}"
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    return f"{type(cause).__name__}: {cause}"


def _in_words(error: OSError) -> str:
    """Return the system's words ("Connection refused"); asyncio's repeat the address."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3): seconds, or a date; None if unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
