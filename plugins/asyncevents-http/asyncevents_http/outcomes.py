"""What a response, or the lack of one, means for a delivery."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Final

from asyncevents_core.plugin import Failure, Outcome
from asyncevents_http.bodies import CUT, text_of
from asyncevents_http.wire.errors import TooSlow, WireError
from asyncevents_http.wire.exchange import Answer

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


def of_answer(answer: Answer, *, cap: int) -> Outcome:
    """Return the outcome of an answered request; `cap` bytes of the answer's body are shown."""
    status = answer.status
    detail = f"HTTP {status}" + (f"; {answer.note}" if answer.note else "")
    response = ""
    if answer.body:
        response = text_of(
            answer.body,
            encoding=answer.header(b"content-encoding"),
            content_type=answer.header(b"content-type"),
            cap=cap,
            cut=answer.cut,
        )
    elif answer.cut:
        response = CUT
    if 200 <= status < 300:
        return Outcome.delivered(detail, http_status=status, response=response)
    if status == 410:
        return Outcome.gone(
            "HTTP 410: the recipient wants no more", http_status=410, response=response
        )
    if 300 <= status < 400:
        location = (answer.header(b"location") or "nowhere")[:200]
        detail = f"HTTP {status}: redirects are not followed (to {location})"
    return Outcome.failed(
        failure_of(status),
        detail,
        http_status=status,
        response=response,
        retry_after=retry_after(answer.header(b"retry-after")),
    )


def failure_of(status: int) -> Failure:
    """Return why a request failed that was answered with this status."""
    return Failure.UNAVAILABLE if status >= 500 else _FAILURES.get(status, Failure.INVALID)


def of_error(error: WireError) -> Outcome:
    """Return the outcome of a request that was not answered. All of these are retried."""
    failure = Failure.TIMED_OUT if isinstance(error, TooSlow) else Failure.NETWORK
    return Outcome.failed(failure, str(error))


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
