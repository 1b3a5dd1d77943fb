"""HTTP/2, over httpcore: for recipients to which many deliveries go over one connection."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpcore
from attrs import define

from asyncevents_core.errors import SettingsError
from asyncevents_http.guard import AddressRefused
from asyncevents_http.identities import Identity, IdentityMalformed
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.trust import TlsContexts
from asyncevents_http.wire.client import usual_bounds
from asyncevents_http.wire.errors import (
    CannotConnect,
    CannotResolve,
    IdentityUnusable,
    NoAnswer,
    ProxyDenied,
    ProxyWantsCredentials,
    TlsFailed,
    TooSlow,
    WireError,
    in_words,
)
from asyncevents_http.wire.exchange import Answer, Headers, Origin
from asyncevents_http.wire.tunnels import Tunnels

_IDLE: Final = 4.0
_AT_ONCE: Final = 4096
_MOST_POOLS: Final = 256
"""Pools of identities that are kept, unless more are in use."""
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
    """Connects to the addresses that the resolver returns, one after the other, or by a proxy."""

    def __init__(self, resolver: GuardedResolver, tunnels: Tunnels | None) -> None:
        self._resolver = resolver
        self._tunnels = tunnels
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
        if self._tunnels is not None:
            found = [] if self._tunnels.looks_up else await self._addresses(origin)
            return await self._through(self._tunnels, origin, found, timeout)
        failed: Exception | None = None
        for address in await self._addresses(origin):
            try:
                return _Stream(
                    await self._network.connect_tcp(
                        address, port, timeout, local_address, socket_options
                    )
                )
            except httpcore.ConnectError as error:
                failed = error
        raise CannotConnect(f"cannot connect to {origin}: {_root(failed)}") from failed

    async def _addresses(self, origin: Origin) -> list[str]:
        try:
            return [address for _, address in await self._resolver.resolve(origin.host)]
        except OSError as error:
            raise CannotResolve(f"cannot resolve {origin.host}: {error}") from error
        except ValueError as error:
            raise CannotResolve(f"{type(error).__name__}: {error}") from error

    async def _through(
        self, tunnels: Tunnels, origin: Origin, addresses: Sequence[str], timeout: float | None
    ) -> httpcore.AsyncNetworkStream:
        failed: WireError | None = None
        for host in tunnels.hosts(origin, addresses):
            for _, address in await tunnels.addresses():
                try:
                    return _Stream(await self._tunnel(tunnels, origin, host, address, timeout))
                except (ProxyDenied, ProxyWantsCredentials):
                    raise
                except httpcore.ConnectError as error:
                    failed = CannotConnect(
                        f"cannot connect to the proxy {tunnels.proxy}: {_root(error)}"
                    )
                except httpcore.NetworkError as error:
                    failed = CannotConnect(f"the proxy {tunnels.proxy}: {_root(error)}")
                except CannotConnect as error:
                    failed = error
        raise failed or CannotResolve(f"{origin.host} has no address")

    async def _tunnel(
        self, tunnels: Tunnels, origin: Origin, host: str, address: str, timeout: float | None
    ) -> httpcore.AsyncNetworkStream:
        proxy = tunnels.proxy
        stream = await self._network.connect_tcp(address, proxy.port, timeout)
        try:
            await stream.write(proxy.request(host, origin.port), timeout)
            answer = b""
            while not proxy.has_answered(answer):
                part = await stream.read(_AT_ONCE, timeout)
                if not part:
                    raise CannotConnect(f"the proxy {proxy} closed the connection")
                answer += part
            proxy.check(answer, str(origin))
        except BaseException:
            await stream.aclose()
            raise
        return stream

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


@define(eq=False)
class _Pool:
    """The connections of one identity, and how many requests use them."""

    connections: httpcore.AsyncConnectionPool
    uses: int = 0


class Http2:
    """Sends over connections that requests share. Made on the loop that it is used on.

    Each identity has connections of its own. `connect_timeout` are the seconds for a connection,
    and again for its TLS.
    """

    def __init__(
        self,
        resolver: GuardedResolver,
        tls: TlsContexts,
        *,
        connect_timeout: float,
        tunnels: Tunnels | None = None,
    ) -> None:
        _keep_headers_out_of_the_log()
        self._tls = tls
        self._connect_timeout = connect_timeout
        self._tunnels = tunnels
        self._limits: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = asyncio.Event()
        self._network = _GuardedNetwork(resolver, tunnels)
        self._pools: dict[Identity | None, _Pool] = {}

    def _pool(self, identity: Identity | None) -> _Pool:
        # The one that was used last stands last.
        pool = self._pools.pop(identity, None) or self._opened(identity)
        self._pools[identity] = pool
        return pool

    def _opened(self, identity: Identity | None) -> _Pool:
        try:
            tls = self._tls.of(identity)
        except (IdentityMalformed, SettingsError) as error:
            raise IdentityUnusable(str(error)) from error
        bounds = usual_bounds()
        return _Pool(
            httpcore.AsyncConnectionPool(
                ssl_context=tls,
                max_connections=bounds.in_use,
                max_keepalive_connections=bounds.kept,
                keepalive_expiry=_IDLE,
                http2=True,
                network_backend=self._network,
            )
        )

    async def _close_idle(self) -> None:
        """Close pools that are not in use, where there are too many."""
        surplus = max(0, len(self._pools) - _MOST_POOLS)
        idle = [identity for identity, pool in list(self._pools.items())[:surplus] if not pool.uses]
        # Taken out together: meanwhile others look for them, and make new ones.
        for pool in [self._pools.pop(one) for one in idle]:
            await pool.connections.aclose()

    async def send(
        self,
        method: str,
        origin: Origin,
        target: bytes,
        headers: Headers,
        body: bytes,
        *,
        body_cap: int,
        deadline: float,
    ) -> Answer:
        """Send a request once, and return the answer, within `deadline` seconds.

        Raises `WireError` where there is no status, `AddressRefused` where the guard lets no
        address pass.
        """
        if self._closed.is_set():
            raise NoAnswer(_CLOSED)
        answer: Answer | None = None
        if len(self._pools) > _MOST_POOLS:
            await self._close_idle()
        pool = self._pool(origin.identity)
        pool.uses += 1
        try:
            async with asyncio.timeout(deadline) as limit:
                self._limits.add(limit)
                self._idle.clear()
                try:
                    async with pool.connections.stream(
                        method,
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
        finally:
            pool.uses -= 1
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
        for pool in self._pools.values():
            await pool.connections.aclose()
        if self._tunnels is not None:
            await self._tunnels.resolver.close()


def _keep_headers_out_of_the_log() -> None:
    """Keep hpack from following a root logger at DEBUG, unless its level was set.

    At DEBUG it writes each header: secrets of subscriptions, too.
    """
    logger = logging.getLogger("hpack")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


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
