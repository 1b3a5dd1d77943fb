"""Errors as pages: what happened, and where to go from there."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.response.base import Response
from litestar.types import ExceptionHandlersMap

from asyncevents_core.web.api.problems import ClientGone, Problem, problem_of
from asyncevents_core.web.api.request_ids import id_of, log_unrouted
from asyncevents_core.web.pages.frame import BASE, POLICY, Frame, provide_frame, shown
from asyncevents_core.web.pages.listing import inside
from asyncevents_core.web.pages.people import NotSignedIn

logger = logging.getLogger("asyncevents.web")


@frozen(kw_only=True)
class Failure:
    """What a page that could not be shown says instead."""

    status: int
    title: str
    detail: str
    request_id: str


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Turn whatever was raised into a page; what nobody raised on purpose is logged."""
    frame = provide_frame(request)
    if isinstance(error, NotSignedIn):
        return _to_sign_in(request, frame)
    problem = _problem(error)
    log_unrouted(request.scope, problem.status)
    view = Failure(
        status=problem.status,
        title=HTTPStatus(problem.status).phrase,
        detail=problem.detail,
        request_id=id_of(request.scope),
    )
    page = shown(frame, "failure.html", view, status=problem.status)
    page.headers.update({"Content-Security-Policy": POLICY, **(problem.headers or {})})
    return page


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, ClientGone):
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "the browser did not wait")
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return Problem(HTTPStatus.NOT_FOUND, "there is no such page")
        return Problem(error.status_code, error.detail, headers=error.headers)
    found = problem_of(error, {})
    if found is None:
        logger.error("a page failed", exc_info=error)
        return Problem(500, "something went wrong here; the log says what")
    return found


def _to_sign_in(request: Request[Any, Any, Any], frame: Frame) -> Response[Any]:
    """Return the way to the page where people sign in, and from there back to what they asked."""
    if "hx-request" in request.headers:
        # A part of a page asked: the browser is to leave that page.
        left = urlsplit(request.headers.get("hx-current-url", ""))
        back = inside(f"{left.path.removeprefix(frame.root + BASE)}?{left.query}", "/")
        there = frame.url("/sign-in", {"next": back})
        return Response(b"", status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": there})
    back = frame.asked if request.method == "GET" else "/"
    return Redirect(frame.url("/sign-in", {"next": back}), status_code=303)


HANDLERS: Final[ExceptionHandlersMap] = {Exception: handle, HTTPException: handle}
