"""The sinks that subscriptions can name: those of plugins, and those that SINKS names beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.engine.delivering.apart import LoopPerThread, LoopSink
from asyncevents_core.engine.delivering.sinks import Prepared, SinkOpener
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.errors import InvalidOptions, PluginError, SettingsError, UnknownName
from asyncevents_core.plugin_registry import Registered, Registry
from asyncevents_core.ports.sink import AnySinkType, BlockingSink, Sink
from asyncevents_core.settings.configs import TYPE, Isolation, sink_setting
from asyncevents_core.settings.schema import Settings
from asyncevents_core.structuring import structure


@frozen(kw_only=True)
class ConfiguredSink:
    """A kind of sink under a name, with the configuration that SINKS has for that name."""

    name: str
    kind: AnySinkType
    config: Any
    isolate: Isolation | None

    def options(self, given: Mapping[str, object]) -> Any:
        """Return a subscription's options as an instance of their class.

        Raises `InvalidOptions` with all mistakes.
        """
        problems: list[str] = []
        made = structure(self.kind.options_class, given, "options", problems)
        if made is None or problems:
            raise InvalidOptions(f"sink {self.name!r}: {'; '.join(problems)}")
        return made

    def prepare(self, target: str, given: Mapping[str, object]) -> Prepared:
        """Let the kind prepare a subscription. Raises as `SinkOpener.prepare`."""
        options = self.options(given)
        return Prepared(options=options, value=self.kind.prepare(target, options, self.config))

    def open(self) -> Sink:
        """Return it, newly opened, where `isolate` says. Raises what `SinkType.open` does.

        Only workers have processes for it: here "process" is as nothing.
        """
        kind = self.kind
        if self.isolate == "thread":
            made = kind.open(self.config)
            if isinstance(made, BlockingSink):
                blocking = made
            else:
                blocking = LoopPerThread(made, self._open_async)
            return ThreadedSink(blocking, concurrency=kind.concurrency, name=self.name)
        made = kind.open(self.config)
        if isinstance(made, BlockingSink):
            return ThreadedSink(made, concurrency=kind.concurrency, name=self.name)
        return LoopSink(made, name=self.name) if self.isolate == "loop" else made

    def _open_async(self) -> Sink:
        made = self.kind.open(self.config)
        assert isinstance(made, Sink)  # noqa: S101 - it was one the first time
        return made


class SinkCatalog(SinkOpener):
    """The sinks by name. Thread-safe; what is wrong is raised when it is asked for."""

    def __init__(self, settings: Settings, kinds: Registry[AnySinkType]) -> None:
        self._settings = settings
        self._kinds = kinds
        self._of_kind = {
            name: str(own[TYPE]) for name, own in settings.sinks.items() if TYPE in own
        }

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted({*self._kinds.names(), *self._of_kind})

    def kind(self, name: str) -> AnySinkType:
        """Return the kind of sink behind a name.

        Raises `UnknownName` or `DuplicateName`, and `SettingsError` where SINKS gives the name of
        an installed kind to another one.
        """
        named = self._of_kind.get(name, name)
        if named != name and name in self._kinds.names():
            raise SettingsError(
                [f"SINKS[{name!r}].type: {name!r} is a sink of its own; choose another name"],
                origin=self._settings.origins.get("SINKS", "the settings"),
            )
        if named not in self._kinds.names():
            raise UnknownName(self._kinds.unknown(named, also=self._of_kind))
        return self._kinds.get(named)

    def get(self, name: str) -> ConfiguredSink:
        """Return the sink of that name. Raises as `kind`, and `SettingsError`."""
        kind = self.kind(name)
        setting = sink_setting(self._settings, name, kind)
        return ConfiguredSink(name=name, kind=kind, config=setting.config, isolate=setting.isolate)

    def __iter__(self) -> Iterator[Registered[AnySinkType]]:
        """Iterate over kinds under all their names; names whose kind is not there are left out."""
        found = [*self._kinds]
        for name in self._of_kind:
            try:
                kind = self.kind(name)
            except (PluginError, SettingsError):
                continue
            found += [evolve(one, name=name) for one in self._kinds if one.value is kind]
        return iter(sorted(found, key=lambda one: one.name))

    def open(self, name: str) -> Sink:
        """See `SinkOpener`."""
        return self.get(name).open()

    def prepare(self, subscription: Subscription) -> Prepared:
        """See `SinkOpener`."""
        return self.get(subscription.sink).prepare(subscription.target, subscription.options)
