"""A sink that keeps its event loop from others: a second for each delivery."""

from __future__ import annotations

import time

from asyncevents_core.plugin import (
    DeliveryRequest,
    NoOptions,
    Outcome,
    Sink,
    SinkType,
    hookimpl,
)

PREFIX = "blocks:"


class BlockingLoopType(SinkType[NoOptions, NoOptions]):
    """Registers the sink `blocks-the-loop`."""

    name = "blocks-the-loop"
    title = "Blocks its event loop"
    config_class = NoOptions

    def validate_target(self, target: str, config: NoOptions) -> None:
        """Take any."""

    def open(self, config: NoOptions) -> Sink:
        """Return the sink."""
        return _BlockingLoop()


class _BlockingLoop(Sink):
    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        time.sleep(1.0)
        return Outcome.delivered()


@hookimpl
def asyncevents_register_sinks() -> list[SinkType[NoOptions, NoOptions]]:
    """Register it."""
    return [BlockingLoopType()]
