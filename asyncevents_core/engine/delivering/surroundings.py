"""Calls services within what plugins put around them: `asyncevents_around_service`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
)
from typing import Protocol, cast

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.errors import PluginError, ServiceFailed
from asyncevents_core.ports.resolver import Service, ServiceResolver

Surrounding = AbstractContextManager[object] | AbstractAsyncContextManager[object]


class AroundService(Protocol):
    """Makes what is put around one call of a service. Thread-safe."""

    def __call__(self, definition: EventDefinition, *, is_async: bool) -> Sequence[Surrounding]:
        """Return new context managers, the outermost first."""
        ...


class SurroundedResolver(ServiceResolver):
    """Resolves as another resolver does, to services that are called within surroundings."""

    def __init__(self, resolver: ServiceResolver, around: AroundService) -> None:
        self._resolver = resolver
        self._around = around

    def resolve(self, definition: EventDefinition) -> Service:
        """See `ServiceResolver`."""
        service = self._resolver.resolve(definition)
        call = _SurroundedCall(service, definition, self._around)
        return Service(call=call, is_async=service.is_async)


class _SurroundedCall:
    def __init__(
        self, service: Service, definition: EventDefinition, around: AroundService
    ) -> None:
        self._service = service
        self._definition = definition
        self._around = around

    def __call__(self, arguments: Mapping[str, object]) -> object | Awaitable[object]:
        if self._service.is_async:
            return self._awaited(arguments, None)
        returned = False
        with ExitStack() as stack:
            for one in self._around(self._definition, is_async=False):
                if not isinstance(one, AbstractContextManager):
                    raise PluginError(
                        f"asyncevents_around_service returned {one!r}, which is no context manager "
                        f"for {self._definition.service}: it is not async"
                    )
                stack.enter_context(one)
            result = self._service.call(arguments)
            returned = True
        self._require(returned=returned)
        if inspect.isawaitable(result):
            # It goes on elsewhere: there it is surrounded anew.
            return self._awaited(arguments, result)
        return result

    async def _awaited(
        self, arguments: Mapping[str, object], begun: Awaitable[object] | None
    ) -> object:
        returned = False
        async with AsyncExitStack() as stack:
            for one in self._around(self._definition, is_async=True):
                if isinstance(one, AbstractAsyncContextManager):
                    await stack.enter_async_context(one)
                else:
                    stack.enter_context(one)
            called = self._service.call(arguments) if begun is None else begun
            result = await cast("Awaitable[object]", called)
            returned = True
        self._require(returned=returned)
        return result

    def _require(self, *, returned: bool) -> None:
        if not returned:
            raise ServiceFailed(
                f"{self._definition.service} raised an exception, which a context manager of "
                "asyncevents_around_service has suppressed: it has to let exceptions through"
            )
