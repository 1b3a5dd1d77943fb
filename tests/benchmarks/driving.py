"""A project of a user, driven: subscribe, publish, let workers deliver, see what arrives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from attrs import define, field, frozen

from asyncevents_core import AsyncEvents, NewSubscription
from asyncevents_core.adapters.sqlalchemy.schema import delivery
from tests.benchmarks.constants import EVENT, SECRET
from tests.benchmarks.payloads import Payloads
from tests.benchmarks.peers.blocking_sink import PREFIX as BLOCKS
from tests.benchmarks.peers.blocking_sink import BlockingLoopType
from tests.benchmarks.processes import (
    Reading,
    Usage,
    cpu_seconds,
    proportional_bytes,
    read_meters,
    resident_bytes,
)
from tests.benchmarks.receiving import Arrivals, Recipient
from tests.integration.project import Project

BATCH: Final = 500
_PATIENCE: Final = 120.0
_WARM: Final = 0.1
_FLUSH_EVERY: Final = 5_000


@define(slots=False)
class Workers:
    """Worker processes of any kind, and the files that hold their output."""

    processes: list[subprocess.Popen[bytes]] = field(factory=list)
    logs: list[Path] = field(factory=list)
    started: float = 0.0
    """Monotonic time before the first one was started."""

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    @property
    def cpu(self) -> float:
        """CPU seconds, children included."""
        return cpu_seconds(*self.pids)

    @property
    def resident(self) -> int:
        """Resident bytes, children included."""
        return resident_bytes(*self.pids)

    @property
    def proportional(self) -> list[int]:
        """Bytes of each process, children included; what is shared counts once in their sum."""
        return proportional_bytes(*self.pids)

    def check(self) -> None:
        """Raise if one of them has ended."""
        for process, log in zip(self.processes, self.logs, strict=True):
            if process.poll() is not None:
                text = log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"a worker ended with {process.returncode}:\n{text}")


@frozen(kw_only=True)
class Run:
    """One measurement: what arrived when, and the meters at a tenth of it and at the end."""

    arrivals: Arrivals
    first: Reading
    last: Reading

    @property
    def usage(self) -> Usage:
        """What it cost between the readings.

        Raises `RuntimeError` if nothing arrived between them.
        """
        if self.first.arrived == self.last.arrived:
            count = self.last.arrived
            raise RuntimeError(f"{count} arrived before the meters were read: take more events")
        return Usage.between(self.first, self.last)


@contextmanager
def running(
    commands: Sequence[Sequence[str]],
    *,
    folder: Path,
    environment: Mapping[str, str],
    patience: float = 60.0,
) -> Iterator[Workers]:
    """Run worker processes while the block runs; end them with SIGTERM."""
    workers = Workers(started=time.monotonic())
    try:
        for number, command in enumerate(commands):
            log = folder / f"worker{number}.log"
            with log.open("wb") as output:
                workers.processes.append(
                    subprocess.Popen(
                        command,
                        cwd=folder,
                        env=environment,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
            workers.logs.append(log)
        yield workers
    finally:
        for process in workers.processes:
            process.terminate()
        for process in workers.processes:
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def project_workers(project: Project, processes: int) -> Iterator[Workers]:
    """Run `asyncevents worker` with so many processes."""
    command = [
        sys.executable, "-m", "asyncevents_core", "worker",
        "--processes", str(processes), "--log-level", "error",
    ]  # fmt: skip
    with running([command], folder=project.folder, environment=project.environment) as workers:
        yield workers


def subscribe(project: Project, targets: Sequence[str]) -> None:
    """Subscribe these URLs to the event, signed; ``blocks:`` is for the sink that blocks."""
    with project.events() as events:
        for target in targets:
            sink = BlockingLoopType.name if target.startswith(BLOCKS) else "http"
            events.subscribe(
                NewSubscription(
                    event_name=EVENT,
                    sink=sink,
                    target=target,
                    secret=SECRET if sink == "http" else None,
                )
            )


def publish(project: Project, payloads: Payloads, count: int) -> float:
    """Publish events, 500 at once, until the broker has them all; return the seconds it took."""
    with project.events() as events:
        begun = time.monotonic()
        for start in range(0, count, BATCH):
            publish_batch(events, payloads, start, min(BATCH, count - start))
            if (start + BATCH) % _FLUSH_EVERY == 0:
                # The queue to the broker drops what is too much, and the sweep is slower.
                events.flush(60)
        if not events.flush(60):
            raise RuntimeError("the broker did not take the events within a minute")
        return time.monotonic() - begun


def publish_batch(events: AsyncEvents, payloads: Payloads, start: int, count: int) -> None:
    """Publish one batch of the cycle of payloads."""
    events.publish_many([(EVENT, data) for data in payloads.some(start, count)])


def deliver(
    project: Project,
    server: Recipient,
    targets: Sequence[str],
    *,
    payloads: Payloads,
    events: int,
    processes: int = 1,
    watched: Sequence[str] | None = None,
    parts: Mapping[str, int] | None = None,
) -> Run:
    """Publish events to a subscription per target, then start workers on the backlog.

    Targets are paths at the recipient, or whole URLs. Measured is what arrives at the paths
    in `watched`; without it at all of them, and at the end the ledger must have all outcomes.
    `parts` are processes whose CPU is read as well.
    """
    whole = ("://", BLOCKS)
    urls = [
        target if any(one in target for one in whole) else server.url + target for target in targets
    ]
    subscribe(project, urls)
    publish(project, payloads, events)
    paths = list(watched or targets)
    with settling(project) as settled, project_workers(project, processes) as workers:
        return watch(
            workers,
            server,
            paths,
            events * len(paths),
            parts=parts,
            settle=settled if watched is None else None,
        )


def watch(
    workers: Workers,
    server: Recipient,
    paths: Sequence[str],
    total: int,
    *,
    parts: Mapping[str, int] | None = None,
    settle: Callable[[], bool] | None = None,
    patience: float = _PATIENCE,
) -> Run:
    """Wait until `total` requests came, then until `settle()`; read the meters twice.

    Raises `TimeoutError` if nothing comes for `patience` seconds.
    """
    pids = {
        "workers": workers.pids,
        "recipient": [server.process.pid],
        **{name: [pid] for name, pid in (parts or {}).items()},
    }
    first = None
    arrived, progressed = 0, time.monotonic()
    while arrived < total:
        before, arrived = arrived, server.received(paths)
        now = time.monotonic()
        if arrived > before:
            progressed = now
        elif now > progressed + patience:
            told = "\n".join(log.read_text(errors="replace")[-3000:] for log in workers.logs)
            raise TimeoutError(f"{arrived} of {total} arrived, then none in {patience:g} s\n{told}")
        if first is None and arrived >= total * _WARM:
            first = read_meters(pids, arrived)
        workers.check()
        time.sleep(0.02 if first is None else 0.05)
    until = time.monotonic() + patience
    while settle is not None and not settle():
        if time.monotonic() > until:
            raise TimeoutError(f"all arrived, but the ledger is not settled in {patience:g} s")
        time.sleep(0.02)
    last = read_meters(pids, arrived)
    return Run(arrivals=server.arrivals(paths), first=first or last, last=last)


@contextmanager
def settling(project: Project) -> Iterator[Callable[[], bool]]:
    """Return a function that tells whether no delivery is open in the ledger any more."""
    engine = sa.create_engine(project.settings["LEDGER_URL"])
    still_open = (
        sa.select(delivery.c.id).where(delivery.c.state.in_(["waiting", "leased"])).limit(1)
    )

    def settled() -> bool:
        with engine.connect() as connection:
            return connection.execute(still_open).first() is None

    try:
        yield settled
    finally:
        engine.dispose()
