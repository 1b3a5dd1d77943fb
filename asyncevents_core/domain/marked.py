"""The decorator `@event`: marks a function as the service of an event, and nothing more.

Modules named in EVENT_MODULES are scanned for such functions when an application or a worker
starts; there is no registry.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MethodType, UnionType
from typing import (
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    overload,
)
from uuid import UUID

from attrs import frozen

P = ParamSpec("P")
R = TypeVar("R")
Q = ParamSpec("Q")
S = TypeVar("S")


@frozen(kw_only=True)
class Marks:
    """What `@event` says of the event; see `event`."""

    title: str | None = None
    resources: tuple[str, ...] = ()
    concurrency: int | None = None
    description: str | None = None
    version: str | int | None = None
    schema: Mapping[str, Any] | type | UnionType | str | Literal[False] | None = None
    examples: tuple[Any, ...] = ()
    deprecated: str | None = None
    sunset: str | None = None


class Publishes(Protocol):
    """What a marked function publishes with: an `AsyncEvents`."""

    def publish(
        self, name: str, data: object, *, tenant: str | None = None, event_id: str | None = None
    ) -> UUID:
        """Publish one event and return its id."""
        ...

    async def apublish(
        self, name: str, data: object, *, tenant: str | None = None, event_id: str | None = None
    ) -> UUID:
        """Publish one event without blocking the event loop."""
        ...


class MarkedService(Generic[P, R]):
    """A function or method that resolves an event. Still callable as itself.

    ``marked.publish(events, …)`` publishes the event with arguments that are checked, also by
    type checkers, against the function's own parameters.
    """

    def __init__(self, function: Callable[P, R], name: str, marks: Marks) -> None:
        self.function = function
        self.event_name = name
        self.marks = marks
        functools.update_wrapper(cast("Callable[P, R]", self), function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    @overload
    def __get__(
        self: MarkedService[Concatenate[S, Q], R], instance: None, owner: type[S]
    ) -> MarkedMethod[Q, R]: ...
    @overload
    def __get__(
        self: MarkedService[Concatenate[S, Q], R], instance: S, owner: type[S]
    ) -> Callable[Q, R]: ...
    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is not None:
            return MethodType(self.function, instance)
        return MarkedMethod(self)

    def arguments(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, object]:
        """Return the arguments by name, as an event carries them. Raises TypeError."""
        return _bind(self.function, args, kwargs, skip_self=False)

    def publish(self, events: Publishes, *args: P.args, **kwargs: P.kwargs) -> UUID:
        """Publish the event with these arguments; see `AsyncEvents.publish`.

        In a transaction: ``events.publish(name, marked.arguments(…), session=session)``.
        """
        return events.publish(self.event_name, self.arguments(*args, **kwargs))

    async def apublish(self, events: Publishes, *args: P.args, **kwargs: P.kwargs) -> UUID:
        """As `publish`, without blocking the event loop."""
        return await events.apublish(self.event_name, self.arguments(*args, **kwargs))


class MarkedMethod(Generic[P, R]):
    """A marked method seen from its class: publishes, without an instance."""

    def __init__(self, marked: MarkedService[..., R]) -> None:
        self.marked = marked
        self.event_name = marked.event_name

    def __call__(self, instance: object, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the method, as Python does for a function taken from a class."""
        return self.marked.function(instance, *args, **kwargs)

    def arguments(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, object]:
        """Return the arguments by name, without `self`. Raises TypeError."""
        return _bind(self.marked.function, args, kwargs, skip_self=True)

    def publish(self, events: Publishes, *args: P.args, **kwargs: P.kwargs) -> UUID:
        """Publish the event with these arguments; see `AsyncEvents.publish`."""
        return events.publish(self.event_name, self.arguments(*args, **kwargs))

    async def apublish(self, events: Publishes, *args: P.args, **kwargs: P.kwargs) -> UUID:
        """As `publish`, without blocking the event loop."""
        return await events.apublish(self.event_name, self.arguments(*args, **kwargs))


def event(
    name: str,
    *,
    title: str | None = None,
    resources: Sequence[str] = (),
    concurrency: int | None = None,
    description: str | None = None,
    version: str | int | None = None,
    schema: Mapping[str, Any] | type | UnionType | str | Literal[False] | None = None,
    examples: Sequence[Any] = (),
    deprecated: str | None = None,
    sunset: str | None = None,
) -> Callable[[Callable[P, R]], MarkedService[P, R]]:
    """Mark a function or method, plain or async, as the service of the event `name`.

    It is called in the worker with the published arguments; what it returns is the payload. A
    worker process makes at most `concurrency` calls at the same time.

    `schema` describes the payload: a JSON Schema, a type, or a text that names one of them, as in
    EVENTS. None: the annotation of what the function returns, where that is an attrs class, a
    dataclass, a TypedDict or a pydantic model. False: nothing. The rest is as in
    `EventDefinition`.
    """
    marks = Marks(
        title=title,
        resources=tuple(resources),
        concurrency=concurrency,
        description=description,
        version=version,
        schema=schema,
        examples=tuple(examples),
        deprecated=deprecated,
        sunset=sunset,
    )

    def mark(function: Callable[P, R]) -> MarkedService[P, R]:
        return MarkedService(function, name, marks)

    return mark


def _bind(
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: dict[str, object],
    *,
    skip_self: bool,
) -> dict[str, object]:
    signature = inspect.signature(function)
    if skip_self:
        parameters = list(signature.parameters.values())[1:]
        signature = signature.replace(parameters=parameters)
    return dict(signature.bind(*args, **kwargs).arguments)
