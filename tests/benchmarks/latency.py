"""Publish at a steady rate while a worker delivers; see how old each event is on arrival."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from tests.benchmarks.driving import EVENT, project_workers, subscribe
from tests.benchmarks.receiving import ROOT, Recipient
from tests.integration.project import Project, eventually

PATH: Final = "/latency/ok"
_SETTLE: Final = 1.0


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


def ages(project: Project, server: Recipient, *, rate: float, count: int, warm: int) -> Ages:
    """Publish `warm + count` events with one worker process; return the ages of the last ones."""
    subscribe(project, [server.url + PATH])
    program = str(ROOT / "tests" / "benchmarks" / "publisher.py")
    with project_workers(project, 1) as workers:
        publisher = subprocess.Popen(
            [sys.executable, program, str(rate), str(warm + count), EVENT],
            cwd=project.folder,
            env=project.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        project.running.append(publisher)
        eventually(server.latencies, what="the first arrival")
        time.sleep(_SETTLE)
        # Reads the output to the end: thousands of numbers do not fit into a pipe.
        output, errors = publisher.communicate("\n", timeout=60 + 4 * (warm + count) / rate)
        if publisher.returncode:
            raise RuntimeError(errors[-3000:])
        total = 1 + warm + count
        eventually(lambda: server.received([PATH]) >= total, what="all arrive", timeout=120)
        workers.check()
    told = json.loads(output)
    found = server.latencies()[1 + warm :]
    return Ages(
        since_call=[at for at, _ in found],
        since_due=[due for _, due in found],
        publish=told["took"][warm:],
        rate=told["rate"],
    )
