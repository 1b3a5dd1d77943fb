"""``SINKS[name]["isolate"] = "process"``: a sink runs in processes of its own.

A delivery that ends its process fails alone, and one that takes too long is killed. The other side
of the pipe is `sink_process`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable, Sequence
from typing import Final

from attrs import evolve

from asyncevents_core.domain.outcome import Failure, Outcome
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.engine.delivering.sinks import OVERTIME, Prepared, SinkOpener
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.ports.sink import BatchingSink, BlockingSink, DeliveryRequest, Sink
from asyncevents_core.sink_catalog import ConfiguredSink, SinkCatalog
from asyncevents_core.worker.children import (
    RESULT,
    Child,
    ChildEnded,
    Children,
    ChildTimedOut,
    Home,
)

MOST_PROCESSES: Final = 4
"""Of one sink, whatever its concurrency: each has all that the sink imports."""
_STARTS_WITHIN: Final = 30.0
_PROGRAM: Final = "asyncevents_core.worker.sink_process"


class WorkerSinks(SinkOpener):
    """The sinks of a worker, which alone has processes for those that want some.

    `home_for` returns what these need, for a setting that wants them. Raises `SettingsError`.
    """

    def __init__(self, sinks: SinkCatalog, home_for: Callable[[str], Home]) -> None:
        self._sinks = sinks
        self._home_for = home_for

    def open(self, name: str) -> Sink:
        """See `SinkOpener`."""
        sink = self._sinks.get(name)
        if sink.isolate != "process":
            return sink.open()
        home = self._home_for(f"SINKS[{name!r}].isolate")
        return ThreadedSink(
            _process_sink(sink, home),
            concurrency=min(sink.kind.concurrency, MOST_PROCESSES),
            name=name,
        )

    def prepare(self, subscription: Subscription) -> Prepared:
        """See `SinkOpener`."""
        return self._sinks.prepare(subscription)


def _process_sink(sink: ConfiguredSink, home: Home) -> BlockingSink:
    children = Children(lambda: Child(_PROGRAM, home, sink.name, start_limit=_STARTS_WITHIN))
    children.start_one()
    # Opening does no I/O; this one only says what may travel together.
    model = sink.kind.open(sink.config)
    if isinstance(model, BatchingSink):
        return _InBatches(children, model)
    return _OneByOne(children)


class _OneByOne(BlockingSink):
    def __init__(self, children: Children) -> None:
        self._children = children

    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        (outcome,) = _delivered(self._children, [request], deadline)
        return outcome

    def close(self) -> None:
        self._children.close()


class _InBatches(BatchingSink):
    def __init__(self, children: Children, model: BatchingSink) -> None:
        self._children = children
        self._model = model
        self.limits = model.limits

    def group(self, request: DeliveryRequest) -> Hashable:
        return self._model.group(request)

    def size(self, request: DeliveryRequest) -> int:
        return self._model.size(request)

    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        return _delivered(self._children, requests, deadline)

    def close(self) -> None:
        self._children.close()
        self._model.close()


def _delivered(
    children: Children, requests: Sequence[DeliveryRequest], deadline: float
) -> Sequence[Outcome]:
    # What is prepared need not be something that can be sent: the process prepares anew.
    sent = [evolve(one, prepared=None) for one in requests]
    try:
        kind, text = children.call(
            [pickle.dumps((sent, deadline))], timeout=deadline + OVERTIME / 2
        )
    except ChildTimedOut as error:
        failed = Outcome.failed(Failure.TIMED_OUT, f"{error}; its process was killed")
        return [failed] * len(requests)
    except ChildEnded as error:
        raise RuntimeError(str(error)) from None
    if kind == RESULT:
        outcomes: Sequence[Outcome] = pickle.loads(text)  # noqa: S301 - of a process of our own
        return outcomes
    raise RuntimeError(text.decode())
