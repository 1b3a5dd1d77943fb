"""Counts the code that one event with one retry runs through: ``python -m tests.benchmarks.walk``.

An application publishes an event, a worker delivers it over HTTP to a recipient that answers 503
and then 200. Everything is open before: counted is what runs from `publish()` until the outcome of
the second attempt is written. A function counts if it is called, a file if one of its functions
is, a callback if it is a function made inside of another one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import CodeType, FrameType

from cryptography.fernet import Fernet

from asyncevents_core import AsyncEvents, NewSubscription
from asyncevents_core.domain.delivery import DeliveryState

_ROOT = Path(__file__).parents[2]
_PACKAGES = (str(_ROOT / "asyncevents_core"), str(_ROOT / "plugins"))
_COMPREHENSIONS = ("<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>")
_PATIENCE = 30.0


class Recorder:
    """Notes each function of the project that any thread calls while it is switched on."""

    def __init__(self) -> None:
        self.called: set[CodeType] = set()
        self.on = False

    def install(self) -> None:
        """Watch this thread and all that are started from now on."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def _profile(self, frame: FrameType, what: str, _: object) -> None:
        if self.on and what == "call" and frame.f_code.co_filename.startswith(_PACKAGES):
            self.called.add(frame.f_code)


class Recipient(BaseHTTPRequestHandler):
    """Refuses the first request and takes the others."""

    refused = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if Recipient.refused else 503)
        Recipient.refused = True
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def walk(recorder: Recorder, port: int) -> None:
    """Publish one event and record until it is delivered. Raises `TimeoutError`."""
    settings = {
        "EVENTS": {"walk.begun": {}, "walk.made": {}},
        "INDEXER": None,
        "SECRET_KEYS": [Fernet.generate_key().decode()],
        "SINKS": {"http": {"allow": ["127.0.0.1/32"]}},
    }
    events = AsyncEvents(settings)
    events.upgrade()
    target = f"http://127.0.0.1:{port}/"
    events.subscribe(
        NewSubscription(event_name="walk.made", sink="http", target=target, secret="s" * 24)
    )
    with events, events.worker():
        # One that nobody receives: connections open, and prepared statements are there.
        events.publish("walk.begun", {})
        time.sleep(3.0)
        recorder.on = True
        event_id = events.publish("walk.made", {"id": 42})
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            time.sleep(0.2)
            recorder.on = False
            if [one.delivery.state for one in events.traces(event_id)] == [DeliveryState.DELIVERED]:
                return
            recorder.on = True
    raise TimeoutError("the event was not delivered")


def report(called: set[CodeType]) -> str:
    """Return what was called: a line for each file, then the sums."""
    files: defaultdict[Path, list[str]] = defaultdict(list)
    for code in called:
        if not code.co_qualname.endswith(_COMPREHENSIONS):
            files[Path(code.co_filename)].append(code.co_qualname)
    lines, classes, callbacks = 0, 0, 0
    rows = []
    for path in sorted(files):
        names = files[path]
        length = len(path.read_text().splitlines())
        lines += length
        inner = [name for name in names if "<locals>" in name or name.endswith("<lambda>")]
        classes += len({name.split(".")[0] for name in names if "." in name} - {"<lambda>"})
        callbacks += len(inner)
        shown = f"  callbacks: {', '.join(sorted(inner))}" if inner else ""
        rows.append(f"{path.relative_to(_ROOT)!s:70} {length:4} lines {len(names):3} called{shown}")
    core = sum(path.is_relative_to(_ROOT / "asyncevents_core") for path in files)
    rows.append(
        f"{len(files)} files ({core} of core), {lines:,} lines, {classes} classes, "
        f"{callbacks} callbacks, {len(called)} functions"
    )
    return "\n".join(rows)


def main() -> None:
    """Walk once and print the report."""
    recorder = Recorder()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recipient)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    recorder.install()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        walk(recorder, server.server_port)
        os.chdir(_ROOT)
    sys.setprofile(None)
    threading.setprofile(None)
    server.shutdown()
    print(report(recorder.called))


if __name__ == "__main__":
    main()
