"""SERVICE_ISOLATION = "process": services run in processes of their own, one call each at a time.

A call that ends its process, or is killed for its memory, fails alone. One that takes too long is
killed, so that no thread hangs. The other side of the pipe is `service_process`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.engine.delivering.policy import SERVICE_START
from asyncevents_core.errors import (
    InvalidPayload,
    ServiceArguments,
    ServiceFailed,
    ServiceNotFound,
    ServiceTimeout,
)
from asyncevents_core.ports.resolver import Service, ServiceResolver
from asyncevents_core.ports.tracing import NO_TRACING, Tracing
from asyncevents_core.worker.children import (
    FAILED,
    RESULT,
    Child,
    ChildEnded,
    Children,
    ChildTimedOut,
    Home,
)

ERRORS: Final[Mapping[bytes, type[Exception]]] = {
    b"arguments": ServiceArguments,
    b"payload": InvalidPayload,
    b"not found": ServiceNotFound,
}
"""What a service process answers with beside `RESULT` and `FAILED`, and what it stands for."""
_PROGRAM: Final = "asyncevents_core.worker.service_process"


class ServiceProcesses:
    """Processes that call services, started when they are needed. Thread-safe."""

    def __init__(self, home: Home, *, timeout: float) -> None:
        self._timeout = timeout
        self._children = Children(lambda: Child(_PROGRAM, home, start_limit=SERVICE_START))

    def call(self, event_name: str, arguments: bytes, context: TraceContext | None = None) -> bytes:
        """Call the service of an event with JSON text and return its result as JSON text.

        `context` is where the call belongs in a distributed trace. Raises `ServiceTimeout` after
        `timeout` seconds, `ServiceFailed` where the service raises or its process ends, and what
        `ERRORS` lists.
        """
        try:
            kind, text = self._children.call(
                [event_name.encode(), arguments, (context.text if context else "").encode()],
                timeout=self._timeout,
            )
        except ChildTimedOut as error:
            what = "its process took longer" if error.starting else "the service took longer"
            to_do = " to start" if error.starting else ""
            raise ServiceTimeout(f"{what} than {error.seconds:g} s{to_do}") from None
        except ChildEnded as error:
            raise ServiceFailed(str(error)) from None
        if kind == RESULT:
            return text
        if kind == FAILED:
            failure = cast("Mapping[str, str]", from_json(text))
            raise ServiceFailed(failure["reason"], traceback=failure["traceback"])
        raise ERRORS[kind](text.decode())

    def close(self) -> None:
        """Kill all of them, those in calls too. Idempotent."""
        self._children.close()


class IsolatedResolver(ServiceResolver):
    """Resolves every service to a call in another process, which finds it by the event's name."""

    def __init__(self, processes: ServiceProcesses, tracing: Tracing = NO_TRACING) -> None:
        self._processes = processes
        self._tracing = tracing

    def resolve(self, definition: EventDefinition) -> Service:
        """See `ServiceResolver`. Whether there is such a service shows when it is called."""
        return Service(call=_IsolatedCall(self._processes, definition.name, self._tracing))


class _IsolatedCall:
    def __init__(self, processes: ServiceProcesses, event_name: str, tracing: Tracing) -> None:
        self._processes = processes
        self._event_name = event_name
        self._tracing = tracing

    def __call__(self, arguments: Mapping[str, object]) -> object:
        context = self._tracing.current()
        return from_json(self._processes.call(self._event_name, to_json(arguments), context))
