"""SERVICE_ISOLATION = "process": services run in processes of their own, one call each at a time.

A call that ends its process, or is killed for its memory, fails alone. One that takes too long is
killed, so that no thread hangs. The other side of the pipe is `service_process`.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO, Final, cast

from attrs import frozen

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.engine.delivering.policy import SERVICE_START
from asyncevents_core.errors import (
    InvalidPayload,
    ServiceArguments,
    ServiceFailed,
    ServiceNotFound,
    ServiceTimeout,
    SettingsError,
)
from asyncevents_core.logging_setup import Format
from asyncevents_core.ports.resolver import Service, ServiceResolver

logger = logging.getLogger("asyncevents.service")

READY: Final = b"ready"
RESULT: Final = b"result"
FAILED: Final = b"failed"
ERRORS: Final[Mapping[bytes, type[Exception]]] = {
    b"arguments": ServiceArguments,
    b"payload": InvalidPayload,
    b"not found": ServiceNotFound,
}
"""What a service process answers with beside `RESULT` and `FAILED`, and what it stands for."""
_HEAD: Final = struct.Struct(">I")


@frozen(kw_only=True)
class Home:
    """What a service process needs to find a service: where the settings are, how to log."""

    settings_module: str
    log_format: Format = "text"
    log_level: str = "info"

    @classmethod
    def of(
        cls, settings_module: str | None, log_format: Format = "text", log_level: str = "info"
    ) -> Home:
        """Return it. Raises `SettingsError` where the settings are no module."""
        if not settings_module:
            raise SettingsError(
                [
                    "SERVICE_ISOLATION: 'process' needs a settings module, which the processes of "
                    "services import; these settings are a mapping"
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


class ServiceProcesses:
    """Processes that call services, started when they are needed. Thread-safe.

    There are as many as calls at the same time: who calls has a thread for each.
    """

    def __init__(self, home: Home, *, timeout: float) -> None:
        self._home = home
        self._timeout = timeout
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._closed = False

    def call(self, event_name: str, arguments: bytes) -> bytes:
        """Call the service of an event with JSON text and return its result as JSON text.

        Raises `ServiceTimeout` after `timeout` seconds, `ServiceFailed` where the service raises or
        its process ends, and what `ERRORS` lists.
        """
        process = self._take()
        reusable = False
        try:
            kind, text = process.call(event_name, arguments, timeout=self._timeout)
            reusable = True
        finally:
            self._put_back(process, reusable=reusable)
        if kind == RESULT:
            return text
        if kind == FAILED:
            failure = cast("Mapping[str, str]", from_json(text))
            raise ServiceFailed(failure["reason"], traceback=failure["traceback"])
        raise ERRORS[kind](text.decode())

    def close(self) -> None:
        """Kill all of them, those in calls too. Idempotent."""
        with self._lock:
            self._closed = True
            idle, busy = self._idle, list(self._busy)
            self._idle = []
        for process in idle:
            process.close()
        for process in busy:
            # Who is calling with it closes it.
            process.kill()

    def _take(self) -> _Process:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    break
                process.close()
            else:
                if self._closed:
                    raise ServiceFailed("the worker stops")
                process = _Process(self._home)
            self._busy.add(process)
            return process

    def _put_back(self, process: _Process, *, reusable: bool) -> None:
        with self._lock:
            self._busy.discard(process)
            if reusable and not self._closed:
                self._idle.append(process)
                return
        process.close()


class IsolatedResolver(ServiceResolver):
    """Resolves every service to a call in another process, which finds it by the event's name."""

    def __init__(self, processes: ServiceProcesses) -> None:
        self._processes = processes

    def resolve(self, definition: EventDefinition) -> Service:
        """See `ServiceResolver`. Whether there is such a service shows when it is called."""
        return Service(call=_IsolatedCall(self._processes, definition.name))


class _IsolatedCall:
    def __init__(self, processes: ServiceProcesses, event_name: str) -> None:
        self._processes = processes
        self._event_name = event_name

    def __call__(self, arguments: Mapping[str, object]) -> object:
        return from_json(self._processes.call(self._event_name, to_json(arguments)))


class _Process:
    """One process; used by one thread at a time, except for `kill` and `is_alive`."""

    def __init__(self, home: Home) -> None:
        command = [
            sys.executable, "-m", "asyncevents_core.worker.service_process",
            home.settings_module, home.log_format, home.log_level,
        ]  # fmt: skip
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._ready = False

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def call(self, event_name: str, arguments: bytes, *, timeout: float) -> tuple[bytes, bytes]:
        """Return the kind of the answer and its text. It is of no use after an error."""
        if not self._ready:
            kind, text = self._answer(
                SERVICE_START, what="its process took longer than {} s to start"
            )
            if kind != READY:
                raise ServiceFailed(f"its process cannot start: {text.decode()}")
            self._ready = True
        requests = self._process.stdin
        assert requests is not None  # noqa: S101 - it was asked for
        try:
            write_part(requests, event_name.encode())
            write_part(requests, arguments)
        except OSError:
            raise ServiceFailed(self._end()) from None
        return self._answer(timeout, what="the service took longer than {} s")

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

    def _answer(self, seconds: float, *, what: str) -> tuple[bytes, bytes]:
        answers = self._process.stdout
        assert answers is not None  # noqa: S101 - it was asked for
        timed_out = threading.Event()
        timer = threading.Timer(seconds, self._time_out, [timed_out])
        timer.start()
        try:
            answer = read_part(answers), read_part(answers)
        except (EOFError, OSError):
            if timed_out.is_set():
                raise ServiceTimeout(what.format(f"{seconds:g}")) from None
            raise ServiceFailed(self._end()) from None
        finally:
            timer.cancel()
        if timed_out.is_set():
            # It is being killed, and of no use for the next call.
            raise ServiceTimeout(what.format(f"{seconds:g}"))
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
