"""Sinks that record what they are asked to deliver, with outcomes that a test prescribes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from typing import Final

from attrs import field, frozen

from asyncevents_core.domain.outcome import Failure, Outcome
from asyncevents_core.errors import InvalidTarget
from asyncevents_core.ports.sink import (
    SECRET,
    BatchingSink,
    BatchLimits,
    BlockingSink,
    DeliveryRequest,
    Sink,
    SinkType,
)

PREFIX: Final = "memory:"
_POLL: Final = 0.005

Step = Outcome | Exception
"""What one delivery comes to: an outcome, or an exception that the sink raises."""


@frozen(kw_only=True)
class RecordingConfig:
    """The configuration of the recording sinks, with one field that is secret."""

    greeting: str = "hello"
    token: str = field(default="", repr=False, metadata={SECRET: True})


@frozen(kw_only=True)
class RecordingOptions:
    """The options of subscriptions to the recording sinks, with one that is secret."""

    note: str = ""
    key: str = field(default="", repr=False, metadata={SECRET: True})


class Recorder:
    """What the sinks of one type have seen, and what they shall answer. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[DeliveryRequest] = []
        self._batches: list[tuple[DeliveryRequest, ...]] = []
        self._scripts: defaultdict[str, deque[Step]] = defaultdict(deque)
        self._held: set[str] = set()
        self._under_way = 0
        self._most_at_once = 0
        self._closed = 0

    @property
    def requests(self) -> list[DeliveryRequest]:
        """Every request so far, in the order of arrival."""
        with self._lock:
            return list(self._requests)

    @property
    def batches(self) -> list[tuple[DeliveryRequest, ...]]:
        """What travelled together, with the batching sink."""
        with self._lock:
            return list(self._batches)

    @property
    def most_at_once(self) -> int:
        """How many deliveries were under way at the same time, at most."""
        return self._most_at_once

    @property
    def closed(self) -> int:
        """How many sinks were closed."""
        return self._closed

    def requests_to(self, target: str) -> list[DeliveryRequest]:
        """Return the requests to one target."""
        return [one for one in self.requests if one.target == target]

    def script(self, target: str, *steps: Step) -> None:
        """Let the next deliveries to `target` come to these, one after the other.

        Afterwards, and for other targets, deliveries succeed.
        """
        with self._lock:
            self._scripts[target].extend(steps)

    def hold(self, target: str) -> None:
        """Let deliveries to `target` hang until `release`, or until their deadline."""
        with self._lock:
            self._held.add(target)

    def release(self, target: str) -> None:
        """Let deliveries to `target` go on."""
        with self._lock:
            self._held.discard(target)

    def is_held(self, target: str) -> bool:
        """Tell whether deliveries to `target` hang."""
        with self._lock:
            return target in self._held

    def begin(self, request: DeliveryRequest) -> None:
        """Note that a delivery begins; the sinks call this."""
        with self._lock:
            self._requests.append(request)
            self._under_way += 1
            self._most_at_once = max(self._most_at_once, self._under_way)

    def batch(self, requests: Sequence[DeliveryRequest]) -> None:
        """Note that these travel together; the batching sink calls this."""
        with self._lock:
            self._batches.append(tuple(requests))

    def end(self) -> None:
        """Note that a delivery is over, however it ended."""
        with self._lock:
            self._under_way -= 1

    def outcome(self, request: DeliveryRequest) -> Outcome:
        """Return what the script says, or raise it."""
        with self._lock:
            steps = self._scripts[request.target]
            step = steps.popleft() if steps else Outcome.delivered("recorded")
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        """Note that a sink was closed."""
        with self._lock:
            self._closed += 1


class RecordingSinkType(SinkType[RecordingConfig, RecordingOptions]):
    """The sink `recording`: keeps requests in `recorder`, does no I/O.

    Targets are ``memory:`` and any text. Each object records for itself.
    """

    name = "recording"
    title = "Recording (for tests)"
    config_class = RecordingConfig
    options_class = RecordingOptions

    def __init__(self) -> None:
        self.recorder = Recorder()

    def validate_target(self, target: str, config: RecordingConfig) -> None:
        """See `SinkType`."""
        check_target(target)

    def open(self, config: RecordingConfig) -> Sink:
        """See `SinkType`."""
        return _RecordingSink(self.recorder)


class BlockingRecordingSinkType(SinkType[RecordingConfig, RecordingOptions]):
    """The sink `recording-blocking`: as `recording`, and blocks a thread per delivery."""

    name = "recording-blocking"
    title = "Recording, blocking (for tests)"
    config_class = RecordingConfig
    options_class = RecordingOptions

    def __init__(self) -> None:
        self.recorder = Recorder()

    def validate_target(self, target: str, config: RecordingConfig) -> None:
        """See `SinkType`."""
        check_target(target)

    def open(self, config: RecordingConfig) -> BlockingSink:
        """See `SinkType`."""
        return _BlockingRecordingSink(self.recorder)


class BatchingRecordingSinkType(SinkType[RecordingConfig, RecordingOptions]):
    """The sink `recording-batching`: up to ten requests, 256 KiB, to any targets in one call."""

    name = "recording-batching"
    title = "Recording, in batches (for tests)"
    config_class = RecordingConfig
    options_class = RecordingOptions

    def __init__(self) -> None:
        self.recorder = Recorder()

    def validate_target(self, target: str, config: RecordingConfig) -> None:
        """See `SinkType`."""
        check_target(target)

    def open(self, config: RecordingConfig) -> BatchingSink:
        """See `SinkType`."""
        return _BatchingRecordingSink(self.recorder)


def check_target(target: str) -> None:
    """Raise `InvalidTarget` for what the recording sinks cannot deliver to."""
    if not target.startswith(PREFIX) or not target.removeprefix(PREFIX).strip():
        raise InvalidTarget(f"{target!r} is not a target of a recording sink: use {PREFIX}NAME")


class _RecordingSink(Sink):
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        recorder = self._recorder
        recorder.begin(request)
        try:
            async with asyncio.timeout(deadline):
                while recorder.is_held(request.target):
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            return _late(deadline)
        finally:
            recorder.end()
        return recorder.outcome(request)

    async def close(self) -> None:
        self._recorder.close()


class _BlockingRecordingSink(BlockingSink):
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        until = time.monotonic() + deadline
        recorder = self._recorder
        recorder.begin(request)
        try:
            while recorder.is_held(request.target):
                if time.monotonic() >= until:
                    return _late(deadline)
                time.sleep(_POLL)
        finally:
            recorder.end()
        return recorder.outcome(request)

    def close(self) -> None:
        self._recorder.close()


class _BatchingRecordingSink(BatchingSink):
    limits = BatchLimits(entries=10, bytes=262_144)

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._single = _BlockingRecordingSink(recorder)

    def group(self, request: DeliveryRequest) -> Hashable:
        # A target that hangs holds up its own batches only.
        return request.target if self._recorder.is_held(request.target) else None

    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        self._recorder.batch(requests)
        return [self._deliver(one, deadline) for one in requests]

    def close(self) -> None:
        self._single.close()

    def _deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        limit = self.limits.bytes or 0
        if self.size(request) > limit:
            return Outcome.failed(Failure.TOO_LARGE, f"more than {limit:,} bytes")
        return self._single.deliver(request, deadline)


def _late(deadline: float) -> Outcome:
    return Outcome.failed(Failure.TIMED_OUT, f"no answer within {deadline:g} s")
