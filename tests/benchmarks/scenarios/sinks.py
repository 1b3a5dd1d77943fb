"""Deliveries a second per sink, with and without batches, to real servers of each protocol."""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from uuid import uuid4

import boto3
import grpc
from attrs import frozen
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from asyncevents_aws.config import EventBridgeConfig, KinesisConfig, SnsConfig, SqsConfig
from asyncevents_aws.kinds import (
    EventBridgeSinkType,
    KinesisSinkType,
    SnsSinkType,
    SqsSinkType,
)
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.plugin import BatchingSink, BatchLimits, OutcomeKind
from asyncevents_core.ports.sink import AnySinkType
from asyncevents_core.testing import make_request
from asyncevents_gcp.config import PubSubConfig
from asyncevents_gcp.kind import PubSubSinkType
from tests.benchmarks.figures import Columns, Figure, Findings
from tests.benchmarks.scenario import Context, Scenario
from tests.services.ports import free_port
from tests.services.pubsub import PubSub

_REGION: Final = "eu-central-1"
_KEYS: Final = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "secret"}
_AT_ONCE: Final = 200
"""Deliveries under way: the permits of a process."""
_BATCHES: Final = "batches"
_SINGLY: Final = "one by one"


@frozen(kw_only=True)
class _Case:
    kind: AnySinkType
    config: Any
    target: Callable[[], str]


class Sinks(Scenario):
    """Two hundred deliveries of 300 bytes under way at a time, as a worker makes them.

    The servers are moto, written in Python, and the Pub/Sub emulator or pstest: the rates are
    theirs as much as the sinks'. "one by one" sends each delivery in a call of its own.
    """

    name = "sinks"
    title = "Sinks with and without batches"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        count = max(_AT_ONCE, context.options.events // 50)
        with ExitStack() as stack:
            cases = _aws(stack.enter_context(_moto())) | _google(stack.enter_context(_pubsub()))
            found = context.in_turn(
                {
                    f"{name}: {way}": functools.partial(_rate, case, way, count)
                    for name, case in cases.items()
                    for way in (_BATCHES, _SINGLY)
                }
            )
        figures = [
            Figure(name=name, unit="deliveries/s", values=values) for name, values in found.items()
        ]
        groups = {
            name: {way: tuple(found[f"{name}: {way}"]) for way in (_BATCHES, _SINGLY)}
            for name in cases
        }
        chart = Columns(name="sinks", title=self.title, unit="deliveries/s", groups=groups)
        return Findings(figures=figures, columns=[chart])


def _rate(case: _Case, way: str, count: int) -> float:
    return asyncio.run(_deliver(case, way, count))


async def _deliver(case: _Case, way: str, count: int) -> float:
    """Deliver, and return how many a second."""
    config = case.config
    if isinstance(config, PubSubConfig) and way == _SINGLY:
        config = PubSubConfig(endpoint=config.endpoint, batch_messages=1)
    sink = case.kind.open(config)
    if isinstance(sink, BatchingSink):
        if way == _SINGLY:
            sink.limits = BatchLimits(entries=1, bytes=sink.limits.bytes)
        sink = ThreadedSink(sink, concurrency=case.kind.concurrency, name=case.kind.name)
    target = case.target()
    requests = iter(
        [
            make_request(target=target, data="x" * 80, sink_type=case.kind, config=config)
            for _ in range(count + 1)
        ]
    )

    async def send() -> None:
        for request in requests:
            outcome = await sink.deliver(request, 60.0)
            if outcome.kind is not OutcomeKind.DELIVERED:
                raise RuntimeError(outcome.detail)

    try:
        # The first one makes clients and connections.
        await sink.deliver(next(requests), 60.0)
        begun = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(_AT_ONCE)))
        return count / (time.perf_counter() - begun)
    finally:
        await sink.close()


def _aws(url: str) -> dict[str, _Case]:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=_REGION,
            aws_access_key_id=_KEYS["access_key_id"],
            aws_secret_access_key=_KEYS["secret_access_key"],
        )

    given: dict[str, Any] = {"endpoint_url": url, "region": _REGION, "timeout": 60.0, **_KEYS}
    events, kinesis = client("events"), client("kinesis")
    events.create_event_bus(Name="bench")
    events.put_rule(Name="none", EventBusName="bench", EventPattern=json.dumps({"source": ["-"]}))
    kinesis.create_stream(StreamName="bench", ShardCount=1)
    topic = client("sns").create_topic(Name="bench")["TopicArn"]
    sqs = client("sqs")

    def queue() -> str:
        """Make a new one: moto takes longer with each message that lies in it."""
        return str(sqs.create_queue(QueueName=f"bench-{uuid4().hex}")["QueueUrl"])

    return {
        "eventbridge": _Case(
            kind=EventBridgeSinkType(), config=EventBridgeConfig(**given), target=lambda: "bench"
        ),
        "sqs": _Case(kind=SqsSinkType(), config=SqsConfig(**given), target=queue),
        "sns": _Case(kind=SnsSinkType(), config=SnsConfig(**given), target=lambda: topic),
        "kinesis": _Case(
            kind=KinesisSinkType(), config=KinesisConfig(**given), target=lambda: "bench"
        ),
    }


def _google(host: str) -> dict[str, _Case]:
    channel = grpc.insecure_channel(host)
    publisher = pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    topic = "projects/bench/topics/orders"
    publisher.create_topic(name=topic)
    publisher.stop()
    channel.close()
    config = PubSubConfig(endpoint=f"http://{host}")
    return {"pubsub": _Case(kind=PubSubSinkType(), config=config, target=lambda: topic)}


@contextmanager
def _moto() -> Iterator[str]:
    """Run moto as a process of its own; return its URL."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(lambda: urllib.request.urlopen(f"{url}/moto-api/", timeout=1).close())
            yield url
        finally:
            process.terminate()


@contextmanager
def _pubsub() -> Iterator[str]:
    server = PubSub()
    try:
        server.start()
        yield server.host
    finally:
        server.remove()


def _wait(attempt: Callable[[], None], patience: float = 20.0) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            attempt()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
