"""Name look-ups: on threads of their own, and through the guard."""

from __future__ import annotations

import asyncio
import functools
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from attrs import frozen

from asyncevents_http.guard import Guard, literal

Addresses = list[tuple[socket.AddressFamily, str]]

_PATIENCE: Final = 1.0
"""Seconds after which a known answer is used, while a new look-up hangs."""
_ANSWERS_AGE: Final = 600.0
_ANSWERS_KEPT: Final = 4096

_FAILURE_REST: Final = 3
_LONGEST_REST: Final = 30.0


@frozen
class _Answer:
    addresses: Addresses
    at: float


class GuardedResolver:
    """Resolves with the system's resolver and lets pass what the guard allows.

    Connections go to the very addresses returned here, so a name cannot resolve to something
    else between the check and the connection.

    A look-up that hangs occupies a thread, which nothing can free. So that such names do not
    hold up others, each has one look-up at a time, which all who ask for it share, and rests
    after a failure three times as long as that took, up to half a minute. Used on one loop.
    """

    def __init__(self, guard: Guard, *, threads: int) -> None:
        self._guard = guard
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dns")
        # Under way, or failed and resting.
        self._look_ups: dict[str, asyncio.Future[Addresses]] = {}
        self._answers: dict[str, _Answer] = {}

    async def resolve(self, host: str) -> Addresses:
        """Return the allowed addresses of a name, or of an address itself, without brackets.

        Raises OSError, UnicodeError or `AddressRefused`.
        """
        written = literal(host)
        if written is not None:
            family = socket.AF_INET if written.version == 4 else socket.AF_INET6
            found = [(family, host)]
        else:
            found = await self._addresses(host)
        allowed = self._guard.check(host, list(dict.fromkeys(address for _, address in found)))
        return [(family, address) for family, address in found if address in allowed]

    async def close(self) -> None:
        """Stop; a look-up that hangs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, host: str) -> Addresses:
        look_up = self._look_ups.get(host) or self._start(host)
        known = self._known(host)
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

    def _known(self, host: str) -> Addresses | None:
        """Return the last answer, unless it is too old."""
        answer = self._answers.get(host)
        if answer is None or asyncio.get_running_loop().time() - answer.at > _ANSWERS_AGE:
            return None
        return answer.addresses

    def _start(self, host: str) -> asyncio.Future[Addresses]:
        loop = asyncio.get_running_loop()
        look_up = loop.run_in_executor(self._pool, self._look_up, host)
        self._look_ups[host] = look_up
        look_up.add_done_callback(functools.partial(self._ended, host, loop.time()))
        return look_up

    def _ended(self, host: str, since: float, look_up: asyncio.Future[Addresses]) -> None:
        loop = look_up.get_loop()
        if look_up.cancelled():
            del self._look_ups[host]
        elif look_up.exception() is not None:
            rest = min(_FAILURE_REST * (loop.time() - since), _LONGEST_REST)
            loop.call_later(rest, self._look_ups.pop, host)
        else:
            del self._look_ups[host]
            self._answers.pop(host, None)
            self._answers[host] = _Answer(look_up.result(), loop.time())
            if len(self._answers) > _ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]

    @staticmethod
    def _look_up(host: str) -> Addresses:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [(kind, str(address[0])) for kind, _, _, _, address in found]
