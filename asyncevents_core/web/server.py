"""Serves the application with uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, Final

import uvicorn
from litestar.types import ASGIApp, Receive, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from asyncevents_core.health_endpoint import open_endpoint
from asyncevents_core.runtime import Runtime
from asyncevents_core.service_manager import ServiceManager
from asyncevents_core.web.api.request_ids import RequestIdFilter
from asyncevents_core.web.app import create_app
from asyncevents_core.web.health import ServerProbe
from asyncevents_core.web.peer import remember_peer

logger = logging.getLogger("asyncevents.web")

_GRACE: Final = 30
_HEADERS_WITHIN: Final = 10.0
"""Seconds for the head of a request, from the moment that a connection is there for it."""


class _Impatient(H11Protocol):
    """Ends connections on which no head of a request comes to its end; uvicorn waits for ever.

    Always on h11: what else is installed beside it must not decide how large a head may be.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override] # as uvicorn declares it
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Whatever follows a request that is being answered waits for its turn.
        if self._is_answering():
            self._stop_waiting()
        elif self._timer is None:
            self._wait_for_head()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(error)

    def _is_answering(self) -> bool:
        # Of a connection without a request yet it is None, which its type does not say.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait_for_head(self) -> None:
        self._timer = self.loop.call_later(_HEADERS_WITHIN, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self._is_answering():
            self.transport.close()


class _Server(uvicorn.Server):
    """Ends with exit code 0 when it is told to: uvicorn's own raises the signal once more."""

    def __init__(self, config: uvicorn.Config, probe: ServerProbe) -> None:
        super().__init__(config)
        self._probe = probe
        self._manager = ServiceManager()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            for address in (one.getsockname() for one in sockets or ()):
                logger.info("serving", extra={"host": address[0], "port": address[1]})
            self._manager.ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: the loop goes on."""
        self._probe.step()
        self._manager.alive()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at a second Ctrl-C at once."""
        told = self.should_exit
        super().handle_exit(sig, frame)
        if self.force_exit:
            logger.warning("stopping at once: requests under way are cut off")
            # What it says of them is no news then.
            logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        elif not told:
            logger.info("stopping", extra={"grace_seconds": _GRACE})
            self._manager.stopping()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while the server runs."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Forwarded:
    """Believes the ``X-Forwarded-…`` headers of `proxies`, and remembers who sent them."""

    def __init__(self, application: ASGIApp, proxies: Sequence[str]) -> None:
        inner: Any = application
        self._next: Any = ProxyHeadersMiddleware(inner, list(proxies))

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "lifespan":
            remember_peer(scope)
        await self._next(scope, receive, send)


def run(
    runtime: Runtime, *, host: str, port: int, pages: bool, proxies: Sequence[str] = ()
) -> None:
    """Serve REST API and, if wanted, `pages`, until SIGTERM or SIGINT.

    Requests under way may finish within 30 seconds.

    A second SIGINT cuts them off. Port 0 stands for a free one; the log says which. `proxies`
    are addresses and networks whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
    Raises `OSError`.
    """
    application = create_app(runtime, pages=pages)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RequestIdFilter())
    config = uvicorn.Config(
        _Forwarded(application, proxies) if proxies else application,
        http=_Impatient,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
    )
    probe = ServerProbe(runtime.ledger)
    server = _Server(config, probe)
    with contextlib.ExitStack() as stack:
        # From now on, although it takes a moment until uvicorn handles them.
        stack.enter_context(server.capture_signals())
        listening = stack.enter_context(contextlib.closing(_listen(host, port)))
        if (endpoint := open_endpoint(runtime, probe)) is not None:
            stack.callback(endpoint.stop)
        server.run(sockets=[listening])
    logger.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)
