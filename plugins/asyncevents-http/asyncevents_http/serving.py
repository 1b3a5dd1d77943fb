"""The server of receivers: uvicorn, on the loop that they are called on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from typing import Any, Final

import uvicorn
from attrs import field, frozen

logger = logging.getLogger("asyncevents.http")

_LARGEST_BODY: Final = 64 * 1024 * 1024
_WITHOUT_BODY: Final = frozenset({204, 304})

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


@frozen(kw_only=True)
class Received:
    """A request. `path` is without its query and unquoted; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


class Handler(ABC):
    """What answers requests."""

    @abstractmethod
    async def answer(self, request: Received) -> tuple[int, Any]:
        """Return status and what is sent as JSON."""


class Serving:
    """Serves from `start` to `stop`, both called on one loop."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        config = uvicorn.Config(
            self._application,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port; 0 takes a free one. Raises OSError where that fails."""
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=kind)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listening]))
        return int(listening.getsockname()[1])

    async def stop(self) -> None:
        """Stop listening, and give up what is not answered yet. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        self._server.should_exit = self._server.force_exit = True
        for request in list(self._server.server_state.tasks):
            request.cancel()
        await task

    async def _application(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer as ASGI wants it."""
        body = await _body(receive)
        if body is None:
            status, content = 413, {"error": f"a body has at most {_LARGEST_BODY} bytes"}
        else:
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            }
            try:
                status, content = await self._handler.answer(
                    Received(path=scope["path"], headers=headers, body=body)
                )
            except asyncio.CancelledError:
                # By `stop`: uvicorn would log it as a failure.
                status, content = 503, {"error": "the receiver stops"}
            except Exception:
                logger.exception("a request was not answered")
                status, content = 500, {"error": "see the log"}
        sent, lines = b"", []
        if status not in _WITHOUT_BODY:
            sent = json.dumps(content).encode()
            lines = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(sent))]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": sent})


class _Server(uvicorn.Server):
    """Leaves signals to the command that it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _body(receive: _Receive) -> bytes | None:
    """Return all of a body; None where it is too large."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LARGEST_BODY:
            return None
        more = message.get("more_body", False)
    return bytes(body)
