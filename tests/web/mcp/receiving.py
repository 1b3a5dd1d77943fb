"""A receiver of callbacks, as a client of MCP Events runs one; it checks with others' library."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import define, field
from standardwebhooks import Webhook


def secret_of(byte: bytes) -> str:
    return "whsec_" + base64.b64encode(byte * 32).decode()


@define
class Receiver:
    """Repeats challenges, and takes what comes; both may be changed.

    With `together` it answers challenges when so many have come.
    """

    url: str
    secret: str = secret_of(b"k")
    status: int = 200
    repeats: bool = True
    challenges: list[str] = field(factory=list)
    events: list[dict[str, Any]] = field(factory=list)
    headers: list[dict[str, str]] = field(factory=list)
    together: threading.Barrier | None = None

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        message = Webhook(self.secret).verify(body, headers)
        self.headers.append(headers)
        if "challenge" in message:
            assert message["type"] == "verification"
            self.challenges.append(message["challenge"])
            if self.together is not None:
                self.together.wait(30)
            said = message["challenge"] if self.repeats else "something"
            return self.status, json.dumps({"challenge": said}).encode()
        self.events.append(message)
        return self.status, b""


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = receiver.take(headers, body)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(url=f"http://127.0.0.1:{server.server_port}/hooks")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
