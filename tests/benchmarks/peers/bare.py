"""The bare loop: two processes that only POST; see `bare_loop`."""

from __future__ import annotations

import os
import sys

from tests.benchmarks.constants import PERMITS, SECRET
from tests.benchmarks.driving import Run, running, watch
from tests.benchmarks.peers.base import Job, Peer
from tests.benchmarks.receiving import ROOT, recipient
from tests.benchmarks.scenario import Context

PROCESSES = 2


class BarePeer(Peer):
    """The ceiling: no ledger, no broker, no retries, no trace."""

    name = "bare loop"

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self, job: Job) -> Run:
        """See `Peer`."""
        context = self._context
        with context.folder() as folder, recipient() as server:
            bodies = folder / "bodies.jsonl"
            bodies.write_bytes(b"\n".join(job.payloads.texts))
            counts = [job.events // PROCESSES] * PROCESSES
            counts[0] += job.events - sum(counts)
            commands = [
                [
                    sys.executable, "-m", "tests.benchmarks.peers.bare_loop",
                    f"{server.url}/ok", str(bodies), str(count), str(PERMITS), SECRET,
                ]
                for count in counts
            ]  # fmt: skip
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            with running(commands, folder=folder, environment=environment) as workers:
                return watch(workers, server, ["/ok"], job.events)
