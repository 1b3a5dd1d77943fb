"""A process that delivers with one sink: `python -m` with settings module, log form, level, sink.

It gets requests and their deadline, makes an attempt for each, and answers with the outcomes. It
ends with the worker, also in the middle of an attempt.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Sequence
from typing import cast

from attrs import evolve

from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.engine.shared.exceptions import traceback_of
from asyncevents_core.logging_setup import Format
from asyncevents_core.ports.sink import BatchingSink, DeliveryRequest, Sink
from asyncevents_core.runtime import Runtime
from asyncevents_core.sink_catalog import ConfiguredSink
from asyncevents_core.worker.children import FAILED, RESULT, Answer, Home, serve


class Delivering:
    """Makes attempts, one call at a time."""

    def __init__(self, sink: ConfiguredSink, loop: asyncio.AbstractEventLoop) -> None:
        self._configured = sink
        self._loop = loop
        self._sink = sink.kind.open(sink.config)

    def answer(self, parts: Sequence[bytes]) -> tuple[bytes, bytes]:
        """Make the attempts of a request; return the kind of the answer, and its text."""
        requests, deadline = pickle.loads(parts[0])  # noqa: S301 - of our worker
        try:
            outcomes = self._deliver([self._prepared(one) for one in requests], deadline)
        except BaseException as error:
            return FAILED, traceback_of(error).encode(errors="replace")
        return RESULT, pickle.dumps(outcomes)

    def _deliver(self, requests: Sequence[DeliveryRequest], deadline: float) -> list[Outcome]:
        sink = self._sink
        if isinstance(sink, Sink):
            return [self._loop.run_until_complete(sink.deliver(one, deadline)) for one in requests]
        if isinstance(sink, BatchingSink):
            return list(sink.deliver_batch(requests, deadline))
        return [sink.deliver(one, deadline) for one in requests]

    def _prepared(self, request: DeliveryRequest) -> DeliveryRequest:
        sink = self._configured
        value = sink.kind.prepare(request.target, request.options, sink.config)
        return evolve(request, prepared=value)


def main(settings_module: str, log_format: Format, log_level: str, name: str) -> None:
    """Serve until the worker closes the pipe."""
    home = Home(settings_module=settings_module, log_format=log_format, log_level=log_level)
    loop = asyncio.new_event_loop()

    def prepare(runtime: Runtime) -> Answer:
        return Delivering(runtime.sinks.get(name), loop).answer

    serve(home, prepare, parts=1)


if __name__ == "__main__":
    main(sys.argv[1], cast("Format", sys.argv[2]), sys.argv[3], sys.argv[4])
