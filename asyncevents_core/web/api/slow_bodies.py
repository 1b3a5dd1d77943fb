"""Bodies that never end: a client that sends a byte now and then keeps nothing occupied."""

from __future__ import annotations

import asyncio
from typing import Final

from attrs import frozen
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.types.asgi_types import HTTPReceiveMessage

from asyncevents_core.web.api.problems import Problem

_REQUEST: Final = "http.request"


@frozen
class BodyDeadline(ASGIMiddleware):
    """Gives a request's body `seconds` to arrive as a whole; then it is answered with 408."""

    seconds: float

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on."""
        until = asyncio.get_running_loop().time() + self.seconds
        complete = False

        async def within() -> HTTPReceiveMessage:
            nonlocal complete
            if complete:
                return await receive()  # type: ignore[return-value]
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise Problem(
                    408, f"the body did not arrive within {self.seconds:g} s (WEB_REQUEST_TIMEOUT)"
                ) from None
            complete = message["type"] != _REQUEST or not message.get("more_body", False)
            return message  # type: ignore[return-value]

        await next_app(scope, within, send)
