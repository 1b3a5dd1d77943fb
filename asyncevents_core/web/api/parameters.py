"""What routes are given: injected parts, and parameters with their limits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.limits import LARGEST_ID, LONGEST_NAME
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.engine.managing.subscriptions import no_subscription
from asyncevents_core.web.access import actor_of
from asyncevents_core.web.api.problems import FieldError, invalid
from asyncevents_core.web.api.strict_body import check_text
from asyncevents_core.web.backend import Backend, RequestBackend
from asyncevents_core.web.patience import patience_of

LONGEST_PAGE: Final = 500

Limit = Annotated[int, QueryParameter(ge=1, le=LONGEST_PAGE, description="Rows of a page.")]
RowId = FromPath[int]
Uuid = FromPath[UUID]
Flag = FromQuery[bool]
AfterUuid = FromQuery[UUID | None]
BeforeUuid = FromQuery[UUID | None]
Id = Annotated[int | None, QueryParameter(ge=1, le=LARGEST_ID)]
Name = Annotated[str | None, QueryParameter(min_length=1, max_length=LONGEST_NAME)]
Time = Annotated[
    str | None,
    QueryParameter(description="A date, or a date and a time, in ISO 8601; by default UTC."),
]
Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_NAME,
        description="The same key with the same body is done once within 24 hours.",
    ),
]


def provide_backend(request: Request[Any, Any, Any], state: State) -> RequestBackend:
    """Return the backend with the request's deadline, and its client's share of the threads."""
    backend: Backend = state.backend
    seconds = backend.runtime.settings.web_request_timeout
    patience = patience_of(request.scope, seconds, request.receive)
    return backend.for_request(_who(request), patience)


async def provide_idempotency(
    request: Request[Any, Any, Any], idempotency_key: Key = None
) -> IdempotentRequest | None:
    """Return what makes a request be done once, where the client sent a key."""
    if idempotency_key is None:
        return None
    body = await request.body()
    what = b"\0".join([request.method.encode(), request.url.path.encode(), body])
    return IdempotentRequest.of(actor_of(request).who, idempotency_key, what)


def _who(request: Request[Any, Any, Any]) -> str:
    """Return who shares threads with others: who asks, or where a public route is asked from."""
    if "actor" in request.scope["state"]:
        return actor_of(request).who
    return "" if request.client is None else request.client.host


def row_id(number: int) -> int:
    """Return a number that can be the id of a subscription. Raises `NotFound`."""
    if not 0 < number <= LARGEST_ID:
        raise no_subscription(number)
    return number


def instant(field: str, text: str | None) -> int | None:
    """Return a time in microseconds since the epoch. Raises a `Problem`."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return round(aware.astimezone(UTC).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        message = f"{text!r} is not an ISO 8601 time: 2026-11-25, or 2026-11-25T13:45:00Z"
        raise invalid(FieldError(field=field, message=message)) from None


def checked_name(field: str, text: str | None) -> str | None:
    """Return a name that rows may have. Raises a `Problem`."""
    check_text(field, text, LONGEST_NAME)
    return text


GivenBackend = NamedDependency[RequestBackend]
GivenActor = NamedDependency[Actor]
GivenIdempotency = NamedDependency[IdempotentRequest | None]
GivenLogFilter = NamedDependency[LogFilter]
