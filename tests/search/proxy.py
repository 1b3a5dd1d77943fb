"""A proxy before a real Elasticsearch that fails, and asks for credentials, where told to."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

MARKED = {"X-elastic-product": "Elasticsearch", "Content-Type": "application/json"}

Fault = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request: a fault answers it, or the node does."""

    protocol_version = "HTTP/1.1"
    server: Proxy
    body = b""

    def handle_one(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        proxy = self.server
        proxy.calls.append(f"{self.command} {urlsplit(self.path).path}")
        if proxy.authorization not in {None, self.headers.get("authorization")}:
            self.answer(401, {"error": {"reason": "unable to authenticate"}, "status": 401})
            return
        fault = proxy.fault_for(self.path)
        if fault is None:
            self.forward(self.body)
        else:
            fault(self)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one

    def ask_node(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        node = urlsplit(self.server.node)
        upstream = HTTPConnection(node.hostname or "", node.port, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            headers |= {"Content-Length": str(len(body))}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            upstream.close()

    def forward(self, body: bytes) -> None:
        status, headers, answer = self.ask_node(body)
        self.send(status, headers, answer)

    def answer(self, status: int, body: object) -> None:
        self.send(status, MARKED, json.dumps(body).encode())

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reset(self) -> None:
        """End the connection abruptly."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Proxy(ThreadingHTTPServer):
    """`authorization` is the header that is asked for; `down` ends every connection."""

    daemon_threads = True

    def __init__(self, node: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.node = node
        self.authorization: str | None = None
        self.down = False
        self.calls: list[str] = []
        self.released = threading.Event()
        self._faults: list[tuple[str, Fault]] = []
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server_address[1]}"

    def fail(self, part: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next requests fail whose path has this part."""
        self._faults += [(part, fault)] * times

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._faults.clear()

    def fault_for(self, path: str) -> Fault | None:
        if self.down:
            return Request.reset
        for number, (part, fault) in enumerate(self._faults):
            if part in path:
                del self._faults[number]
                return fault
        return None

    def handle_error(self, *_: object) -> None:
        """A client that went away is no error here."""


@contextmanager
def running(node: str, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    proxy = Proxy(node, tls)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def answering(status: int, reason: str, kind: str = "as_wished") -> Fault:
    """Return the fault that answers so."""
    body = {"error": {"type": kind, "reason": reason}, "status": status}
    return lambda request: request.answer(status, body)


def hanging(request: Request) -> None:
    """Answer nothing until the test is over."""
    request.server.released.wait(60)
    request.reset()


def forwarded_then_reset(request: Request) -> None:
    """Let the node do it, and tell the client nothing of it."""
    request.ask_node(request.body)
    request.reset()


def items_busy(log_id: int) -> Fault:
    """Return the fault that keeps one document of a bulk from the node, and answers 429 for it."""

    def fault(request: Request) -> None:
        lines = request.body.splitlines(keepends=True)
        head = next(n for n, line in enumerate(lines) if f'"_id":"{log_id}"'.encode() in line)
        kept = lines[:head] + lines[head + 2 :]
        place = sum(b'"_id":' in line for line in lines[:head])
        answer = {"items": []}
        if kept:
            answer = json.loads(request.ask_node(b"".join(kept))[2])
        error = {"type": "es_rejected_execution_exception", "reason": "the queue is full"}
        answer["items"].insert(place, {"index": {"status": 429, "error": error}})
        request.answer(200, answer)

    return fault
