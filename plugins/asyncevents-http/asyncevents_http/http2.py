"""HTTP/2, over httpcore: for recipients to which many deliveries go over one connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpcore

from asyncevents_http.guard import AddressRefused
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.wire.client import usual_bounds
from asyncevents_http.wire.errors import (
    CannotConnect,
    CannotResolve,
    NoAnswer,
    TlsFailed,
    TooSlow,
    WireError,
    in_words,
)
from asyncevents_http.wire.exchange import Answer, Headers, Origin

_IDLE: Final = 4.0
_CLOSED: Final = "the sink was closed"
_VERSIONS: Final = {b"HTTP/2": "2", b"HTTP/1.1": "1.1", b"HTTP/1.0": "1.0"}

_SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed where its handshake is broken off; httpcore's is left open."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that the resolver returns, one after the other."""

    def __init__(self, resolver: GuardedResolver) -> None:
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `WireError` and `AddressRefused` besides httpcore's errors."""
        origin = Origin(tls=False, host=host.strip("[]"), port=port)
        try:
            found = await self._resolver.resolve(origin.host)
        except OSError as error:
            raise CannotResolve(f"cannot resolve {origin.host}: {error}") from error
        except ValueError as error:
            raise CannotResolve(f"{type(error).__name__}: {error}") from error
        failed: Exception | None = None
        for _, address in found:
            try:
                return _Stream(
                    await self._network.connect_tcp(
                        address, port, timeout, local_address, socket_options
                    )
                )
            except httpcore.ConnectError as error:
                failed = error
        raise CannotConnect(f"cannot connect to {origin}: {_root(failed)}") from failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no recipient is a socket of this machine."""
        raise AddressRefused(f"{path} is no host")

    async def sleep(self, seconds: float) -> None:
        """See `httpcore.AsyncNetworkBackend`."""
        await asyncio.sleep(seconds)


class Http2:
    """Posts over connections that requests share. Made on the loop that it is used on.

    `connect_timeout` are the seconds for a connection, and again for its TLS.
    """

    def __init__(
        self, resolver: GuardedResolver, tls: ssl.SSLContext, *, connect_timeout: float
    ) -> None:
        bounds = usual_bounds()
        self._connect_timeout = connect_timeout
        self._limits: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = asyncio.Event()
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=bounds.in_use,
            max_keepalive_connections=bounds.kept,
            keepalive_expiry=_IDLE,
            http2=True,
            network_backend=_GuardedNetwork(resolver),
        )

    async def post(
        self,
        origin: Origin,
        target: bytes,
        headers: Headers,
        body: bytes,
        *,
        body_cap: int,
        deadline: float,
    ) -> Answer:
        """Post once, and return the answer, within `deadline` seconds.

        Raises `WireError` where there is no status, `AddressRefused` where the guard lets no
        address pass.
        """
        if self._closed.is_set():
            raise NoAnswer(_CLOSED)
        answer: Answer | None = None
        try:
            async with asyncio.timeout(deadline) as limit:
                self._limits.add(limit)
                self._idle.clear()
                try:
                    async with self._pool.stream(
                        "POST",
                        _url(origin, target),
                        headers=headers,
                        content=body,
                        extensions={"timeout": {"connect": self._connect_timeout}},
                    ) as response:
                        answer = _begun(response)
                        await _read(response, answer, body_cap)
                finally:
                    self._limits.discard(limit)
                    if not self._limits:
                        self._idle.set()
        except TimeoutError as error:
            if self._closed.is_set():
                return _in_part(answer, _CLOSED, NoAnswer(_CLOSED), error)
            late = f"no end of it within {deadline:g} s"
            return _in_part(answer, late, TooSlow(f"no answer within {deadline:g} s"), error)
        except httpcore.ConnectTimeout as error:
            late = f"no connection to {origin} within {self._connect_timeout:g} s"
            raise TooSlow(late) from error
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            return _in_part(answer, _root(error), _unanswered(error, origin), error)
        return answer

    async def close(self) -> None:
        """End what is under way, and close all connections. Idempotent."""
        self._closed.set()
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(now)
        # The pool closes only what it has; not a connection that is being opened.
        await self._idle.wait()
        await self._pool.aclose()


def _url(origin: Origin, target: bytes) -> httpcore.URL:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return httpcore.URL(
        scheme=b"https" if origin.tls else b"http",
        host=host.encode("ascii"),
        port=origin.port,
        target=target,
    )


def _begun(response: httpcore.Response) -> Answer:
    version = _VERSIONS.get(response.extensions.get("http_version", b""), "")
    return Answer(status=response.status, headers=list(response.headers), body=b"", version=version)


async def _read(response: httpcore.Response, answer: Answer, body_cap: int) -> None:
    """Read a little more than the cap."""
    async for chunk in response.aiter_stream():
        answer.body += chunk
        if len(answer.body) > body_cap:
            answer.body, answer.cut = answer.body[:body_cap], True
            return


def _in_part(answer: Answer | None, reason: str, instead: WireError, cause: Exception) -> Answer:
    """Return what came, if that was a status at least: it stands. Raises `instead`."""
    if answer is None:
        raise instead from cause
    answer.note = f"its body did not arrive ({reason})"
    return answer


def _unanswered(error: Exception, origin: Origin) -> WireError:
    root = _cause(error)
    if isinstance(root, ssl.SSLError):
        return TlsFailed(f"TLS: {root}")
    if isinstance(error, httpcore.ConnectError):
        return CannotConnect(f"cannot connect to {origin}: {in_words(root)}")
    if isinstance(error, httpcore.RemoteProtocolError) and "disconnected" in str(error):
        return NoAnswer("the connection was closed without an answer")
    return NoAnswer(f"the connection broke without an answer: {in_words(root)}")


def _root(error: BaseException | None) -> str:
    return "" if error is None else in_words(_cause(error))


def _cause(error: BaseException) -> BaseException:
    """Return what a library's errors were made of."""
    seen: Sequence[BaseException] = [error]
    while (inner := seen[-1].__cause__ or seen[-1].__context__) is not None and inner not in seen:
        seen = [*seen, inner]
    return seen[-1]
