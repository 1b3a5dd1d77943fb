"""Name look-ups: on threads of their own, and through the guard."""

from __future__ import annotations

import asyncio
import functools
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from attrs import frozen

from asyncevents_http.guard import Guard

_Name = tuple[str, socket.AddressFamily]
_Addresses = list[tuple[socket.AddressFamily, str]]

_PATIENCE: Final = 1.0
"""Seconds after which a known answer is used, while a new look-up hangs."""
_ANSWERS_AGE: Final = 600.0
_ANSWERS_KEPT: Final = 4096

_FAILURE_REST: Final = 3
_LONGEST_REST: Final = 30.0


@frozen
class _Answer:
    addresses: _Addresses
    at: float


class GuardedResolver(AbstractResolver):
    """Resolves with the system's resolver and lets pass what the guard allows.

    aiohttp connects to the very addresses returned here, so a name cannot resolve to
    something else between the check and the connection.

    A look-up that hangs occupies a thread, which nothing can free. So that such names do not
    hold up others, each has one look-up at a time, which all who ask for it share, and rests
    after a failure three times as long as that took, up to half a minute. Used on one loop.
    """

    def __init__(self, guard: Guard, *, threads: int) -> None:
        self._guard = guard
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dns")
        # Under way, or failed and resting.
        self._look_ups: dict[_Name, asyncio.Future[_Addresses]] = {}
        self._answers: dict[_Name, _Answer] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the allowed addresses. Raises OSError or `AddressRefused`."""
        found = await self._addresses((host, family))
        allowed = self._guard.check(host, list(dict.fromkeys(address for _, address in found)))
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, address in found
            if address in allowed
        ]

    async def close(self) -> None:
        """Stop; a look-up that hangs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, name: _Name) -> _Addresses:
        look_up = self._look_ups.get(name) or self._start(name)
        known = self._known(name)
        if known is None:
            return await asyncio.shield(look_up)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await asyncio.shield(look_up)
        except TimeoutError:
            return known
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise
            return known

    def _known(self, name: _Name) -> _Addresses | None:
        """Return the last answer, unless it is too old."""
        answer = self._answers.get(name)
        if answer is None or asyncio.get_running_loop().time() - answer.at > _ANSWERS_AGE:
            return None
        return answer.addresses

    def _start(self, name: _Name) -> asyncio.Future[_Addresses]:
        loop = asyncio.get_running_loop()
        look_up = loop.run_in_executor(self._pool, self._look_up, *name)
        self._look_ups[name] = look_up
        look_up.add_done_callback(functools.partial(self._ended, name, loop.time()))
        return look_up

    def _ended(self, name: _Name, since: float, look_up: asyncio.Future[_Addresses]) -> None:
        loop = look_up.get_loop()
        if look_up.cancelled():
            del self._look_ups[name]
        elif look_up.exception() is not None:
            rest = min(_FAILURE_REST * (loop.time() - since), _LONGEST_REST)
            loop.call_later(rest, self._look_ups.pop, name)
        else:
            del self._look_ups[name]
            self._answers.pop(name, None)
            self._answers[name] = _Answer(look_up.result(), loop.time())
            if len(self._answers) > _ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]

    @staticmethod
    def _look_up(host: str, family: socket.AddressFamily) -> _Addresses:
        found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
        return [(kind, str(address[0])) for kind, _, _, _, address in found]
