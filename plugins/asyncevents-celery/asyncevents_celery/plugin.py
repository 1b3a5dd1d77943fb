"""What this distribution registers: the type of the sink `celery`. Loads no Celery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncevents_celery.config import CeleryConfig, CeleryOptions, Target, read_target
from asyncevents_core.plugin import BlockingSink, SinkType, hookimpl

ASYNCEVENTS_PLUGIN_API = 1


class CelerySinkType(SinkType[CeleryConfig, CeleryOptions]):
    """Registers the sink `celery`."""

    name = "celery"
    title = "Celery (a task of an application)"
    config_class = CeleryConfig
    options_class = CeleryOptions

    def validate_target(self, target: str, config: CeleryConfig) -> None:
        """See `SinkType`: a task that the settings allow."""
        read_target(target, config)

    def prepare(self, target: str, options: CeleryOptions, config: CeleryConfig) -> Target:
        """See `SinkType`. Raises `InvalidTarget`."""
        return read_target(target, config)

    def privileges(
        self, options: CeleryOptions, target: str, config: CeleryConfig
    ) -> Sequence[str]:
        """See `SinkType`: the task, and the queue where it is chosen."""
        wanted = read_target(target, config)
        queue = () if options.queue is None else (f"queue:{wanted.app}/{options.queue}",)
        return (f"task:{wanted.app}/{wanted.task}", *queue)

    def open(self, config: CeleryConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_celery.sink import CelerySink

        return CelerySink(config)


@hookimpl
def asyncevents_register_sinks() -> Sequence[SinkType[Any, Any]]:
    """Register `celery`."""
    return [CelerySinkType()]


@hookimpl
def asyncevents_preload() -> Sequence[str]:
    """Share between worker processes what knows the targets; Celery is each process's own."""
    return ["asyncevents_celery.plugin"]
