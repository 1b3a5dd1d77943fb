"""A server over a ledger that has grown, for what people and clients ask over HTTP."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from tests.benchmarks import history, reading
from tests.benchmarks.constants import EVENT
from tests.benchmarks.driving import Workers, running
from tests.benchmarks.scenario import Context
from tests.integration.project import Project, eventually


@frozen(kw_only=True)
class Served:
    """A process of `asyncevents serve`, and where it is."""

    address: str
    processes: Workers


def load(
    context: Context,
    project: Project,
    *,
    attempts: int,
    lately: int = 0,
) -> history.History:
    """Write so many attempts, of which the last `lately` are of the last hour."""
    context.progress.expect(1)
    context.progress.step("loading the ledger")
    url = project.settings["LEDGER_URL"]
    subscriptions = reading.subscribe(project)

    def write(attempts: int, span: int) -> history.History:
        return history.load(
            url,
            name=EVENT,
            payloads=context.small,
            subscriptions=subscriptions,
            attempts=attempts,
            seed=context.options.seed + span,
            progress=lambda done: context.progress.say(f"loading the ledger: {done:,} attempts"),
            span=span,
        )

    loaded = write(attempts - lately, history.SPAN)
    if lately:
        newer = write(lately, history.HOUR)
        loaded.attempts += newer.attempts
        loaded.sample += newer.sample
    context.services.postgresql.execute(url, "VACUUM ANALYZE", "CHECKPOINT")
    return loaded


@contextmanager
def serving(project: Project) -> Iterator[Served]:
    """Serve a project while the block runs."""
    command = [
        sys.executable, "-m", "asyncevents_core", "serve", "--port", "0", "--log-format", "json",
    ]  # fmt: skip
    with running([command], folder=project.folder, environment=project.environment) as processes:
        port = eventually(lambda: _port(processes.logs[0]), what="the server")
        yield Served(address=f"http://127.0.0.1:{port}", processes=processes)


def _port(log: Path) -> int | None:
    for line in log.read_text().splitlines():
        found = json.loads(line)
        if found["message"] == "serving":
            return int(found["port"])
    return None
