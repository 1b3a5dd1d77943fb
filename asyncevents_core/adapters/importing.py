"""The default service resolver: imports ``package.module:function`` or ``…:Class.method``."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cattrs import Converter
from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.marked import MarkedMethod, MarkedService
from asyncevents_core.domain.plain import make_converter
from asyncevents_core.errors import ServiceArguments, ServiceNotFound
from asyncevents_core.ports.resolver import (
    ArgumentCheck,
    BuildService,
    Service,
    ServiceResolver,
    ServiceResolverType,
)


class ImportResolverType(ServiceResolverType):
    """The resolver `import`."""

    name = "import"
    title = "Imports package.module:Class.method"

    def open(self, build: BuildService) -> ServiceResolver:
        """See `ServiceResolverType`."""
        return ImportResolver(build)

    def argument_check(self, definition: EventDefinition) -> ArgumentCheck | None:
        """See `ServiceResolverType`. The service is known where its module is imported already."""
        path = definition.service or ""
        function = _known(path)
        if function is None:
            return None
        try:
            return _Arguments(function, path, make_converter()).check
        except (ServiceNotFound, ValueError, TypeError):
            # The worker says what is wrong with it.
            return None


class ImportResolver(ServiceResolver):
    """Imports services and converts their arguments by their parameters' annotations."""

    def __init__(self, build: BuildService) -> None:
        self._build = build
        self._converter = make_converter()

    def resolve(self, definition: EventDefinition) -> Service:
        """See `ServiceResolver`. The signature is read once, here."""
        path = definition.service or ""
        function = self._find(path)
        call = _Call(function, path, self._converter)
        return Service(call=call, is_async=inspect.iscoroutinefunction(function))

    def _find(self, path: str) -> Callable[..., object]:
        module_name, _, attributes = path.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
        except ImportError as error:
            raise ServiceNotFound(f"{path}: cannot import {module_name}: {error}") from error
        except Exception as error:
            raise ServiceNotFound(f"{path}: {module_name} fails at import: {error!r}") from error
        owner: Any = None
        name = ""
        for name in attributes.split("."):
            owner = found
            found = inspect.getattr_static(owner, name, None)
            if found is None:
                raise ServiceNotFound(f"{path}: {owner!r} has no attribute {name!r}")
        if isinstance(found, MarkedService):
            found = found.function
        if not inspect.isclass(owner):
            return _callable(found, path)
        if isinstance(found, staticmethod | classmethod):
            return _callable(getattr(owner, name), path)
        try:
            instance = self._build(owner)
        except Exception as error:
            raise ServiceNotFound(
                f"{path}: {owner.__qualname__} cannot be built: {error!r}. Give it a constructor "
                "without arguments, or implement the hook asyncevents_build_service"
            ) from error
        method = getattr(instance, name)
        return _callable(method.function if isinstance(method, MarkedService) else method, path)


def _callable(found: object, path: str) -> Callable[..., object]:
    if isinstance(found, MarkedMethod | MarkedService) or not callable(found):
        raise ServiceNotFound(f"{path}: it is not a function")
    return found


def _known(path: str) -> Callable[..., object] | None:
    """Return a function whose parameters are those of the service, if its module is imported."""
    module_name, _, attributes = path.partition(":")
    found: Any = sys.modules.get(module_name)
    owner: Any = None
    for name in attributes.split("."):
        owner = found
        found = inspect.getattr_static(owner, name, None)
    found = _unmarked(found)
    needs_first = inspect.isclass(owner) and not isinstance(found, staticmethod)
    if isinstance(found, staticmethod | classmethod):
        found = _unmarked(found.__func__)
    if not callable(found) or inspect.isclass(found):
        return None
    # What a method is bound to is left open: no instance is built here.
    return functools.partial(found, None) if needs_first else found


def _unmarked(found: Any) -> Any:
    return found.function if isinstance(found, MarkedService) else found


class _Call:
    """Calls a function with JSON values, converted to what its parameters are annotated with."""

    def __init__(self, function: Callable[..., object], path: str, converter: Converter) -> None:
        self._function = function
        self._arguments = _Arguments(function, path, converter)

    def __call__(self, arguments: Mapping[str, object]) -> object | Awaitable[object]:
        return self._function(**self._arguments.converted(arguments))


class _Arguments:
    """The arguments of a function: converts JSON values to what its parameters are annotated with.

    Raises `ServiceNotFound` where the annotations cannot be read.
    """

    def __init__(self, function: Callable[..., object], path: str, converter: Converter) -> None:
        self._path = path
        self._converter = converter
        self._signature = inspect.signature(function)
        try:
            hints = typing.get_type_hints(inspect.unwrap(_unbound(function)))
        except Exception as error:
            raise ServiceNotFound(f"{path}: its annotations cannot be read: {error!r}") from error
        self._types = {name: hints[name] for name in self._signature.parameters if name in hints}

    def check(self, arguments: Mapping[str, object]) -> None:
        """Raise `ServiceArguments` where these do not fit; see `ArgumentCheck`."""
        self.converted(arguments)

    def converted(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """Return the arguments by name. Raises `ServiceArguments` where they do not fit."""
        try:
            self._signature.bind(**arguments)
        except TypeError as error:
            raise ServiceArguments(
                f"{self._path}{self._signature}: {error}; published: "
                f"{', '.join(arguments) or 'nothing'}"
            ) from error
        return {name: self._convert(name, value) for name, value in arguments.items()}

    def _convert(self, name: str, value: object) -> object:
        wanted = self._types.get(name, Any)
        if wanted is Any or wanted is object:
            return value
        try:
            return self._converter.structure(value, wanted)
        except (
            BaseValidationError,
            StructureHandlerNotFoundError,
            ValueError,
            TypeError,
            KeyError,
            ArithmeticError,
        ) as error:
            label = getattr(wanted, "__qualname__", str(wanted))
            raise ServiceArguments(
                f"{self._path}: argument {name!r} is not of type {label}: "
                f"{value!r} ({_cause(error)})"
            ) from error


def _unbound(function: Callable[..., object]) -> Callable[..., object]:
    return function.func if isinstance(function, functools.partial) else function


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return str(error) or type(error).__name__
