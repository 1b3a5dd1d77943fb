"""A recipient that costs next to nothing: answers POSTs, counts them by path.

`/…/hang` answers after 15 seconds; at `/latency/…` the age of each event is noted, from the
monotonic time in its data. `GET /counts` returns, by path, how many POSTs came and the monotonic
times of the first and the last one, `GET /latencies` the ages in seconds. Run as a process of
its own: it prints its URL.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import cast

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

HANG = 15.0
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Counts:
    """Requests by path."""

    def __init__(self) -> None:
        self.by_path: dict[str, list[float]] = {}
        self.latencies: list[float] = []

    def add(self, path: str) -> None:
        now = time.monotonic()
        entry = self.by_path.setdefault(path, [0, now, now])
        entry[0] += 1
        entry[2] = now


class Recipient(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counts, loop: asyncio.AbstractEventLoop) -> None:
        self._counts = counts
        self._loop = loop
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = 0
            for line in head.lower().split(b"\r\n")[1:]:
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            method, path, _ = head.split(b" ", 2)
            self._answer(method, path.decode(), body)

    def _answer(self, method: bytes, path: str, body: bytes) -> None:
        if method == b"GET":
            wanted = self._counts.latencies if path == "/latencies" else self._counts.by_path
            body = json.dumps(wanted).encode()
            self._write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            return
        self._counts.add(path)
        if path.startswith("/latency"):
            self._counts.latencies.append(time.monotonic() - json.loads(body)["data"]["at"])
        if path.endswith("/hang"):
            self._loop.call_later(HANG, self._write, _OK)
        else:
            self._write(_OK)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    counts = Counts()
    server = await loop.create_server(lambda: Recipient(counts, loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve())
