"""Celery applications: imported when they are first needed, as a worker of Celery has them."""

from __future__ import annotations

import importlib
import threading
from functools import reduce
from typing import Any, Final

from celery import Celery

_OPTIONS: Final = (
    "compression",
    "delivery_mode",
    "exchange",
    "expires",
    "priority",
    "queue",
    "routing_key",
    "serializer",
    "soft_time_limit",
    "time_limit",
)
"""What ``@app.task(…)`` may say of how its task is sent."""


class NoApplication(Exception):
    """An application cannot be imported, or is none."""


class Applications:
    """Applications by where they are, ``MODULE:NAME``. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Celery] = {}

    def get(self, where: str) -> Celery:
        """Return an application, with the tasks of all its modules. Raises `NoApplication`."""
        with self._lock:
            found = self._found.get(where)
            if found is None:
                found = self._found[where] = _imported(where)
            return found


def options_of(app: Celery, task: str) -> dict[str, Any]:
    """Return how ``task.delay()`` sends a task, as `send_task` takes it.

    Nothing where the task is not known here: then the application's routes say where it goes.
    """
    known = app.tasks.get(task)
    if known is None:
        return {}
    found = {name: getattr(known, name, None) for name in _OPTIONS}
    # With its type, nothing of its decorator is looked up once more.
    return {"task_type": known, **{key: one for key, one in found.items() if one is not None}}


def _imported(where: str) -> Celery:
    module, _, path = where.partition(":")
    try:
        app = reduce(getattr, path.split("."), importlib.import_module(module))
        if isinstance(app, Celery):
            # Those of `include` and of autodiscover_tasks(); a task may have a queue of its own.
            app.loader.import_default_modules()
            app.finalize()
            return app
    except Exception as error:
        raise NoApplication(f"{where} cannot be imported: {error!r}") from error
    raise NoApplication(f"{where} is no Celery application: {type(app).__name__}")
