"""A small server of HTTP/1.1, for receivers to develop with. Not for the open internet."""

from __future__ import annotations

import asyncio
import http
import json
import logging
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from attrs import field, frozen

logger = logging.getLogger("asyncevents.http")

_WITHOUT_BODY: Final = frozenset({204, 304})
_LARGEST_BODY: Final = 64 * 1024 * 1024
_LARGEST_HEAD: Final = 64 * 1024
_MOST_WAITING: Final = 16
"""Requests that may wait on one connection until those before are answered."""
_IDLE: Final = 75.0
"""Seconds for a request to come, and between two of them."""


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


class Serving(asyncio.Protocol):
    """One connection: requests are answered one after another, in their order."""

    def __init__(self, handler: Handler, connections: set[Serving]) -> None:
        self._handler = handler
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpRequestParser | None = None
        self._waiting: deque[Received] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ends = False
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._body: list[bytes] = []
        self._body_size = 0

    def stop(self) -> None:
        """Close the connection; what is being answered is given up."""
        if self._answering is not None:
            self._answering.cancel()
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's have the methods without the class.
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)
        self._connections.add(self)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._ends:
            return
        self._wait()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request is answered as any other, and nothing follows it.
            self._ends = True
        except httptools.HttpParserError as error:
            self._refuse(400, str(error))
            return
        if self._head_size > _LARGEST_HEAD:
            self._refuse(431, f"a head has at most {_LARGEST_HEAD} bytes")
        elif self._body_size > _LARGEST_BODY:
            self._refuse(413, f"a body has at most {_LARGEST_BODY} bytes")
        elif len(self._waiting) > _MOST_WAITING:
            self._refuse(429, "too many requests wait on this connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._answering is not None:
            self._answering.cancel()
        # The parser holds the connection.
        self._transport = self._parser = None

    # What httptools calls.

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head_size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size <= _LARGEST_HEAD:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size <= _LARGEST_BODY:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser is None:
            return
        if not self._parser.should_keep_alive():
            self._ends = True
        path = unquote(self._url.decode("latin-1").partition("?")[0])
        self._waiting.append(Received(path=path, headers=self._headers, body=b"".join(self._body)))
        self._begin()
        if self._answering is None:
            self._answering = asyncio.get_running_loop().create_task(self._answer())

    # Answers.

    async def _answer(self) -> None:
        """Answer what is there."""
        while self._waiting and self._transport is not None:
            try:
                status, content = await self._handler.answer(self._waiting.popleft())
            except Exception:
                logger.exception("a request was not answered")
                status, content = 500, {"error": "see the log"}
            self._send(status, content)
        self._answering = None
        if self._ends and self._transport is not None:
            self._transport.close()

    def _refuse(self, status: int, reason: str) -> None:
        self._ends = True
        self._send(status, {"error": reason})
        if self._transport is not None:
            self._transport.close()

    def _send(self, status: int, content: Any) -> None:
        if self._transport is None:
            return
        head = f"HTTP/1.1 {status} {_phrase(status)}\r\n"
        if self._ends and not self._waiting:
            head += "Connection: close\r\n"
        body = b""
        if status not in _WITHOUT_BODY:
            body = json.dumps(content).encode()
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._transport.write(f"{head}\r\n".encode() + body)

    def _wait(self) -> None:
        """Give the other side time for what it sends next."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_IDLE, self._idle)

    def _idle(self) -> None:
        if self._answering is not None:
            self._wait()
        elif self._transport is not None:
            self._transport.close()


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""
