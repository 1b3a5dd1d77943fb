"""What publishes in a web process, made with the first event."""

from __future__ import annotations

import threading

from asyncevents_core.engine.publishing.foreign import ForeignEvents
from asyncevents_core.opened_publisher import OpenedPublisher
from asyncevents_core.runtime import Runtime


class WebPublisher:
    """Publishes what requests ask for, as `AsyncEvents.publish` does. Thread-safe."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._opened: OpenedPublisher | None = None
        self._made: ForeignEvents | None = None

    def ready(self) -> ForeignEvents:
        """Return what publishes. Raises `SettingsError`, `LedgerError`."""
        runtime = self._runtime
        with self._lock:
            if self._made is None:
                self._opened = OpenedPublisher.of(runtime)
                self._made = ForeignEvents(
                    publisher=self._opened.publisher,
                    definitions=runtime.catalog,
                    rules=runtime.publish_rules,
                )
            return self._made

    def close(self) -> None:
        """Hand over what waits. Idempotent; publishing opens it again."""
        with self._lock:
            opened, self._opened = self._opened, None
            self._made = None
        if opened is not None:
            opened.close()
