"""Processes of a worker's own that do one thing at a time for it, on request.

What is asked and answered goes through pipes, in parts. A child ends with its worker: its standard
input ends then.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, Final

from attrs import frozen

from asyncevents_core.engine.shared.exceptions import reason_of
from asyncevents_core.errors import SettingsError
from asyncevents_core.logging_setup import Format, configure_logging
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.loading import load_settings

logger = logging.getLogger("asyncevents.children")

READY: Final = b"ready"
RESULT: Final = b"result"
FAILED: Final = b"failed"
_HEAD: Final = struct.Struct(">I")


class ChildEnded(Exception):
    """The child is no more; the text says how it ended."""


class ChildTimedOut(Exception):
    """The child took too long, and was killed. `seconds` is how long it had."""

    def __init__(self, seconds: float, *, starting: bool) -> None:
        super().__init__(f"it took longer than {seconds:g} s{' to start' if starting else ''}")
        self.seconds = seconds
        self.starting = starting


@frozen(kw_only=True)
class Home:
    """What a child needs to make a runtime of its own: where the settings are, how to log."""

    settings_module: str
    log_format: Format = "text"
    log_level: str = "info"

    @classmethod
    def of(
        cls,
        settings_module: str | None,
        log_format: Format = "text",
        log_level: str = "info",
        *,
        setting: str,
    ) -> Home:
        """Return it. Raises `SettingsError` where the settings are no module.

        `setting` is what wants processes, for the error.
        """
        if not settings_module:
            raise SettingsError(
                [
                    f"{setting}: 'process' needs a settings module, which these processes import; "
                    "these settings are a mapping"
                ],
                origin="the settings",
            )
        return cls(settings_module=settings_module, log_format=log_format, log_level=log_level)


def write_part(pipe: IO[bytes], part: bytes) -> None:
    """Write bytes of any number, so that `read_part` gets them. Raises `OSError`."""
    pipe.write(_HEAD.pack(len(part)) + part)
    pipe.flush()


def read_part(pipe: IO[bytes]) -> bytes:
    """Read what one `write_part` wrote. Raises `EOFError` where the other side is gone."""
    return _read(pipe, _HEAD.unpack(_read(pipe, _HEAD.size))[0])


def _read(pipe: IO[bytes], count: int) -> bytes:
    read = pipe.read(count)
    if len(read) < count:
        raise EOFError
    return read


class Child:
    """One process; used by one thread at a time, except for `kill` and `is_alive`.

    `module` is its program, which gets the home and then `arguments`.
    """

    def __init__(self, module: str, home: Home, *arguments: str, start_limit: float) -> None:
        command = [
            sys.executable, "-m", module,
            home.settings_module, home.log_format, home.log_level, *arguments,
        ]  # fmt: skip
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._start_limit = start_limit
        self._ready = False

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def call(self, parts: Sequence[bytes], *, timeout: float) -> tuple[bytes, bytes]:
        """Ask it; return the kind of the answer and its text.

        Raises `ChildEnded` and `ChildTimedOut`; it is of no use afterwards.
        """
        if not self._ready:
            kind, text = self._answer(self._start_limit, starting=True)
            if kind != READY:
                raise ChildEnded(f"its process cannot start: {text.decode()}")
            self._ready = True
        requests = self._process.stdin
        assert requests is not None  # noqa: S101 - it was asked for
        try:
            for part in parts:
                write_part(requests, part)
        except OSError:
            raise ChildEnded(self._end()) from None
        return self._answer(timeout, starting=False)

    def kill(self) -> None:
        """End it, from any thread: a call under way fails."""
        self._process.kill()

    def close(self) -> None:
        """End it and release its pipes. Only when no call is under way."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            # What it has not read is of no use to anybody.
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def _answer(self, seconds: float, *, starting: bool) -> tuple[bytes, bytes]:
        answers = self._process.stdout
        assert answers is not None  # noqa: S101 - it was asked for
        timed_out = threading.Event()
        timer = threading.Timer(seconds, self._time_out, [timed_out])
        timer.start()
        try:
            answer = read_part(answers), read_part(answers)
        except (EOFError, OSError):
            if timed_out.is_set():
                raise ChildTimedOut(seconds, starting=starting) from None
            raise ChildEnded(self._end()) from None
        finally:
            timer.cancel()
        if timed_out.is_set():
            # It is being killed, and of no use for the next call.
            raise ChildTimedOut(seconds, starting=starting)
        return answer

    def _time_out(self, timed_out: threading.Event) -> None:
        timed_out.set()
        self._process.kill()

    def _end(self) -> str:
        """Say how the process ended, or end it if it only has closed its pipe."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "its process closed its connection"
        if code >= 0:
            return f"its process ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"its process was killed by {name}"


class Children:
    """Children of one kind, started when they are needed. Thread-safe.

    There are as many as calls at the same time: who calls has a thread for each.
    """

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._closed = False

    def start_one(self) -> None:
        """Start one, so that the first call need not wait for that."""
        with self._lock:
            self._idle.append(self._start())

    def call(self, parts: Sequence[bytes], *, timeout: float) -> tuple[bytes, bytes]:
        """Ask one of them, as `Child.call` does; one that fails is not used again."""
        child = self._take()
        reusable = False
        try:
            answer = child.call(parts, timeout=timeout)
            reusable = True
        finally:
            self._put_back(child, reusable=reusable)
        return answer

    def close(self) -> None:
        """Kill all of them, those in calls too. Idempotent."""
        with self._lock:
            self._closed = True
            idle, busy = self._idle, list(self._busy)
            self._idle = []
        for child in idle:
            child.close()
        for child in busy:
            # Who is calling with it closes it.
            child.kill()

    def _take(self) -> Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_alive:
                    break
                child.close()
            else:
                if self._closed:
                    raise ChildEnded("the worker stops")
                child = self._start()
            self._busy.add(child)
            return child

    def _put_back(self, child: Child, *, reusable: bool) -> None:
        with self._lock:
            self._busy.discard(child)
            if reusable and not self._closed:
                self._idle.append(child)
                return
        child.close()


Answer = Callable[[Sequence[bytes]], tuple[bytes, bytes]]
"""What a child does: gets the parts of a request, returns the kind of its answer and the text."""


def serve(home: Home, prepare: Callable[[Runtime], Answer], *, parts: int) -> None:
    """Be a child: answer requests of so many parts, until the worker closes the pipe.

    `prepare` gets the runtime and returns what answers; what it raises is told, and ends this
    process. What is printed goes to the log.
    """
    # The worker says when it is over: it lets calls under way end.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
        if hasattr(signal, name):
            signal.signal(signal.Signals[name], signal.SIG_IGN)
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    # What is printed must not be taken for an answer.
    os.dup2(2, 1)
    configure_logging(home.log_format, home.log_level)
    received: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests, received, parts), daemon=True).start()
    try:
        runtime = Runtime(load_settings(home.settings_module))
        runtime.prepare_process()
        answer = prepare(runtime)
    except Exception as error:
        logger.exception("a process of a worker cannot start")
        _write(answers, FAILED, reason_of(error).encode(errors="replace"))
        sys.exit(1)
    _write(answers, READY, b"")
    while True:
        _write(answers, *answer(received.get()))


def _write(answers: IO[bytes], kind: bytes, text: bytes) -> None:
    write_part(answers, kind)
    write_part(answers, text)


def _read_requests(
    requests: IO[bytes], received: queue.SimpleQueue[list[bytes]], parts: int
) -> None:
    """Take requests; where the worker is gone, end this process whatever it does."""
    try:
        while True:
            received.put([read_part(requests) for _ in range(parts)])
    except (EOFError, OSError):
        os._exit(0)
