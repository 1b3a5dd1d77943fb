"""A proxy before moto that fails where the name of a target asks for it: ``fail-denied``, …"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MARK = re.compile(rb"fail-([a-z]+)")

# What each service answers, by the word in the name: status, code.
ANSWERS = {
    "throttled": (400, "ThrottlingException"),
    "kms": (400, "KmsThrottled"),
    "broken": (500, "InternalFailure"),
    "expired": (403, "ExpiredTokenException"),
    "denied": (400, "AccessDeniedException"),
    "invalid": (400, "ValidationException"),
    "missing": (400, "ResourceNotFoundException"),
}
_XML = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>as wished</Message>"
    "</Error><RequestId>1</RequestId></ErrorResponse>"
)

_S3 = "<Error><Code>{code}</Code><Message>as wished</Message></Error>"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_PUT(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.calls.append((self.path, body))
        found = MARK.search(self.path.encode()) or MARK.search(body)
        if found is None:
            self._forward(body)
            return
        word = found[1].decode()
        if word == "hang":
            self.server.released.wait(30)
            self.close_connection = True
        elif word == "reset":
            # An abrupt end instead of an answer.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        else:
            status, code = ANSWERS[word]
            self._answer_error(status, code)

    def _answer_error(self, status: int, code: str) -> None:
        if self.headers.get("x-amz-target"):
            text, kind = json.dumps({"__type": code, "message": "as wished"}), "json"
        elif self.command == "PUT":
            text, kind = _S3.format(code=code), "xml"
        else:
            text, kind = _XML.format(code=code), "xml"
        self._answer(status, {"content-type": f"application/{kind}"}, text.encode())

    def _forward(self, body: bytes) -> None:
        upstream = HTTPConnection("127.0.0.1", self.server.upstream, timeout=30)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            upstream.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.calls: list[tuple[str, bytes]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A client that went away is no error here."""


@contextmanager
def running(upstream: int) -> Iterator[Proxy]:
    proxy = Proxy(upstream)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        proxy.shutdown()
        thread.join()
        proxy.server_close()
        time.sleep(0)
