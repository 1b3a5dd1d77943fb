"""What is measured, each as a ratio or a rate within one run on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import define, frozen

from asyncevents_core import NewSubscription
from asyncevents_core.adapters.sqlalchemy.rows import event_values
from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.jsontext import to_json
from tests.integration.project import Project, eventually

BATCH = 500
SECRET = "supersecret"


@frozen(kw_only=True)
class Rates:
    """Deliveries a second by path, from the first arrival of any of them to the last of each."""

    deliveries: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.deliveries / self.seconds


@define(slots=False)
class Recipient:
    """The recipient's process."""

    url: str
    process: subprocess.Popen[str]

    def counts(self) -> dict[str, Any]:
        return self._get("/counts")

    def latencies(self) -> list[float]:
        return sorted(self._get("/latencies"))

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def received(self, paths: Sequence[str]) -> int:
        counts = self.counts()
        return sum(counts[path][0] for path in paths if path in counts)

    def rates(self, paths: Sequence[str]) -> Rates:
        counts = self.counts()
        first = min(counts[path][1] for path in paths)
        last = max(counts[path][2] for path in paths)
        return Rates(deliveries=sum(counts[path][0] for path in paths), seconds=last - first)


@contextmanager
def recipient() -> Iterator[Recipient]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.recipient"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    try:
        yield Recipient(url=process.stdout.readline().strip(), process=process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def publish(project: Project, count: int, *, size: int) -> float:
    """Publish events with payloads of so many bytes; return events a second."""
    data = {"text": "x" * size}
    with project.events() as events:
        begun = time.monotonic()
        for start in range(0, count, BATCH):
            some = min(BATCH, count - start)
            events.publish_many([("order.created", data) for _ in range(some)])
        seconds = time.monotonic() - begun
        assert events.flush(60)
    return count / seconds


def deliver(
    project: Project,
    server: Recipient,
    paths: Sequence[str],
    *,
    events: int,
    size: int = 300,
    processes: int = 1,
    wait_for: Sequence[str] | None = None,
) -> Rates:
    """Publish to a subscription per path, then let workers deliver; measure `wait_for`'s."""
    subscribe(project, server, paths)
    publish(project, events, size=size)
    watched = list(wait_for or paths)
    with workers(project, processes):
        eventually(
            lambda: server.received(watched) >= events * len(watched),
            what=f"{events} events at each of {len(watched)} recipients",
            timeout=300,
        )
    return server.rates(watched)


def subscribe(project: Project, server: Recipient, paths: Sequence[str]) -> None:
    with project.events() as events:
        for path in paths:
            events.subscribe(
                NewSubscription(
                    event_name="order.created",
                    sink="http",
                    target=server.url + path,
                    secret=SECRET,
                )
            )


@contextmanager
def workers(project: Project, processes: int) -> Iterator[None]:
    running = project.start("worker", "--processes", str(processes), "--log-level", "error")
    try:
        yield
    finally:
        running.terminate()
        running.communicate(timeout=60)


def publish_singly(project: Project, count: int) -> float:
    """Publish one event at a time; return events a second."""
    data = {"text": "x" * 300}
    with project.events() as events:
        events.publish("order.created", data)
        begun = time.monotonic()
        for _ in range(count):
            events.publish("order.created", data)
        return count / (time.monotonic() - begun)


def insert_singly(project: Project, count: int) -> float:
    """The least that `publish` could do: INSERT the same row and commit; rows a second."""
    engine = sa.create_engine(project.settings["LEDGER_URL"])
    new = NewEvent(
        id=uuid7(),
        external_id=None,
        digest=b"",
        name="order.created",
        tenant=None,
        arguments=to_json({"text": "x" * 300}),
        occurred_at=0,
    )
    statement = sa.insert(event)
    values = {**event_values(new), "created_at": 0, "due_at": 0}
    rows = [{**values, "id": uuid7()} for _ in range(count)]
    with engine.begin() as connection:
        connection.execute(statement, {**values, "id": uuid7()})
    begun = time.monotonic()
    for row in rows:
        with engine.begin() as connection:
            connection.execute(statement, row)
    seconds = time.monotonic() - begun
    engine.dispose()
    return count / seconds


def latencies(project: Project, server: Recipient, *, rate: float, count: int) -> list[float]:
    """Publish at a steady rate while workers deliver; return the ages on arrival, sorted."""
    subscribe(project, server, ["/latency/ok"])
    with workers(project, 1), project.events() as events:
        events.publish("order.created", {"at": time.monotonic()})
        eventually(server.latencies, what="the first arrival")
        begun = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            events.publish("order.created", {"at": time.monotonic()})
        eventually(lambda: len(server.latencies()) > count, what="all arrive")
        return server.latencies()


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
