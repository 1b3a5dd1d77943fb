"""What a response, or the lack of one, means for a delivery."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
import httpx

from asyncevents_core import Outcome

_RETRYABLE: Final = frozenset({408, 425, 429})


def of_response(status: int, headers: httpx.Headers, response: str, note: str = "") -> Outcome:
    """Return the outcome of an answered request."""
    detail = f"HTTP {status}" + (f"; {note}" if note else "")
    if 200 <= status < 300:
        return Outcome.delivered(detail, status=status, response=response)
    if status in _RETRYABLE or status >= 500:
        return Outcome.retryable(
            detail,
            status=status,
            response=response,
            retry_after=retry_after(headers.get("retry-after")),
        )
    if status == 410:
        return Outcome.gone("HTTP 410: the recipient wants no more", status=410, response=response)
    if 300 <= status < 400:
        location = headers.get("location", "nowhere")[:200]
        detail = f"HTTP {status}: redirects are not followed (to {location})"
    return Outcome.permanent(detail, status=status, response=response)


def of_error(error: Exception, deadline: float) -> Outcome:
    """Return the outcome of a request that was not answered. All of these are retried."""
    # httpx-aiohttp reports a lost connection as a time-out; its cause tells the truth.
    cause = error.__cause__ if isinstance(error, httpx.TransportError) else error
    cause = cause or error
    if isinstance(cause, TimeoutError | aiohttp.ServerTimeoutError):
        return Outcome.retryable(f"no answer within {deadline:g} s", timed_out=True)
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return Outcome.retryable(f"cannot resolve {cause.host}: {cause.os_error}")
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Outcome.retryable(f"TLS: {cause}")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return Outcome.retryable(f"cannot connect to {cause.host}:{cause.port}: {cause.os_error}")
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return Outcome.retryable("the connection was closed without an answer")
    return Outcome.retryable(f"{type(cause).__name__}: {cause}")


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
