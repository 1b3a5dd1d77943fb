"""The health of what is installed: whether it can be opened with the settings. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from attrs import field, frozen

from asyncevents_core.engine.shared.running import run_in_time
from asyncevents_core.errors import AsyncEventsError, SettingsError
from asyncevents_core.plugin_registry import Registered, Registry
from asyncevents_core.runtime import Runtime
from asyncevents_core.sink_catalog import ConfiguredSink

State = Literal["ok", "not configured", "not in use", "error"]


@frozen(kw_only=True)
class Health:
    """Whether a registered object can be used, and if not, why."""

    state: State
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}" if self.reason else self.state


@frozen(kw_only=True)
class Part:
    """One registered object, for a listing. `kind` is what it is: sink, event, …"""

    kind: str
    entry: Registered[Any] = field(repr=False)
    health: Health

    @property
    def title(self) -> str:
        """Its title for people, if it has one."""
        return getattr(self.entry.value, "title", None) or ""


_OK: Final = Health(state="ok")
_UNUSED: Final = Health(state="not in use")


def parts(runtime: Runtime) -> Iterator[Part]:
    """Return everything that plugins register, with its health.

    Sinks are opened and closed with their settings; service resolvers are opened, and the retry
    manager and the indexer that the settings name. What else there is has shown by loading that
    it is well.
    """
    plugins = runtime.plugins
    for entry in runtime.sinks:
        yield Part(kind="sink", entry=entry, health=sink_health(runtime, entry.name))
    registries: Mapping[str, Registry[Any]] = {
        "service resolver": plugins.service_resolvers,
        "retry manager": plugins.retry_managers,
        "retry policy": plugins.retry_policies,
        "indexer": plugins.indexers,
        "event": Registry("event", plugins.events),
        "observer": Registry("observer", plugins.observers),
        "command": plugins.commands,
    }
    for kind, registry in registries.items():
        for entry in registry:
            yield Part(kind=kind, entry=entry, health=_health(runtime, kind, registry, entry))


def sink_health(runtime: Runtime, name: str) -> Health:
    """Open a sink with its settings and close it again."""
    try:
        sink = runtime.sinks.get(name)
        run_in_time(_open_and_close(sink))
    except SettingsError as error:
        configured = name in runtime.settings.sinks
        state: State = "error" if configured else "not configured"
        return Health(state=state, reason="; ".join(error.problems))
    except Exception as error:
        return _error(error)
    return _OK


def _health(runtime: Runtime, kind: str, registry: Registry[Any], entry: Registered[Any]) -> Health:
    try:
        registry.get(entry.name)  # raises for a name that is registered twice
        if kind == "service resolver":
            entry.value.open(runtime.plugins.build_service)
        # Others may be for another broker than this one, or lack what is optional.
        if kind == "retry manager":
            if entry.name != runtime.settings.retry_manager:
                return _UNUSED
            entry.value.open(runtime.broker_config).close()
        if kind == "retry policy" and entry.name != runtime.settings.retry_policy:
            return _UNUSED
        if kind == "indexer":
            if entry.name != runtime.indexer:
                return _UNUSED
            runtime.open_indexer().close()
    except Exception as error:
        return _error(error)
    return _OK


def _error(error: Exception) -> Health:
    if isinstance(error, SettingsError):
        return Health(state="error", reason="; ".join(error.problems))
    known = isinstance(error, AsyncEventsError)
    reason = str(error) if known else f"{type(error).__name__}: {error}"
    return Health(state="error", reason=reason)


async def _open_and_close(sink: ConfiguredSink) -> None:
    """Open a sink where a worker does, on an event loop."""
    await sink.open().close()
