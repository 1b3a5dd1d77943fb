"""A server of HTTP/2 over TLS, as far as tests need one."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from contextlib import asynccontextmanager

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from tests.streams import accepting


class Http2Server(asyncio.Protocol):
    """Calls `answer(path, headers, body)` for each request: status, headers and body are sent.

    `answer` is a coroutine function. What it returns instead of a status, None, resets the stream.
    """

    def __init__(self, answer, opened) -> None:
        self.answer = answer
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.requests = {}
        self.bodies = defaultdict(bytes)
        self.tasks = {}
        self.opened = opened

    def connection_made(self, transport):
        self.transport = transport
        self.opened.append(self)
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, exc):
        for task in self.tasks.values():
            task.cancel()

    def data_received(self, data):
        try:
            events = self.h2.receive_data(data)
        except ProtocolError:
            self.transport.close()
            return
        for event in events:
            if isinstance(event, RequestReceived):
                self.requests[event.stream_id] = dict(event.headers)
            elif isinstance(event, DataReceived):
                self.bodies[event.stream_id] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                task = asyncio.ensure_future(self.respond(event.stream_id))
                self.tasks[event.stream_id] = task
            elif isinstance(event, StreamReset):
                if task := self.tasks.get(event.stream_id):
                    task.cancel()
            elif isinstance(event, ConnectionTerminated):
                self.transport.close()
        self.flush()

    async def respond(self, stream):
        headers = self.requests.pop(stream)
        status, more, body = await self.answer(
            headers[":path"], headers, self.bodies.pop(stream, b"")
        )
        if status is None:
            self.h2.reset_stream(stream)
        else:
            self.h2.send_headers(stream, [(":status", str(status)), *more], end_stream=not body)
            while body:
                size = min(
                    self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size
                )
                if size == 0:
                    self.flush()
                    await asyncio.sleep(0.01)
                    continue
                self.h2.send_data(stream, body[:size], end_stream=len(body) <= size)
                body = body[size:]
        self.flush()

    def flush(self):
        self.transport.write(self.h2.data_to_send())


@asynccontextmanager
async def serving_http2(answer, certificate, *, protocols=("h2",), tls=None):
    """Serve; yields the port and a list of the connections. `tls`: a context of one's own."""
    if tls is None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
        tls.set_alpn_protocols(list(protocols))
    opened = []
    async with accepting(lambda: Http2Server(answer, opened), tls=tls) as port:
        yield port, opened
