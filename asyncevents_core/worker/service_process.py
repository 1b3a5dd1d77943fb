"""A process that calls services for a worker: `python -m` with settings module, log form, level.

It reads the name of an event and the arguments of its service from its standard input, calls the
service, and writes the result to its standard output; both as JSON text. It ends when its standard
input does: with the worker, also in the middle of a call. What services print goes to the log.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Mapping
from typing import IO, cast

from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.engine.shared.exceptions import LONGEST_TRACEBACK, reason_of, traceback_of
from asyncevents_core.errors import InvalidPayload, ServiceArguments, ServiceNotFound
from asyncevents_core.logging_setup import Format, configure_logging
from asyncevents_core.ports.resolver import Service
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.loading import load_settings
from asyncevents_core.worker.isolation import FAILED, READY, RESULT, read_part, write_part

logger = logging.getLogger("asyncevents.service")

_KINDS: tuple[tuple[type[Exception], bytes], ...] = (
    (ServiceArguments, b"arguments"),
    (InvalidPayload, b"payload"),
    (ServiceNotFound, b"not found"),
)


class Services:
    """Finds and calls services, one at a time."""

    def __init__(self, runtime: Runtime, runner: asyncio.Runner) -> None:
        self._runtime = runtime
        self._runner = runner
        self._found: dict[str, Service] = {}

    def answer(self, event_name: str, arguments: bytes) -> tuple[bytes, bytes]:
        """Call a service; return the kind of the answer, and its text. Never raises."""
        try:
            result = self._service(event_name).call(
                cast("Mapping[str, object]", from_json(arguments))
            )
            if inspect.isawaitable(result):
                result = self._runner.run(_awaited(result))
            return RESULT, to_json(result)
        except BaseException as error:
            for kind, name in _KINDS:
                if isinstance(error, kind):
                    return name, str(error).encode(errors="replace")
            # The worker logs it.
            return FAILED, _failure(error)

    def _service(self, event_name: str) -> Service:
        service = self._found.get(event_name)
        if service is None:
            definition = self._runtime.catalog.get(event_name)
            if definition.service is None:
                raise ServiceNotFound(f"{event_name} has no service in this process")
            service = self._found[event_name] = self._runtime.resolver.resolve(definition)
        return service


async def _awaited(result: object) -> object:
    return await cast("asyncio.Future[object]", result)


def _failure(error: BaseException) -> bytes:
    return to_json(
        {
            "reason": storable(reason_of(error), LONGEST_TRACEBACK),
            "traceback": storable(traceback_of(error), LONGEST_TRACEBACK),
        }
    )


def _read_requests(requests: IO[bytes], received: queue.SimpleQueue[tuple[str, bytes]]) -> None:
    """Take requests; where the worker is gone, end this process whatever it does."""
    try:
        while True:
            received.put((read_part(requests).decode(), read_part(requests)))
    except (EOFError, OSError):
        os._exit(0)


def main(settings_module: str, log_format: Format, log_level: str) -> None:
    """Serve until the worker closes the pipe."""
    # The worker says when it is over: it lets calls under way end.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
        if hasattr(signal, name):
            signal.signal(signal.Signals[name], signal.SIG_IGN)
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    # What services print must not be taken for an answer.
    os.dup2(2, 1)
    configure_logging(log_format, log_level)
    received: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests, received), daemon=True).start()
    try:
        runtime = Runtime(load_settings(settings_module))
        runtime.prepare_process()
        len(runtime.catalog)
        runtime.resolver  # noqa: B018 - made here, so that a mistake shows at once
    except Exception as error:
        logger.exception("a process for services cannot start")
        write_part(answers, FAILED)
        write_part(answers, reason_of(error).encode(errors="replace"))
        sys.exit(1)
    write_part(answers, READY)
    write_part(answers, b"")
    with asyncio.Runner() as runner:
        services = Services(runtime, runner)
        while True:
            kind, text = services.answer(*received.get())
            write_part(answers, kind)
            write_part(answers, text)


if __name__ == "__main__":
    main(sys.argv[1], cast("Format", sys.argv[2]), sys.argv[3])
