"""Finds plugins, calls their hooks, and keeps what they register, by name.

A plugin that cannot be used is a `PluginProblem` that names it and its distribution; the
others keep working. A name that two plugins register is an error for whoever asks for it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import pluggy
from attrs import evolve, frozen

from asyncevents_core import hookspecs
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.errors import DuplicateName, PluginError, UnknownName, suggestion
from asyncevents_core.hookspecs import PROJECT
from asyncevents_core.ports.indexer import AnyIndexerType, IndexerType
from asyncevents_core.ports.resolver import ServiceResolverType
from asyncevents_core.ports.retry import RetryManagerType
from asyncevents_core.ports.sink import AnySinkType, SinkType

if TYPE_CHECKING:
    import click

T = TypeVar("T")

CORE: Final = "asyncevents-core"
_KNOWN_HOMES: Final = {
    "http": "asyncevents-http",
    "eventbridge": "asyncevents-aws",
    "sqs": "asyncevents-aws",
    "sns": "asyncevents-aws",
    "kinesis": "asyncevents-aws",
    "pubsub": "asyncevents-gcp",
}
_HOOK_PREFIX: Final = "asyncevents_"
_APPLICATION: Final = "the application (PLUGINS)"


@frozen(kw_only=True)
class PluginSource:
    """Where a plugin comes from: its name and its distribution."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} of {self.distribution} {self.version}".rstrip()


@frozen(kw_only=True)
class PluginProblem:
    """What is wrong with a plugin, and with which."""

    source: PluginSource
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


@frozen(kw_only=True)
class Registered(Generic[T]):
    """A registered object, and who registered it."""

    name: str
    value: T
    source: PluginSource


class Registry(Generic[T]):
    """Objects of one kind by name. Immutable; iterating gives `Registered`, by name."""

    def __init__(self, kind: str, entries: Iterable[Registered[T]]) -> None:
        self._kind = kind
        self._entries: dict[str, list[Registered[T]]] = {}
        for entry in entries:
            self._entries.setdefault(entry.name, []).append(entry)

    def __iter__(self) -> Iterator[Registered[T]]:
        for name in self.names():
            yield from self._entries[name]

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self._entries)

    def get(self, name: str) -> T:
        """Return the object of that name.

        Raises `UnknownName`, with close matches and what to install, or `DuplicateName`.
        """
        entries = self._entries.get(name)
        if entries is None:
            raise UnknownName(self._unknown(name))
        if len(entries) > 1:
            raise DuplicateName(self._duplicate(name, entries))
        return entries[0].value

    def duplicates(self) -> list[PluginProblem]:
        """Return a problem for each name that is registered more than once."""
        return [
            PluginProblem(source=entries[-1].source, message=self._duplicate(name, entries))
            for name, entries in sorted(self._entries.items())
            if len(entries) > 1
        ]

    def _unknown(self, name: str) -> str:
        text = f"unknown {self._kind} {name!r}{suggestion(name, self._entries)}"
        if self._kind == "sink" and name in _KNOWN_HOMES:
            return f"{text}: pip install {_KNOWN_HOMES[name]}"
        return f"{text}; installed: {', '.join(self.names()) or 'none'}"

    def _duplicate(self, name: str, entries: Sequence[Registered[T]]) -> str:
        both = " and ".join(str(entry.source) for entry in entries)
        return f"{self._kind} {name!r} is registered by {both}: uninstall one of them"


@frozen(kw_only=True)
class PluginSet:
    """All that the installed plugins offer. Thread-safe."""

    sinks: Registry[AnySinkType]
    service_resolvers: Registry[ServiceResolverType]
    retry_managers: Registry[RetryManagerType]
    indexers: Registry[AnyIndexerType]
    events: tuple[Registered[EventDefinition], ...]
    commands: Registry[click.Command]
    problems: tuple[PluginProblem, ...]
    _loaded: tuple[tuple[object, PluginSource], ...]
    _manager: pluggy.PluginManager

    def build_service(self, cls: type) -> object:
        """Make an instance of a service's class: the first plugin that does, else ``cls()``."""
        built = self._manager.hook.asyncevents_build_service(cls=cls)
        return cls() if built is None else built

    def prepare_process(self) -> None:
        """Call `asyncevents_prepare_process` of each plugin, in order.

        Raises `PluginError` where one raises, with its cause.
        """
        for plugin, source in self._loaded:
            prepare = getattr(plugin, "asyncevents_prepare_process", None)
            if prepare is None:
                continue
            try:
                prepare()
            except Exception as error:
                raise PluginError(
                    f"{source}: asyncevents_prepare_process failed: {error!r}"
                ) from error

    @property
    def surrounds_services(self) -> bool:
        """Whether any plugin puts something around the calls of services."""
        return bool(self._manager.hook.asyncevents_around_service.get_hookimpls())

    def around_service(
        self, definition: EventDefinition, *, is_async: bool
    ) -> Sequence[AbstractContextManager[object] | AbstractAsyncContextManager[object]]:
        """Return what plugins put around a call of a service, the outermost first."""
        found: list[AbstractContextManager[object] | AbstractAsyncContextManager[object]] = (
            self._manager.hook.asyncevents_around_service(definition=definition, is_async=is_async)
        )
        # pluggy begins with the last one that was registered.
        return found[::-1]


def load_plugins(
    builtins: Sequence[object] = (),
    *,
    named: Sequence[str] = (),
    found: Iterable[EntryPoint] | None = None,
    commands: bool = False,
) -> PluginSet:
    """Load the plugins of all installed distributions, after `builtins` of core itself.

    Those of the application that PLUGINS names (`named`) come last; `PluginError` is raised where
    one of them cannot be used, for the application relies on it.

    Their `commands` are left out unless they are asked for: they import much that applications
    and workers do not need. `found` replaces the installed entry points, for tests. A bad plugin
    of a distribution is one of the `problems`.
    """
    loader = _Loader(commands=commands)
    for module in builtins:
        name = getattr(module, "__name__", type(module).__name__)
        loader.add(module, PluginSource(plugin=name, distribution=CORE, version=_core_version()))
    points = entry_points(group=PROJECT) if found is None else found
    for point in sorted(points, key=lambda one: (_distribution(one)[0], one.name)):
        loader.load(point)
    loader.load_named(named)
    return loader.finish()


class _Loader:
    def __init__(self, *, commands: bool) -> None:
        self._with_commands = commands
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._plugins: list[tuple[object, PluginSource]] = []
        self._problems: list[PluginProblem] = []

    def load(self, point: EntryPoint) -> None:
        """Import one entry point and register what it names."""
        distribution, version = _distribution(point)
        source = PluginSource(plugin=point.name, distribution=distribution, version=version)
        try:
            plugin = point.load()
        except Exception as error:
            self._problem(source, f"cannot be imported ({point.value}): {error!r}")
            return
        self.add(plugin, source)

    def load_named(self, paths: Sequence[str]) -> None:
        """Import what PLUGINS names and register it. Raises `PluginError`."""
        before = len(self._problems)
        for path in paths:
            module_name, _, attribute = path.partition(":")
            source = PluginSource(plugin=path, distribution=_APPLICATION, version="")
            try:
                plugin = importlib.import_module(module_name)
                if attribute:
                    plugin = getattr(plugin, attribute)
            except Exception as error:
                raise PluginError(f"{source} cannot be imported: {error!r}") from error
            self.add(plugin, source)
        for problem in self._problems[before:]:
            raise PluginError(str(problem))

    def add(self, plugin: object, source: PluginSource) -> None:
        """Register a plugin; one with a wrong hook is left out as a whole."""
        unknown = _unknown_hooks(plugin)
        if unknown:
            known = [name for name in dir(hookspecs) if name.startswith(_HOOK_PREFIX)]
            for name in unknown:
                self._problem(source, f"there is no hook {name!r}{suggestion(name, known)}")
            return
        try:
            self._manager.register(plugin, name=f"{source.distribution}:{source.plugin}")
        except (pluggy.PluginValidationError, ValueError) as error:
            if self._manager.is_registered(plugin):
                self._manager.unregister(plugin)
            self._problem(source, f"a hook implementation does not fit: {_one_line(error)}")
            return
        self._plugins.append((plugin, source))

    def finish(self) -> PluginSet:
        """Call the hooks, one plugin after the other, and return what they registered."""
        sinks = self._collect("register_sinks", SinkType, _by_name)
        resolvers = self._collect("register_service_resolvers", ServiceResolverType, _by_name)
        managers = self._collect("register_retry_managers", RetryManagerType, _by_name)
        indexers = self._collect("register_indexers", IndexerType, _by_name)
        events = self._collect("register_events", EventDefinition, _by_name)
        plugins = PluginSet(
            sinks=Registry("sink", sinks),
            service_resolvers=Registry("service resolver", resolvers),
            retry_managers=Registry("retry manager", managers),
            indexers=Registry("indexer", indexers),
            events=tuple(events),
            commands=Registry("command", self._commands()),
            problems=(),
            loaded=tuple(self._plugins),
            manager=self._manager,
        )
        registries: tuple[Registry[Any], ...] = (
            plugins.sinks,
            plugins.service_resolvers,
            plugins.retry_managers,
            plugins.indexers,
            plugins.commands,
            Registry("event", events),
        )
        duplicates = [problem for registry in registries for problem in registry.duplicates()]
        return evolve(plugins, problems=(*self._problems, *duplicates))

    def _commands(self) -> list[Registered[click.Command]]:
        hook = _HOOK_PREFIX + "register_commands"
        wanted = self._with_commands and any(hasattr(plugin, hook) for plugin, _ in self._plugins)
        if not wanted:
            return []
        import click

        return self._collect("register_commands", click.Command, _by_name)

    def _collect(
        self, hook: str, kind: type[T], name_of: Callable[[T], str]
    ) -> list[Registered[T]]:
        collected: list[Registered[T]] = []
        for plugin, source in self._plugins:
            implementation = getattr(plugin, _HOOK_PREFIX + hook, None)
            if implementation is None:
                continue
            try:
                values = list(implementation())
                for value in values:
                    if not isinstance(value, kind):
                        raise TypeError(f"{value!r} is not an instance of {kind.__name__}")
                collected += [
                    Registered(name=name_of(value), value=value, source=source) for value in values
                ]
            except Exception as error:
                self._problem(source, f"{_HOOK_PREFIX}{hook} failed: {error!r}")
        return collected

    def _problem(self, source: PluginSource, message: str) -> None:
        self._problems.append(PluginProblem(source=source, message=message))


def _by_name(value: Any) -> str:
    name = value.name
    if not isinstance(name, str) or not name:
        raise TypeError(f"{value!r} needs a name")
    return name


def _unknown_hooks(plugin: object) -> list[str]:
    """Return the names of hook implementations that match no specification."""
    unknown = []
    for name, value in inspect.getmembers(plugin):
        marked = getattr(value, f"{PROJECT}_impl", None)
        if marked is not None and not hasattr(hookspecs, marked.get("specname") or name):
            unknown.append(name)
    return unknown


def _distribution(point: EntryPoint) -> tuple[str, str]:
    distribution = point.dist
    if distribution is None:
        return "an unknown distribution", "?"
    return distribution.name, distribution.version


def _core_version() -> str:
    try:
        return version(CORE)
    except PackageNotFoundError:
        return "(not installed)"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
