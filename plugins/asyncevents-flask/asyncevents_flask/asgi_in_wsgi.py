"""An ASGI application where a server speaks WSGI.

The application runs on an event loop in a thread of its own. What it asks for, a part of the
request's body or that a part of its answer is sent, is done on the server's thread, one after the
other: so neither body is in memory as a whole, and a slow client slows down its own request only.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import queue
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger("asyncevents.flask")

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
"""An application of ASGI."""

_PART: Final = 65_536
"""Bytes of a request's body that are read at once."""
_LONGEST_SILENCE: Final = 300.0
"""Seconds in which an application has to do something for its request: then it is given up."""
_BODIES: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")
_HEADER: Final = "HTTP_"


class AsgiInWsgi:
    """A WSGI application of one that speaks ASGI, which `make` makes with the first request.

    Each process has a loop and an application of its own, so that it may be made before a server
    forks. HTTP only; the application is told of no lifespan. Thread-safe.
    """

    def __init__(self, make: Callable[[], Application]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._home: _Home | None = None
        _survive_fork(self)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _Call(self._here(), environ).answer(start_response)

    def _here(self) -> _Home:
        with self._lock:
            if self._home is None:
                # The application first: where that fails, no thread is left behind.
                application = self._make()
                self._home = _Home(application=application, loop=_loop_in_thread())
            return self._home

    def after_fork(self) -> None:
        """In the child: the thread of the parent does not exist here."""
        self._lock = threading.Lock()
        self._home = None


@frozen
class _Home:
    """Where the application runs in this process."""

    application: Application
    loop: asyncio.AbstractEventLoop


@frozen
class _Ask:
    """What the application asks of the server's thread: a message to send; None: to read."""

    message: dict[str, Any] | None
    answer: asyncio.Future[bytes]


class _Call:
    """One request. `answer` runs on the server's thread, all else on the loop."""

    def __init__(self, home: _Home, environ: WSGIEnvironment) -> None:
        self._home = home
        self._environ = environ
        self._asks: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        self._over = asyncio.Event()
        self._unread = _length(environ)
        self._read_all = False

    def answer(self, start_response: StartResponse) -> Iterator[bytes]:
        """Run the application, and yield the parts of its answer as it sends them."""
        running = asyncio.run_coroutine_threadsafe(self._run(), self._home.loop)
        running.add_done_callback(lambda _: self._asks.put(None))
        complete = False
        try:
            while not complete:
                ask = self._next()
                if ask is None:
                    break
                complete = yield from self._do(ask, start_response)
        finally:
            self._home.loop.call_soon_threadsafe(self._over.set)
            if not complete:
                # The client has gone, or the application has failed: nobody hears of the rest.
                running.cancel()
        if complete:
            # What it does after its answer holds nobody up.
            running.add_done_callback(_log_failure)
            return
        running.result()
        raise RuntimeError("the application has ended without a complete answer")

    def _next(self) -> _Ask | None:
        try:
            return self._asks.get(timeout=_LONGEST_SILENCE)
        except queue.Empty:
            raise TimeoutError(
                f"the application has done nothing for its request in {_LONGEST_SILENCE:g} s"
            ) from None

    def _do(self, ask: _Ask, start_response: StartResponse) -> Generator[bytes, None, bool]:
        """Do what is asked; return whether the answer is complete."""
        message, body, complete = ask.message, b"", False
        if message is None:
            body = self._read()
        elif message["type"] == "http.response.start":
            start_response(_status(message["status"]), _headers(message))
        elif message["type"] == "http.response.body":
            complete = not message.get("more_body", False)
            if part := message.get("body", b""):
                yield bytes(part)
        self._home.loop.call_soon_threadsafe(_resolve, ask.answer, body)
        return complete

    def _read(self) -> bytes:
        body: bytes = self._environ["wsgi.input"].read(min(_PART, self._unread))
        # A client that has gone before it sent all sends no more.
        self._unread = self._unread - len(body) if body else 0
        return body

    # -- on the loop ------------------------------------------------------------------------

    async def _run(self) -> None:
        await self._home.application(_scope(self._environ), self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._read_all:
            await self._over.wait()
            return {"type": "http.disconnect"}
        body = await self._ask(None) if self._unread else b""
        self._read_all = self._unread == 0
        return {"type": "http.request", "body": body, "more_body": not self._read_all}

    async def _send(self, message: dict[str, Any]) -> None:
        if not self._over.is_set():
            await self._ask(message)

    async def _ask(self, message: dict[str, Any] | None) -> bytes:
        answer = self._home.loop.create_future()
        self._asks.put(_Ask(message, answer))
        done: bytes = await answer
        return done


def _log_failure(running: concurrent.futures.Future[None]) -> None:
    if not running.cancelled() and (error := running.exception()) is not None:
        logger.error("a request has failed after it was answered", exc_info=error)


def _resolve(answer: asyncio.Future[bytes], body: bytes) -> None:
    # Nobody waits where the application has been cancelled.
    if not answer.done():
        answer.set_result(body)


def _loop_in_thread() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    # A daemon: servers end without telling applications.
    threading.Thread(target=loop.run_forever, name="asyncevents-pages", daemon=True).start()
    return loop


def _length(environ: WSGIEnvironment) -> int:
    """Return how many bytes the body has; more than there can be, where only its end tells."""
    if environ.get("HTTP_TRANSFER_ENCODING") and environ.get("wsgi.input_terminated"):
        return sys.maxsize
    with contextlib.suppress(ValueError):
        return max(0, int(environ.get("CONTENT_LENGTH") or 0))
    return 0


def _scope(environ: WSGIEnvironment) -> dict[str, Any]:
    """Return what ASGI calls the request; the path is the whole one, with what it is mounted at."""
    root = _text(environ.get("SCRIPT_NAME", ""))
    path = root + _text(environ.get("PATH_INFO", ""))
    headers = [
        (name.removeprefix(_HEADER).replace("_", "-").lower().encode("latin-1"), value)
        for name, value in (
            (name, str(value).encode("latin-1"))
            for name, value in environ.items()
            if name.startswith(_HEADER) or (name in _BODIES and value)
        )
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": str(environ.get("SERVER_PROTOCOL", "HTTP/1.1")).partition("/")[2],
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": path or "/",
        "raw_path": path.encode(),
        "query_string": str(environ.get("QUERY_STRING", "")).encode("latin-1"),
        "root_path": root,
        "client": _address(environ, "REMOTE_ADDR", "REMOTE_PORT"),
        "server": _address(environ, "SERVER_NAME", "SERVER_PORT"),
        "headers": headers,
        "extensions": {},
        "state": {},
    }


def _text(value: str) -> str:
    """Return a text of WSGI, whose characters are bytes, as what these bytes mean."""
    return value.encode("latin-1").decode("utf-8", errors="replace")


def _address(environ: WSGIEnvironment, host: str, port: str) -> tuple[str, int] | None:
    name, number = environ.get(host), str(environ.get(port) or 0)
    return (str(name), int(number) if number.isdecimal() else 0) if name else None


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"{code} Unknown"


def _headers(message: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in message.get("headers", ())
    ]


def _survive_fork(served: AsgiInWsgi) -> None:
    if not hasattr(os, "register_at_fork"):  # Windows cannot fork
        return
    reference = weakref.ref(served)

    def child() -> None:
        alive = reference()
        if alive is not None:
            alive.after_fork()

    os.register_at_fork(after_in_child=child)
