"""A server that answers as Event Grid and Microsoft Entra ID document it.

There is no official simulator of Event Grid. This one checks what the documentation asks for: the
path and version of the interface, the key, token or application, the content type, the size, and
that each event of the array is a CloudEvent. Topics whose name begins with ``fail-`` misbehave.
https://learn.microsoft.com/azure/event-grid/post-to-custom-topic
https://learn.microsoft.com/rest/api/eventgrid/dataplane/namespace-topics
"""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field

KEY = "key-of-the-fake"
SAS = "r=https%3a%2f%2forders&e=1%2f1%2f2100&s=signature"
APPLICATION = {"tenant_id": "tenant", "client_id": "application", "client_secret": "s3cret"}
HOSTS = "westeurope-1.eventgrid.azure.net"
LARGEST = 1024 * 1024
VERSIONS = {"/api/events": "2018-01-01", ":publish": "2024-06-01"}
ANSWERS: dict[str, tuple[int, str, dict[str, str]]] = {
    "fail-throttled": (429, "TooManyRequests", {"retry-after": "7"}),
    "fail-broken": (503, "ServiceUnavailable", {}),
    "fail-denied": (403, "Forbidden", {}),
    "fail-invalid": (400, "BadRequest", {}),
    "fail-gone": (410, "Gone", {}),
    "fail-credentials": (401, "Unauthorized", {}),
    "fail-missing": (404, "NotFound", {}),
    "fail-large": (413, "PayloadTooLarge", {}),
    "fail-timeout": (408, "RequestTimeout", {}),
    "fail-moved": (307, "TemporaryRedirect", {"location": "http://127.0.0.1:1/"}),
}


def topic(name: str) -> str:
    """Return the target of a custom topic."""
    return f"https://{name}.{HOSTS}/api/events"


def namespace_topic(name: str, namespace: str = "shop") -> str:
    return f"https://{namespace}.{HOSTS}/topics/{name}"


@define
class Grid:
    """What has arrived. `bodies` are the events of each topic, as they stood in the arrays."""

    url: str = ""
    bodies: dict[str, list[bytes]] = field(factory=dict)
    calls: list[int] = field(factory=list)
    headers: list[dict[str, str]] = field(factory=list)
    paths: list[str] = field(factory=list)
    tokens: set[str] = field(factory=set)
    token_calls: int = 0
    token_answer: tuple[int, dict[str, Any]] | None = None
    scope: str = "https://eventgrid.azure.net/.default"
    poison: bytes | None = None
    over: threading.Event = field(factory=threading.Event)

    def arrived(self, name: str) -> list[bytes]:
        return self.bodies.get(name, [])

    def token(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.token_calls += 1
        if self.token_answer is not None:
            return self.token_answer
        expected = {
            "grant_type": "client_credentials",
            "client_id": APPLICATION["client_id"],
            "client_secret": APPLICATION["client_secret"],
            "scope": self.scope,
        }
        if path != f"/{APPLICATION['tenant_id']}/oauth2/v2.0/token" or form != expected:
            return 401, {"error": "invalid_client", "error_description": f"AADSTS7000215: {form}"}
        made = f"token-{self.token_calls}"
        self.tokens.add(made)
        return 200, {"access_token": made, "expires_in": 3600, "token_type": "Bearer"}

    def publish(self, name: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Return a status with the words for it, after the checks in their order."""
        sent = {
            "key": headers.get("aeg-sas-key") == KEY,
            "sas": headers.get("aeg-sas-token") == SAS,
            "bearer": headers.get("authorization", "").removeprefix("Bearer ") in self.tokens,
        }
        if True not in sent.values():
            return 401, "The request authorization key is not authorized."
        if headers.get("content-type") != "application/cloudevents-batch+json; charset=utf-8":
            return 400, "The content type is not supported."
        if len(body) > LARGEST:
            return 413, "The maximum size (1 MB) has been exceeded."
        if self.poison is not None and self.poison in body:
            return 400, "as told"
        events = elements(body)
        for one in events:
            missing = {"id", "source", "type", "specversion"} - json.loads(one).keys()
            if missing:
                return 400, f"an event without {missing}"
        self.calls.append(len(events))
        self.headers.append(headers)
        self.bodies.setdefault(name, []).extend(events)
        return 200, ""


def elements(array: bytes) -> list[bytes]:
    """Return the elements of a JSON array as they stand there."""
    text = array.decode()
    assert text[0] + text[-1] == "[]"
    decoder, at, found = json.JSONDecoder(), 1, []
    while at < len(text) - 1:
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end].encode())
        assert text[end] in ",]"
        at = end + 1
    return found


@contextmanager
def running() -> Iterator[Grid]:
    """Serve on a free port of the loopback."""
    grid = Grid()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = urlsplit(self.path)
            if path.path.endswith("/token"):
                status, told = grid.token(path.path, dict(parse_qsl(body.decode())))
                self.answer(status, json.dumps(told).encode())
                return
            grid.paths.append(self.path)
            name = headers["host"].partition(".")[0]
            if path.path.startswith("/topics/"):
                name = path.path.removeprefix("/topics/").removesuffix(":publish")
            if name == "fail-hang":
                grid.over.wait(30)
            if name in {"fail-reset", "fail-hang"}:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if name in ANSWERS:
                status, code, more = ANSWERS[name]
                self.refuse(status, code, "as told", more)
                return
            suffix = ":publish" if path.path.startswith("/topics/") else "/api/events"
            if not path.path.endswith(suffix) or path.query != f"api-version={VERSIONS[suffix]}":
                self.refuse(404, "NotFound", "no such interface")
                return
            status, words = grid.publish(name, headers, body)
            if status == 200:
                self.answer(200, b"{}" if suffix == ":publish" else b"")
            else:
                self.refuse(status, "Refused", words)

        def refuse(self, status: int, code: str, words: str, headers: Any = ()) -> None:
            told = {"error": {"code": code, "message": words}}
            self.answer(status, json.dumps(told).encode(), headers)

        def answer(self, status: int, body: bytes, headers: Any = ()) -> None:
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    grid.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield grid
    finally:
        grid.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
