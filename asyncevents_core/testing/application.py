"""`LocalApplication`: a whole application in one process, with the plugins under test."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from asyncevents_core.adapters import builtins
from asyncevents_core.application import AsyncEvents
from asyncevents_core.domain.delivery import TERMINAL
from asyncevents_core.domain.trace import Trace
from asyncevents_core.errors import PluginError
from asyncevents_core.plugin_registry import PluginSet, load_plugins
from asyncevents_core.ports.observer import Observer
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.schema import Settings
from asyncevents_core.testing.broker import MemoryBroker
from asyncevents_core.testing.ledger import make_ledger

EXAMPLE_EVENT: Final = "example.created"
"""The event that a `LocalApplication` defines where its settings define none."""

_POLL: Final = 0.01


class LocalApplication(AsyncEvents):
    """An `AsyncEvents` on a ledger of its own and a `MemoryBroker`, with these plugins only.

    The ledger is an SQLite file in a temporary folder. `close` removes it with all that was
    published: what has been closed is not used again.

    `plugins` are modules or objects with hook implementations, such as the module that a
    distribution's entry point names. Whatever else is installed stays out, so that tests mean the
    same everywhere. `settings` are as in a settings module; `observers` hear what happens. Raises
    `SettingsError`, and `PluginError` where one of the plugins cannot be used.
    """

    def __init__(
        self,
        plugins: Sequence[object] = (),
        *,
        settings: Mapping[str, object] | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        values = {"EVENTS": {EXAMPLE_EVENT: {}}, "INDEXER": None, **(settings or {})}
        self.settings = Settings.from_mapping(values)
        self._plugins = _loaded(plugins)
        self._folder = tempfile.TemporaryDirectory(prefix="asyncevents-")
        self.ledger = make_ledger(Path(self._folder.name), secret_keys=self.settings.secret_keys)
        self.broker = MemoryBroker()
        super().__init__(self.settings, observers=observers)

    @property
    def runtime(self) -> Runtime:
        """The parts: the ledger and the broker of this object, its plugins, its settings."""
        with self._lock:
            if self._runtime is None:
                self._runtime = Runtime(
                    self.settings,
                    ledger=self.ledger,
                    broker=self.broker,
                    plugins=self._plugins,
                    observers=self._observers,
                )
            return self._runtime

    def close(self) -> None:
        """Close connections and remove the ledger. Idempotent."""
        super().close()
        self._folder.cleanup()

    def deliver(
        self, name: str = EXAMPLE_EVENT, data: object = None, *, timeout: float = 30.0
    ) -> list[Trace]:
        """Publish an event, run a worker until its deliveries are over, return their traces.

        Retries take the time that their policy says. Raises `TimeoutError` after `timeout`
        seconds, and `LookupError` where nobody has subscribed to the event.
        """
        if not any(one.event_name == name for one in self.subscriptions()):
            raise LookupError(f"nobody has subscribed to {name}: call subscribe() first")
        until = time.monotonic() + timeout
        with self.worker():
            event_id = self.publish(name, {"id": 42} if data is None else data)
            while True:
                traces = self.traces(event_id)
                if traces and all(trace.delivery.state in TERMINAL for trace in traces):
                    return traces
                if time.monotonic() > until:
                    seen = ", ".join(trace.summary for trace in traces) or "not fanned out"
                    raise TimeoutError(f"{name} is not over after {timeout:g} s: {seen}")
                time.sleep(_POLL)


def _loaded(plugins: Sequence[object]) -> PluginSet:
    """Load plugins; the first problem with one is raised."""
    found = load_plugins([builtins, *plugins], found=[])
    for problem in found.problems:
        if problem.severity == "error":
            raise PluginError(str(problem))
    return found
