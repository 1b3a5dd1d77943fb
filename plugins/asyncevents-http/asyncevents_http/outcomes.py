"""What a response, or the lack of one, means for a delivery."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from asyncevents_core.plugin import Failure, Outcome
from asyncevents_http.bodies import CUT, text_of
from asyncevents_http.guard import AddressRefused
from asyncevents_http.reading import Reading
from asyncevents_http.wire.errors import (
    IdentityUnusable,
    ProxyDenied,
    ProxyWantsCredentials,
    TooSlow,
    WireError,
)
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
_WITHOUT_ANSWER: Final[Mapping[type[Exception], Failure]] = {
    AddressRefused: Failure.DENIED,
    TooSlow: Failure.TIMED_OUT,
    ProxyDenied: Failure.DENIED,
    ProxyWantsCredentials: Failure.CREDENTIALS,
    IdentityUnusable: Failure.CREDENTIALS,
}
"""Of those that are more than a network that failed."""


def of_answer(answer: Answer, *, cap: int, reading: Reading | None = None) -> Outcome:
    """Return the outcome of an answered request; `cap` bytes of the answer's body are shown.

    `reading` has what the subscription says of statuses; secrets may still be in the outcome.
    """
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
    retries = None if reading is None else reading.statuses.retries(status)
    if status == 410 and retries is None:
        return Outcome.gone(
            "HTTP 410: the recipient wants no more", http_status=410, response=response
        )
    if 300 <= status < 400:
        location = (answer.header(b"location") or "nowhere")[:200]
        detail = f"HTTP {status}: redirects are not followed (to {location})"
    failure = failure_of(status)
    if reading is not None:
        if retries is not None and retries is not failure.retried:
            failure = Failure.UNAVAILABLE if retries else Failure.INVALID
            option = "retry_on" if retries else "give_up_on"
            detail += f" ({'' if retries else 'not '}retried, as the option {option} says)"
        elif status == 401 and retries is None and reading.authenticates:
            failure = Failure.CREDENTIALS
    return Outcome.failed(
        failure,
        detail,
        http_status=status,
        response=response,
        retry_after=retry_after(answer.header(b"retry-after")),
    )


def failure_of(status: int) -> Failure:
    """Return why a request failed that was answered with this status."""
    return Failure.UNAVAILABLE if status >= 500 else _FAILURES.get(status, Failure.INVALID)


def of_error(error: WireError | AddressRefused) -> Outcome:
    """Return the outcome of a request that was not answered. All but refusals are retried."""
    failure = next(
        (failure for kind, failure in _WITHOUT_ANSWER.items() if isinstance(error, kind)),
        Failure.NETWORK,
    )
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
