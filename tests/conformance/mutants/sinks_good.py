"""Sinks that are unusual, and do nothing wrong: they pass all of the suite."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from concurrent.futures import Future

import pytest
from attrs import frozen

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import (
    BlockingSink,
    Failure,
    NoOptions,
    Outcome,
    Sink,
    SinkType,
)
from asyncevents_core.testing import BatchingRecordingSinkType, RecordingSinkType
from asyncevents_core.testing.sinks import RecordingConfig
from tests.conformance.mutants.base import Batching, Blocking, Suite
from tests.conformance.mutants.line_server import LineServer


class TestAsItIs(Suite):
    pass


class TestOnThreads(Blocking):
    pass


class TestInBatches(Batching):
    """Some of a batch fail, and others do not."""


class TestThatDeduplicates(Suite):
    """Where an event has come before, it says so and drops it."""

    @pytest.fixture
    def deduplicates(self):
        return True

    def mistake(self, deliver):
        known = set()

        async def changed(request, deadline):
            if request.event_id in known:
                return Outcome.delivered("known already")
            outcome = await deliver(request, deadline)
            if outcome.kind == "delivered":
                known.add(request.event_id)
            return outcome

        return changed


class TestThatIsSlow(Suite):
    def mistake(self, deliver):
        async def changed(request, deadline):
            await asyncio.sleep(0.05)
            return await deliver(request, deadline - 0.05)

        return changed


class TestThatIsLateButInTime(Suite):
    """Its time-outs come when the engine has all but given up on it."""

    def mistake(self, deliver):
        async def changed(request, deadline):
            return await deliver(request, deadline + 0.6)

        return changed


class TestThatIsSlowOnThreads(Blocking):
    def mistake(self, deliver):
        stopped = threading.Event()

        def changed(request, deadline):
            stopped.wait(0.03)
            return deliver(request, deadline - 0.03)

        return changed


class TestWithBatchesOfOne(Batching):
    def spoil(self, sink):
        sink.group = lambda request: request.delivery_id


class _OwnThreadSink(Sink):
    """Hands everything to a thread that the first delivery starts, and that `close` ends."""

    def __init__(self, deliver, close):
        self._deliver, self._close = deliver, close
        self._queue = queue.SimpleQueue()
        self._thread = None

    async def deliver(self, request, deadline):
        if self._thread is None:
            self._thread = threading.Thread(target=self._work)
            self._thread.start()
        called = Future()
        self._queue.put((called, request))
        await asyncio.wrap_future(called)
        return await self._deliver(request, deadline)

    async def close(self):
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        await self._close()

    def _work(self):
        while (job := self._queue.get()) is not None:
            called, _ = job
            if called.set_running_or_notify_cancel():
                called.set_result(None)


class TestWithAThreadOfItsOwn(Suite):
    @pytest.fixture
    def sink_type(self, arrivals):
        suite = self

        class OnThread(RecordingSinkType):
            def open(self, config):
                sink = super().open(config)
                suite.arrange(sink, config, arrivals)
                return _OwnThreadSink(sink.deliver, sink.close)

        return OnThread()


@frozen(kw_only=True)
class PlaceConfig:
    place: str = ""


class _FileType(SinkType[PlaceConfig, NoOptions]):
    """Needs neither a network nor options."""

    name = "diary"
    title = "A file"
    config_class = PlaceConfig

    def validate_target(self, target, config):
        if not target.isalpha():
            raise InvalidTarget("a name is one word")

    def open(self, config):
        return _FileSink(config)


class _FileSink(BlockingSink):
    def __init__(self, config):
        self._config = config

    def deliver(self, request, deadline):
        try:
            with open(f"{self._config.place}/{request.target}", "ab", buffering=0) as file:
                file.write(request.body + b"\n")
        except OSError as error:
            return Outcome.failed(Failure.UNAVAILABLE, str(error.strerror))
        return Outcome.delivered()


class TestOfFiles(Suite):
    @pytest.fixture
    def sink_type(self):
        return _FileType()

    @pytest.fixture
    def config(self, tmp_path):
        return PlaceConfig(place=str(tmp_path))

    @pytest.fixture
    def target(self):
        return "orders"

    @pytest.fixture
    def bad_targets(self):
        return ["", "no/folder"]

    @pytest.fixture
    def options(self):
        return {}

    @pytest.fixture
    def other_options(self):
        return None

    @pytest.fixture
    def received(self, tmp_path):
        return lambda: _lines(tmp_path / "orders")

    @pytest.fixture
    def elsewhere(self, tmp_path):
        return "invoices", lambda: _lines(tmp_path / "invoices")

    @pytest.fixture
    def unreachable(self):
        return "no/folder"

    @pytest.fixture
    def failures(self, unreachable):
        return {Failure.UNAVAILABLE: unreachable}

    @pytest.fixture
    def hanging(self):
        return None

    @pytest.fixture
    def requests_at(self):
        return None

    @pytest.fixture
    def seen_beside(self):
        return None


class TestWithoutOptions(TestOfFiles):
    """What is not there to be tested is left out, and nothing fails for it."""

    @pytest.fixture
    def elsewhere(self):
        return None

    @pytest.fixture
    def unreachable(self):
        return None

    @pytest.fixture
    def failures(self):
        return {}


def _lines(path):
    return path.read_bytes().splitlines() if path.exists() else []


class _ConnectingType(SinkType[RecordingConfig, NoOptions]):
    """Lines over TCP: connections are opened with the first delivery, kept and used again."""

    name = "lines"
    title = "Lines"
    config_class = RecordingConfig
    kept = 4

    def validate_target(self, target, config):
        if not target.rpartition(":")[2].isdigit():
            raise InvalidTarget("a target is host:port")

    def privileges(self, options, target, config):
        return ("network",)

    def open(self, config):
        return _ConnectingSink(config, self.kept)


class _ConnectingSink(Sink):
    def __init__(self, config, kept):
        self._config, self._kept = config, kept
        self._idle = {}
        self._closed = False

    async def deliver(self, request, deadline):
        try:
            async with asyncio.timeout(deadline):
                return await self._send(request)
        except TimeoutError:
            return Outcome.failed(Failure.TIMED_OUT, "no answer")
        except OSError as error:
            return Outcome.failed(Failure.NETWORK, type(error).__name__)

    async def _send(self, request):
        idle = self._idle.setdefault(request.target, [])
        if idle:
            reader, writer = idle.pop()
        else:
            host, _, port = request.target.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=2**22)
        keep = False
        try:
            beside = self._config.greeting.encode()
            writer.write(beside + b"\t" + request.body + b"\n")
            answer = await reader.readline()
            keep = bool(answer) and len(idle) < self._kept and not self._closed
        finally:
            if keep:
                idle.append((reader, writer))
            else:
                writer.close()
        if not answer:
            return Outcome.failed(Failure.NETWORK, "the connection was closed")
        return Outcome.delivered()

    async def close(self):
        self._closed = True
        for reader_writer in (one for idle in self._idle.values() for one in idle):
            reader_writer[1].close()
        self._idle.clear()


class TestThatConnectsLazily(Suite):
    """It sends metadata beside the body, too."""

    kind = _ConnectingType

    @pytest.fixture
    def sink_type(self):
        return self.kind()

    @pytest.fixture
    def config(self):
        return RecordingConfig()

    @pytest.fixture
    async def server(self):
        async with LineServer() as server:
            yield server

    @pytest.fixture
    async def other_server(self):
        async with LineServer() as server:
            yield server

    @pytest.fixture
    def target(self, server):
        return server.target

    @pytest.fixture
    def received(self, server):
        return lambda: [body for _, body in server.lines]

    @pytest.fixture
    def elsewhere(self, other_server):
        return other_server.target, lambda: [body for _, body in other_server.lines]

    @pytest.fixture
    def seen_beside(self, server):
        return lambda: [beside for beside, _ in server.lines]

    @pytest.fixture
    def options(self):
        return {}

    @pytest.fixture
    def other_options(self):
        return None

    @pytest.fixture
    async def hanging(self):
        async with LineServer(silent=True) as server:
            yield server.target

    @pytest.fixture
    def unreachable(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            yield f"127.0.0.1:{taken.getsockname()[1]}"

    @pytest.fixture
    def failures(self, unreachable, hanging):
        return {Failure.NETWORK: unreachable, Failure.TIMED_OUT: hanging}

    @pytest.fixture
    def requests_at(self):
        return None


class _ForgetfulType(_ConnectingType):
    """Closes a connection as soon as nobody uses it."""

    kept = 0


class TestThatClosesIdleConnections(TestThatConnectsLazily):
    kind = _ForgetfulType


class TestThatGroupsByOptions(Batching):
    class base(BatchingRecordingSinkType):
        def prepare(self, target, options, config):
            return [target, options.note]

    def spoil(self, sink):
        group = sink.group
        sink.group = lambda request: (group(request), tuple(request.prepared))
