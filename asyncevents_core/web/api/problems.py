"""Errors as ``application/problem+json`` (RFC 9457), with Magento's `message` beside it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from attrs import asdict, frozen
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from asyncevents_core import errors
from asyncevents_core.web.api.criteria.parsing import CriteriaError
from asyncevents_core.web.api.request_ids import id_of, log_unrouted

logger = logging.getLogger("asyncevents.web")

MEDIA_TYPE: Final = "application/problem+json"
ASYNC_EVENT: Final = "asyncEvent"
"""What the original calls a subscription in a body, and the fields of that."""
SUBSCRIPTION: Final = "subscription"
"""What we call it."""
RENAMED: Final = "renamed"
"""Key of a route's options: what the fields of its body are called, by their names in our words."""
_LIMIT: Final = "RateLimit-Limit"
_RESET: Final = "RateLimit-Reset"
_URN: Final = "urn:asyncevents:problem:"


@frozen(kw_only=True)
class FieldError:
    """One field of the request, and what is wrong with it, in words."""

    field: str
    message: str


@frozen(kw_only=True)
class ProblemDocument:
    """The body of every error. `message` repeats `detail`, as the original's clients expect."""

    type: str
    title: str
    status: int
    detail: str
    message: str
    request_id: str
    errors: list[FieldError]


class Problem(Exception):
    """An error that a route answers with."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        fields: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.fields = fields
        self.headers = headers


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


def refuse_wrong(wrong: Mapping[str, str | None]) -> None:
    """Raise the problem of fields of a body that are wrong, each with what is; None: nothing."""
    errors = [
        FieldError(field=f"body.{name}", message=f"it {text}")
        for name, text in wrong.items()
        if text is not None
    ]
    if errors:
        raise invalid(*errors)


def invalid(*fields: FieldError) -> Problem:
    """Return the problem of fields that are wrong."""
    detail = "; ".join(f"{one.field}: {one.message}" for one in fields)
    return Problem(HTTPStatus.BAD_REQUEST, detail, kind="invalid-field", fields=fields)


_STATUSES: Final[tuple[tuple[type[Exception], int, str | None], ...]] = (
    (errors.UnknownEvent, 400, f"{SUBSCRIPTION}.event_name"),
    (errors.InvalidTarget, 400, f"{SUBSCRIPTION}.target"),
    (errors.InvalidOptions, 400, f"{SUBSCRIPTION}.options"),
    (errors.InvalidSecret, 400, f"{SUBSCRIPTION}.secret"),
    (errors.InvalidFilter, 400, f"{SUBSCRIPTION}.filter"),
    (errors.MissingExtra, 409, None),
    (errors.PluginError, 400, f"{SUBSCRIPTION}.sink"),
    (errors.InvalidPayload, 400, "data"),
    (errors.PayloadTooLarge, 413, "data"),
    (errors.AccessDenied, 403, None),
    (errors.NotFound, 404, None),
    (errors.ReplayRefused, 409, None),
    (errors.IdempotencyConflict, 422, "Idempotency-Key"),
    (errors.InvalidQuery, 400, "search"),
    (errors.SearchOff, 409, "search"),
    (errors.SearchTimeout, 503, "search"),
)
"""The first that fits decides: what is special comes before what is general."""

_OURS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (errors.LedgerError, "the ledger does not answer"),
    (errors.IndexUnavailable, "the index does not answer"),
    (errors.SecretKeysError, "secrets cannot be read or kept: SECRET_KEYS lacks a key"),
)
"""What the client cannot mend: 503. Their texts, which may tell too much, are logged."""
_LATER: Final = {"Retry-After": "5"}


def kind_of(error: Exception) -> str:
    """Return what the type of an error's problem ends with."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()


def problem_of(error: Exception, renamed: Mapping[str, str]) -> Problem | None:
    """Return the problem that an error of asyncevents is; None for one that is a bug.

    `renamed` are the fields that the request has under other names than ours.
    """
    kind = kind_of(error)
    if isinstance(error, errors.InvalidValue):
        return invalid(FieldError(field=error.field, message=str(error)))
    if isinstance(error, CriteriaError):
        return invalid(FieldError(field=error.field, message=error.message))
    for known, status, field in _STATUSES:
        if isinstance(error, known):
            name = None if field is None else renamed.get(field, field)
            fields = () if name is None else (FieldError(field=name, message=str(error)),)
            headers = _LATER if status == HTTPStatus.SERVICE_UNAVAILABLE else None
            return Problem(status, str(error), kind=kind, fields=fields, headers=headers)
    for known, text in _OURS:
        if isinstance(error, known):
            logger.error(text, extra={"error": str(error)})
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, text, kind=kind, headers=_LATER)
    return None


_NAMES: Final = {"data": "body", "idempotency_key": "Idempotency-Key"}
"""What Litestar calls by the names of parameters, as clients know it."""


def _field_error(one: Mapping[str, Any]) -> FieldError:
    """Return what Litestar complains about; of what is missing it says the name only."""
    key, said = str(one.get("key", "")), str(one.get("message", ""))
    message = "it is missing" if said == repr(key) else said
    return FieldError(field=_NAMES.get(key, key), message=message)


def _of_http(request: Request[Any, Any, Any], error: HTTPException) -> Problem:
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        fields = tuple(_field_error(one) for one in error.extra)
        if fields:
            return invalid(*fields)
    headers = dict(error.headers or {})
    if _RESET in headers:
        headers["Retry-After"] = headers[_RESET]
    return Problem(error.status_code, _explained(request, error, headers), headers=headers)


def _explained(
    request: Request[Any, Any, Any], error: HTTPException, headers: Mapping[str, str]
) -> str:
    """Return what Litestar's error means here, and what to do."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return "there is no such route: /rest/docs shows them all"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return f"not with this method, but with {headers.get('allow')}"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            most = request.app.request_max_body_size
            return f"the body has more than {most} bytes, which WEB_MAX_BODY_BYTES allows"
        case HTTPStatus.TOO_MANY_REQUESTS:
            allowed, wait = headers.get(_LIMIT), headers.get(_RESET)
            requests = "request" if allowed == "1" else "requests"
            return f"more than {allowed} {requests} a minute from this address: wait {wait} seconds"
    return error.detail


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Turn whatever was raised into a problem; what nobody raised on purpose is logged."""
    if isinstance(error, Problem):
        problem = error
    elif isinstance(error, ClientGone):
        problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "the client did not wait")
    elif isinstance(error, HTTPException):
        problem = _of_http(request, error)
    else:
        found = problem_of(error, _renamed(request))
        if found is None:
            logger.error("a request failed", exc_info=error)
            found = Problem(500, "something went wrong here; the log says what")
        problem = found
    log_unrouted(request.scope, problem.status)
    return _response(request, problem)


def _renamed(request: Request[Any, Any, Any]) -> Mapping[str, str]:
    handler: Any = request.scope.get("route_handler")  # None: no route has been found yet
    renamed: Mapping[str, str] = {} if handler is None else handler.opt.get(RENAMED, {})
    return renamed


def _response(request: Request[Any, Any, Any], problem: Problem) -> Response[dict[str, Any]]:
    document = ProblemDocument(
        type=f"{_URN}{problem.kind}" if problem.kind else "about:blank",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        message=problem.detail,
        request_id=id_of(request.scope),
        errors=list(problem.fields),
    )
    return Response(
        asdict(document),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=dict(problem.headers or {}),
    )


HANDLERS: Final[ExceptionHandlersMap] = {Exception: handle, HTTPException: handle}


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the problems that a route may answer with, for its description."""
    every = {401, 403, 408, 413, 415, 429, 503, *statuses}
    return {
        status: ResponseSpec(
            ProblemDocument,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
            media_type=MEDIA_TYPE,
        )
        for status in sorted(every)
    }
