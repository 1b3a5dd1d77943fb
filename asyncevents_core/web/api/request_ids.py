"""A request's id: in every answer, and in every line that is logged on its behalf."""

from __future__ import annotations

import logging
import re
import time
from contextvars import ContextVar
from typing import Final

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from asyncevents_core.domain.credential import without_credentials
from asyncevents_core.domain.instant import uuid7

logger = logging.getLogger("asyncevents.web.requests")

HEADER: Final = b"x-request-id"
_STATE: Final = "request_id"
_ROUTED: Final = "request_is_routed"
_SHAPE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_current: ContextVar[str | None] = ContextVar("asyncevents_request_id", default=None)


def id_of(scope: Scope) -> str:
    """Return the id of a request: the one it was sent with, if that is one, or a new one."""
    state = scope["state"]
    found = state.get(_STATE)
    if found is None:
        sent = dict(scope["headers"]).get(HEADER, b"").decode("latin-1")
        found = state[_STATE] = sent if _SHAPE.fullmatch(sent) else str(uuid7())
        _current.set(found)
    return str(found)


class RequestIds(ASGIMiddleware):
    """Gives each request its id before anything else happens, and logs how it ended."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on."""
        id_of(scope)
        scope["state"][_ROUTED] = True
        begun = time.monotonic()
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await next_app(scope, receive, note)
        finally:
            _log(scope, status, time.monotonic() - begun)


def log_unrouted(scope: Scope, status: int) -> None:
    """Log a request that no route took: it never came to `RequestIds`."""
    if _ROUTED not in scope["state"]:
        _log(scope, status, 0.0)


def _log(scope: Scope, status: int, seconds: float) -> None:
    actor = scope["state"].get("actor")
    logger.info(
        "request",
        extra={
            "method": scope.get("method"),
            "path": without_credentials(scope["path"]),
            "status": status,
            "seconds": round(seconds, 4),
            "who": None if actor is None else actor.who,
        },
    )


class RequestIdFilter(logging.Filter):
    """Adds `request_id` to what is logged while a request is answered."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        current = _current.get()
        if current is not None:
            record.request_id = current
        return True
