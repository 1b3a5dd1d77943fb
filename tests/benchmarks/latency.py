"""Publish at a steady rate while a worker delivers; see how old each event is on arrival."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from tests.benchmarks.constants import EVENT
from tests.benchmarks.driving import project_workers, subscribe
from tests.benchmarks.receiving import ROOT, Recipient
from tests.integration.project import Project, eventually

PATH: Final = "/latency/ok"
_SETTLE: Final = 1.0
_PATIENCE: Final = 300.0


@frozen(kw_only=True)
class Stream:
    """Events that a publisher of its own publishes at a steady rate."""

    name: str
    rate: float
    count: int


@frozen(kw_only=True)
class Ages:
    """Seconds by event: from the call of `publish()` to the arrival, and the call itself.

    `since_due` begins when `publish()` should have been called: if one call is late, so are
    those behind it. `rate` is what the publisher reached.
    """

    since_call: Sequence[float]
    since_due: Sequence[float]
    publish: Sequence[float]
    rate: float


def ages(
    project: Project,
    server: Recipient,
    *,
    rate: float,
    count: int,
    warm: int,
    beside: Sequence[Stream] = (),
) -> Ages:
    """Publish `warm + count` events with one worker process; return the ages of the last ones.

    `beside` is published at the same time, and not measured.
    """
    subscribe(project, [server.url + PATH])
    with project_workers(project, 1) as workers:
        publisher = _publisher(project, Stream(name=EVENT, rate=rate, count=warm + count))
        others = [_publisher(project, one) for one in beside]
        eventually(server.latencies, what="the first arrival")
        time.sleep(_SETTLE)
        for one in others:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        # Reads the output to the end: thousands of numbers do not fit into a pipe.
        patience = 60 + 4 * (warm + count) / rate
        output, errors = publisher.communicate("\n", timeout=patience)
        if publisher.returncode:
            raise RuntimeError(errors[-3000:])
        for one in others:
            one.communicate(timeout=patience)
        total = 1 + warm + count
        eventually(lambda: server.received([PATH]) >= total, what="all arrive", timeout=_PATIENCE)
        workers.check()
    told = json.loads(output)
    found = server.latencies()[1 + warm :]
    return Ages(
        since_call=[at for at, _ in found],
        since_due=[due for _, due in found],
        publish=told["took"][warm:],
        rate=told["rate"],
    )


def _publisher(project: Project, stream: Stream) -> subprocess.Popen[str]:
    """Start a publisher that waits for a line before it begins."""
    program = str(ROOT / "tests" / "benchmarks" / "publisher.py")
    process = subprocess.Popen(
        [sys.executable, program, str(stream.rate), str(stream.count), stream.name],
        cwd=project.folder,
        env=project.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    project.running.append(process)
    return process
