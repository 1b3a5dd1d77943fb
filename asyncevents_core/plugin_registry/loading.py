"""Finds and imports plugins. No fault of one ends the application, or keeps the others away."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import evolve

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.errors import PluginError
from asyncevents_core.hookspecs import PROJECT
from asyncevents_core.plugin_registry.hooks import HOOK_PREFIX, NOT_OURS, Hooks, named_when_slow
from asyncevents_core.plugin_registry.plugin_set import PluginSet
from asyncevents_core.plugin_registry.registry import (
    CORE,
    PluginProblem,
    PluginSource,
    Registered,
    Registry,
    check_name,
)
from asyncevents_core.plugin_registry.versions import complaint
from asyncevents_core.ports.indexer import IndexerType
from asyncevents_core.ports.observer import Observer
from asyncevents_core.ports.resolver import ServiceResolverType
from asyncevents_core.ports.retry import RetryManagerType
from asyncevents_core.ports.retry_policy import RetryPolicyType
from asyncevents_core.ports.sink import SinkType

if TYPE_CHECKING:
    import click

T = TypeVar("T")

_APPLICATION: Final = "the application (PLUGINS)"
_OWN: Final = "the application"


def load_plugins(
    builtins: Sequence[object] = (),
    *,
    named: Sequence[str] = (),
    given: Sequence[object] = (),
    blocked: Collection[str] = (),
    found: Iterable[EntryPoint] | None = None,
    commands: bool = False,
    own_commands: Collection[str] = (),
) -> PluginSet:
    """Load the plugins of all installed distributions, after `builtins` of core itself.

    Those of the application come last: what PLUGINS names (`named`), then objects (`given`);
    `PluginError` is raised where one of them cannot be used, for the application relies on it. What
    PLUGINS_BLOCKED names (`blocked`), by the name of a plugin or of a distribution, is not even
    imported.

    Their `commands` are left out unless they are asked for: they import much that applications
    and workers do not need; those with the name of one of `own_commands` are a problem. `found`
    replaces the installed entry points, for tests. A bad plugin of a distribution is one of the
    `problems`.
    """
    loader = _Loader(commands=commands, own_commands=own_commands)
    for module in builtins:
        name = getattr(module, "__name__", type(module).__name__)
        loader.add(module, PluginSource(plugin=name, distribution=CORE, version=core_version()))
    points = entry_points(group=PROJECT) if found is None else found
    # Each is asked once for its source: that reads a file.
    sources = [(_source(point), point) for point in points]
    for source, point in sorted(sources, key=lambda one: (one[0].distribution, one[0].plugin)):
        if point.name not in blocked and source.distribution not in blocked:
            loader.load(point, source)
    loader.load_named([one for one in named if one not in blocked])
    loader.take(given)
    return loader.finish()


class _Loader:
    def __init__(self, *, commands: bool, own_commands: Collection[str]) -> None:
        self._with_commands = commands
        self._own_commands = own_commands
        self._hooks = Hooks()
        self._problems: list[PluginProblem] = []

    def load(self, point: EntryPoint, source: PluginSource) -> None:
        """Import one entry point and register what it names."""
        try:
            plugin = named_when_slow(f"{source} is still being imported", point.load)
        except NOT_OURS:
            raise
        except BaseException as error:
            self._problem(source, f"cannot be imported ({point.value}): {error!r}")
            return
        self.add(plugin, source)

    def load_named(self, paths: Sequence[str]) -> None:
        """Import what PLUGINS names and register it. Raises `PluginError`."""
        before = len(self._problems)
        for path in paths:
            source = PluginSource(plugin=path, distribution=_APPLICATION, version="")
            try:
                plugin = named_when_slow(
                    f"{source} is still being imported",
                    functools.partial(_imported, path),
                )
            except NOT_OURS:
                raise
            except BaseException as error:
                raise PluginError(f"{source} cannot be imported: {error!r}") from error
            self.add(plugin, source)
        self._require_good(before)

    def take(self, plugins: Sequence[object]) -> None:
        """Register the application's own objects. Raises `PluginError`."""
        before = len(self._problems)
        for plugin in plugins:
            name = getattr(plugin, "__name__", type(plugin).__qualname__)
            self.add(plugin, PluginSource(plugin=name, distribution=_OWN, version=""))
        self._require_good(before)

    def _require_good(self, before: int) -> None:
        for problem in self._problems[before:]:
            if problem.severity == "error":
                raise PluginError(str(problem))

    def add(self, plugin: object, source: PluginSource) -> None:
        """Register a plugin; of its hooks those are left out that do not fit."""
        if warning := complaint(plugin):
            self._problem(source, warning, severity="warning")
        for message in self._hooks.add(plugin, source):
            self._problem(source, message)

    def finish(self) -> PluginSet:
        """Call the hooks, one plugin after the other, and return what they registered."""
        registries: dict[str, Registry[Any]] = {}
        for kind, hook, cls in (
            ("sink", "register_sinks", SinkType),
            ("service resolver", "register_service_resolvers", ServiceResolverType),
            ("retry manager", "register_retry_managers", RetryManagerType),
            ("retry policy", "register_retry_policies", RetryPolicyType),
            ("indexer", "register_indexers", IndexerType),
        ):
            registries[kind] = Registry(kind, self._collect(hook, cls, _by_name))
        events = self._collect("register_events", EventDefinition, _by_name)
        observers = self._collect("register_observers", Observer, _by_type)
        registries["command"] = Registry("command", self._commands())
        plugins = PluginSet(
            sinks=registries["sink"],
            service_resolvers=registries["service resolver"],
            retry_managers=registries["retry manager"],
            retry_policies=registries["retry policy"],
            indexers=registries["indexer"],
            observers=tuple(observers),
            events=tuple(events),
            commands=registries["command"],
            problems=(),
            hooks=self._hooks,
        )
        several = (*registries.values(), Registry("event", events))
        duplicates = [problem for registry in several for problem in registry.duplicates()]
        return evolve(plugins, problems=(*self._problems, *duplicates))

    def _commands(self) -> list[Registered[click.Command]]:
        hook = "register_commands"
        if not self._with_commands or not any(self._hooks.calls(HOOK_PREFIX + hook)):
            return []
        import click

        collected = self._collect(hook, click.Command, _by_name)
        hidden = [one for one in collected if one.name in self._own_commands]
        for one in hidden:
            self._problem(one.source, f"command {one.name!r} is one of asyncevents itself")
        return [one for one in collected if one not in hidden]

    def _collect(
        self, hook: str, kind: type[T], name_of: Callable[[T], str]
    ) -> list[Registered[T]]:
        """Return what a hook registers; each thing that cannot be used is left out alone."""
        collected: list[Registered[T]] = []
        name = HOOK_PREFIX + hook
        for source, call in self._hooks.calls(name):
            try:
                values = named_when_slow(
                    f"{source}: {name} still runs", functools.partial(_called, call)
                )
            except NOT_OURS:
                raise
            except BaseException as error:
                self._problem(source, f"{name} failed: {error!r}")
                continue
            for value in values:
                try:
                    if not isinstance(value, kind):
                        raise TypeError(f"{value!r} is not an instance of {kind.__name__}")
                    collected.append(Registered(name=name_of(value), value=value, source=source))
                except NOT_OURS:
                    raise
                except BaseException as error:
                    self._problem(source, f"{name} failed: {error!r}")
        return collected

    def _problem(self, source: PluginSource, message: str, *, severity: Any = "error") -> None:
        self._problems.append(PluginProblem(source=source, message=message, severity=severity))


def _by_name(value: Any) -> str:
    return check_name(value.name)


def _by_type(value: Any) -> str:
    return type(value).__qualname__


def _called(hook: Callable[..., Any]) -> list[Any]:
    return [value for result in hook() for value in result]


def _imported(path: str) -> object:
    """Return the module, or the object in it, that an entry of PLUGINS names."""
    module_name, _, attribute = path.partition(":")
    module: object = importlib.import_module(module_name)
    return getattr(module, attribute) if attribute else module


def _source(point: EntryPoint) -> PluginSource:
    found = point.dist
    name, number = "an unknown distribution", "?"
    if found is not None:
        name, number = found.name, found.version
    return PluginSource(plugin=point.name, distribution=name, version=number)


def core_version() -> str:
    """Return the version of core that is installed."""
    try:
        return version(CORE)
    except PackageNotFoundError:
        return "(not installed)"
