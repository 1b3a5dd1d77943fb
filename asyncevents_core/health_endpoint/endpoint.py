"""Answers at HEALTH_ADDRESS for all processes of asyncevents on this machine that have it.

Each process listens on a socket in its seat. One of them has the address as well; when it ends,
another takes it, within a second. Whoever is asked there asks all the others.
"""

from __future__ import annotations

import http.client
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from asyncevents_core.adapters.prometheus import CONTENT_TYPE, Tally, exposition
from asyncevents_core.health_endpoint.probe import Probe, Report
from asyncevents_core.health_endpoint.seats import NoSeat, Seat
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.schema import host_and_port

logger = logging.getLogger("asyncevents.health")

_TAKE_EVERY: Final = 1.0
"""Seconds from one try to take the address to the next."""
_PATIENCE: Final = 1.0
"""Seconds for another process to answer."""
_SLOWEST_REQUEST: Final = 5.0
_AT_ONCE: Final = 16
"""Requests that are answered at the same time; more are turned away."""
_WORDS: Final = "text/plain; charset=utf-8"
_OFF: Final = 'METRICS is off: METRICS = "prometheus" switches it on\n'


class HealthEndpoint:
    """Answers ``/livez``, ``/readyz`` and ``/metrics`` at `host` and `port`, on own threads.

    `numbers` returns those of this process's metrics; None: it keeps none. `start` and `stop` are
    called by one thread. An address that cannot be had is told by the log, and tried again.
    """

    def __init__(
        self, host: str, port: int, *, probe: Probe, numbers: Callable[[], Any] | None
    ) -> None:
        self._host, self._port = host, port
        self._probe = probe
        self._numbers = numbers
        self._seat: Seat | None = None
        self._servers: list[_Server] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take_address, name="health", daemon=True)
        self._told = False

    @property
    def address(self) -> tuple[str, int] | None:
        """Where this process listens, None if another one does."""
        found = next((one for one in self._servers if one.is_address), None)
        return None if found is None else found.server_address[:2]  # type: ignore[return-value]

    def start(self) -> None:
        """Listen, or wait for the address to fall free. Returns at once."""
        try:
            self._seat = Seat(self._port)
            self._serve(_Server(_at_path(self._seat.path), self, is_address=False))
        except (NoSeat, OSError) as error:
            logger.warning(
                "the health endpoint answers for this process only", extra={"error": str(error)}
            )
        if not self._take():
            self._thread.start()

    def stop(self) -> None:
        """Answer no more, and let another process have the address."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_TAKE_EVERY)
        for server in self._servers:
            server.shutdown()
            server.server_close()
        if self._seat is not None:
            self._seat.leave()
            self._seat = None

    def own(self) -> Report:
        """Return what this process says of itself."""
        number = 0 if self._seat is None else self._seat.number
        return Report.of(number, self._probe, self._numbers)

    def all(self) -> Sequence[Report]:
        """Return what all processes say of themselves."""
        others = [] if self._seat is None else list(self._seat.others())
        if not others:
            return [self.own()]
        with ThreadPoolExecutor(min(_AT_ONCE, len(others))) as asked:
            answers = asked.map(lambda one: _ask(*one), others)
            return sorted([self.own(), *answers], key=lambda one: one.process)

    def _take_address(self) -> None:
        while not self._stop.wait(_TAKE_EVERY):
            if self._take():
                return

    def _take(self) -> bool:
        """Listen at the address; False if that is not possible now."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            listening = socket.create_server((self._host, self._port), family=family)
        except OSError as error:
            if not (self._told or self._others_are_there()):
                logger.warning(
                    "HEALTH_ADDRESS cannot be had; trying again",
                    extra={"address": f"{self._host}:{self._port}", "error": str(error)},
                )
                self._told = True
            return False
        host, port = listening.getsockname()[:2]
        self._serve(_Server(listening, self, is_address=True))
        logger.info("health endpoint", extra={"address": f"{host}:{port}"})
        return True

    def _others_are_there(self) -> bool:
        return self._seat is not None and any(self._seat.others())

    def _serve(self, server: _Server) -> None:
        self._servers.append(server)
        threading.Thread(
            target=server.serve_forever, args=(0.1,), name="health server", daemon=True
        ).start()


def open_endpoint(runtime: Runtime, probe: Probe) -> HealthEndpoint | None:
    """Start what answers at HEALTH_ADDRESS, and return it; None where that is not set."""
    address = runtime.settings.health_address
    if address is None:
        return None
    host, port = host_and_port(address)
    kept = runtime.instruments
    numbers = kept.numbers if isinstance(kept, Tally) else None
    made = HealthEndpoint(host, port, probe=probe, numbers=numbers)
    made.start()
    return made


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Answers each request on a thread of its own, so many at once."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, listening: socket.socket, endpoint: HealthEndpoint, is_address: bool
    ) -> None:
        # It listens already: nothing is bound here.
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_address = listening.getsockname()
        self.endpoint = endpoint
        self.is_address = is_address
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer, if there is room."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer; then there is room again."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell the log; one that goes away in the middle is no error."""
        if not isinstance(sys.exception(), OSError):
            logger.exception("a question about health was not answered")


class _Handler(BaseHTTPRequestHandler):
    timeout = _SLOWEST_REQUEST
    server_version = "asyncevents"
    sys_version = ""
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/report" and not self.server.is_address:
            self._say(200, "application/json", self.server.endpoint.own().to_json())
            return
        role = parse_qs(url.query).get("role", [None])[0]
        match url.path:
            case "/livez":
                self._verdict([(one, one.not_live) for one in self._reports(role)])
            case "/readyz":
                self._verdict([(one, one.not_ready) for one in self._reports(role)])
            case "/metrics":
                self._metrics(self._reports(role))
            case _:
                self._say(404, _WORDS, b"there are /livez, /readyz and /metrics\n")

    do_HEAD = do_GET

    def _reports(self, role: str | None) -> Sequence[Report]:
        return [one for one in self.server.endpoint.all() if role in (None, one.role)]

    def _metrics(self, reports: Sequence[Report]) -> None:
        told = [
            ({"role": one.role, "process": str(one.process)}, one.numbers)
            for one in reports
            if one.numbers is not None
        ]
        if told:
            self._say(200, CONTENT_TYPE, exposition(told).encode())
        else:
            self._say(404, _WORDS, _OFF.encode())

    def _verdict(self, verdicts: Sequence[tuple[Report, str | None]]) -> None:
        lines = [f"{one.role} {one.process}: {wrong or 'ok'}\n" for one, wrong in verdicts]
        well = bool(verdicts) and not any(wrong for _, wrong in verdicts)
        self._say(200 if well else 503, _WORDS, "".join(lines or ["no such process\n"]).encode())

    def _say(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: probes come every few seconds."""

    def address_string(self) -> str:
        """Return nothing: a socket in a folder has no address of the other side."""
        return ""


class _Connection(http.client.HTTPConnection):
    """A connection to a socket in a folder."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Connect. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(str(self._path))


def _at_path(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        listening.listen(_AT_ONCE)
    except OSError:
        listening.close()
        raise
    return listening


def _ask(number: int, path: Path) -> Report:
    """Ask the process with a seat what it says of itself."""
    try:
        with closing(_Connection(path)) as connection:
            connection.request("GET", "/report")
            return Report.from_json(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError, TypeError) as error:
        logger.debug("a process does not answer", extra={"process": number, "error": str(error)})
        return Report.silent(number)
