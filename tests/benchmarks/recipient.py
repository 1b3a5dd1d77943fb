"""A recipient that costs next to nothing: answers POSTs, notes when each came, by path.

`/…/hang` answers after 15 seconds; at `/latency/…` the age of each event is noted, from the
monotonic times in its data: `at`, just before `publish()`, and `due`, when it should have been
called. Run as a process of its own: it prints its URL.

* `GET /counts`: how many POSTs came, by path;
* `GET /arrivals/PATH`: the monotonic time of each, as an array of C doubles;
* `GET /latencies`: pairs of seconds since `at` and since `due`.
"""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections import defaultdict
from typing import cast

from uvloop import new_event_loop

HANG = 15.0
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_LENGTH = b"content-length:"


class Book:
    """What came, and when."""

    def __init__(self) -> None:
        self.arrivals: defaultdict[bytes, array[float]] = defaultdict(lambda: array("d"))
        self.latencies: list[tuple[float, float]] = []

    def add(self, path: bytes, body: bytes) -> None:
        """Note a request."""
        now = time.monotonic()
        self.arrivals[path].append(now)
        if path.startswith(b"/latency"):
            data = json.loads(body)["data"]
            self.latencies.append((now - data["at"], now - data["due"]))

    def read(self, path: bytes) -> bytes:
        """Return what a GET asks for."""
        if path == b"/counts":
            return json.dumps({key.decode(): len(at) for key, at in self.arrivals.items()}).encode()
        if path == b"/latencies":
            return json.dumps(self.latencies).encode()
        return self.arrivals[path.removeprefix(b"/arrivals")].tobytes()


class Recipient(asyncio.Protocol):
    """One connection."""

    def __init__(self, book: Book, loop: asyncio.AbstractEventLoop) -> None:
        self._book = book
        self._loop = loop
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            start = end + 4
            stop = start + _content_length(data[:end])
            if len(data) < stop:
                break
            method, path, _ = data[:end].split(b" ", 2)
            self._answer(method, path, data[start:stop])
            data = data[stop:]
        self._rest = data

    def _answer(self, method: bytes, path: bytes, body: bytes) -> None:
        if method == b"GET":
            body = self._book.read(path)
            self._write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            return
        self._book.add(path, body)
        if path.endswith(b"/hang"):
            self._loop.call_later(HANG, self._write, _OK)
        else:
            self._write(_OK)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    if at < 0:
        return 0
    end = lowered.find(b"\r\n", at)
    return int(lowered[at + len(_LENGTH) : end if end >= 0 else None])


async def serve() -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    book = Book()
    server = await loop.create_server(lambda: Recipient(book, loop), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve())
