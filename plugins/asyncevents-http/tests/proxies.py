"""A proxy that opens tunnels, or says what it is told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

from tests.streams import serving


class Tunnelling:
    """Answers CONNECT with `says`, and leads to this machine if that is a 2xx.

    `asked` has the heads that came. `names` is where names lead: all to this machine.
    """

    def __init__(self, says=b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.says = says
        self.asked: list[str] = []

    @property
    def authorities(self) -> list[str]:
        return [one.split(" ")[1] for one in self.asked]

    async def handle(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        self.asked.append(head.decode())
        says = self.says(head) if callable(self.says) else self.says
        if says is None:
            await asyncio.sleep(60)
        back = None
        if b" 200 " in says:
            port = int(head.split(b" ")[1].rpartition(b":")[2])
            try:
                there, back = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                says = b"HTTP/1.1 502 Bad gateway\r\n\r\n"
        try:
            # In two parts: heads come as they come.
            for part in (says[:9], says[9:]):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            if back is None:
                writer.close()
            else:
                await asyncio.gather(_pass(reader, back), _pass(there, writer))
        except ConnectionError:
            pass
        finally:
            if back is not None:
                back.transport.abort()


async def _pass(reader, writer):
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def tunnelling(says=None):
    """Run a proxy; yields it, and its URL."""
    proxy = Tunnelling() if says is None else Tunnelling(says)
    async with serving(proxy.handle) as port:
        yield proxy, f"http://127.0.0.1:{port}"
