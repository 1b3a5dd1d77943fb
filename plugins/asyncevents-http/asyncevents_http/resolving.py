"""Name look-ups: on threads of their own, and through the guard."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from asyncevents_http.guard import Guard


class GuardedResolver(AbstractResolver):
    """Resolves with the system's resolver and lets pass what the guard allows.

    aiohttp connects to the very addresses returned here, so a name cannot resolve to
    something else between the check and the connection. The bounded pool keeps look-ups from
    queueing behind other blocking work.
    """

    def __init__(self, guard: Guard, *, threads: int) -> None:
        self._guard = guard
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the allowed addresses. Raises OSError or `AddressRefused`."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._pool, self._look_up, host, port, family)
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

    @staticmethod
    def _look_up(
        host: str, port: int, family: socket.AddressFamily
    ) -> list[tuple[socket.AddressFamily, str]]:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        return [(kind, str(address[0])) for kind, _, _, _, address in found]
