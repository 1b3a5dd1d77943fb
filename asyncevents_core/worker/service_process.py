"""A process that calls services for a worker: `python -m` with settings module, log form, level.

It gets the name of an event and the arguments of its service, calls the service, and answers with
the result; both as JSON text. It ends with the worker, also in the middle of a call. What services
print goes to the log.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import cast

from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.engine.shared.exceptions import LONGEST_TRACEBACK, reason_of, traceback_of
from asyncevents_core.errors import InvalidPayload, ServiceArguments, ServiceNotFound
from asyncevents_core.logging_setup import Format
from asyncevents_core.ports.resolver import Service
from asyncevents_core.runtime import Runtime
from asyncevents_core.worker.children import FAILED, RESULT, Answer, Home, serve

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

    def answer(self, parts: Sequence[bytes]) -> tuple[bytes, bytes]:
        """Call a service; return the kind of the answer, and its text. Never raises.

        The parts are the event's name, the arguments, and where the call belongs in a distributed
        trace, if anywhere.
        """
        event_name, arguments, trace_context = parts
        try:
            with self._within(trace_context.decode()):
                result = self._call(event_name.decode(), arguments)
            return RESULT, to_json(result)
        except BaseException as error:
            for kind, name in _KINDS:
                if isinstance(error, kind):
                    return name, str(error).encode(errors="replace")
            # The worker logs it.
            return FAILED, _failure(error)

    def _within(self, trace_context: str) -> AbstractContextManager[None]:
        context = TraceContext.read(trace_context)
        return nullcontext() if context is None else self._runtime.tracing.continuing(context)

    def _call(self, event_name: str, arguments: bytes) -> object:
        service = self._service(event_name)
        result = service.call(cast("Mapping[str, object]", from_json(arguments)))
        if inspect.isawaitable(result):
            # The runner's own context is that of its first call.
            return self._runner.run(_awaited(result), context=contextvars.copy_context())
        return result

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


def main(settings_module: str, log_format: Format, log_level: str) -> None:
    """Serve until the worker closes the pipe."""
    home = Home(settings_module=settings_module, log_format=log_format, log_level=log_level)
    with asyncio.Runner() as runner:

        def prepare(runtime: Runtime) -> Answer:
            # Made here, so that a mistake shows at once.
            len(runtime.catalog)
            runtime.resolver  # noqa: B018
            return Services(runtime, runner).answer

        serve(home, prepare, parts=3)


if __name__ == "__main__":
    main(sys.argv[1], cast("Format", sys.argv[2]), sys.argv[3])
