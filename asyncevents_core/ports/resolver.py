"""Contracts of event definitions and of services: what resolves an event to its payload."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, Protocol

from attrs import frozen

from asyncevents_core.domain.event import EventDefinition


class BuildService(Protocol):
    """Makes an instance of a service's class: the `asyncevents_build_service` hook."""

    def __call__(self, cls: type) -> object:
        """Return an instance; by default the class is called without arguments."""
        ...


@frozen(kw_only=True)
class Service:
    """A service ready to be called.

    `call` takes the published arguments (JSON values by name) and returns the event's data
    as JSON values (dict, list, str, int, float, bool, None), or an awaitable of them. It raises
    `ServiceArguments` where the arguments do not fit, and lets the service's own exceptions
    through. It is called from several threads at once. With `is_async` it returns an awaitable
    without blocking, and is called on the loop of async services instead of on a thread.
    """

    call: Callable[[Mapping[str, object]], object | Awaitable[object]]
    is_async: bool = False


class ArgumentCheck(Protocol):
    """Checks published arguments as the service's parameters would. Thread-safe."""

    def __call__(self, arguments: Mapping[str, object], /) -> None:
        """Raise `ServiceArguments` where they do not fit. `arguments` are JSON values by name."""
        ...


class ServiceResolver(ABC):
    """Finds services. Called from several threads at once; the engine caches what it returns."""

    @abstractmethod
    def resolve(self, definition: EventDefinition) -> Service:
        """Return the service of a definition whose `service` is set.

        Raises `ServiceNotFound` where it cannot be imported or built.
        """


class ServiceResolverType(ABC):
    """What a plugin registers: a kind of resolver, chosen by SERVICE_RESOLVER. Stateless."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def open(self, build: BuildService) -> ServiceResolver:
        """Return a resolver that makes instances with `build`."""

    def argument_check(self, definition: EventDefinition) -> ArgumentCheck | None:
        """Return what `publish()` checks the arguments of a definition's service with.

        Nothing is imported, built or called for it: None where the service is not known in this
        process, so that only the worker checks. By default None. It is asked again until there is
        one, which is kept.
        """
        return None


class Definitions(Protocol):
    """The known events. Thread-safe, never changes."""

    def get(self, name: str) -> EventDefinition:
        """Return the definition; raises `UnknownEvent` with close matches."""
        ...

    def names(self) -> Sequence[str]:
        """Return all names, sorted."""
        ...
