"""Bar 8, first half: the memory of a worker over very many deliveries."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from tests.benchmarks.driving import Workers, project_workers, subscribe
from tests.benchmarks.figures import Bar, Figure, Findings, Lines, percentile
from tests.benchmarks.receiving import Recipient, recipient
from tests.benchmarks.scenario import Context, Scenario
from tests.benchmarks.supplying import supplied
from tests.integration.project import Project

LARGEST: Final = 200.0
GROWTH: Final = 5.0
_WINDOW: Final = 0.1
_PATH: Final = "/ok"
_MB: Final = 1e6


@frozen(kw_only=True)
class Sample:
    """A moment: how many had arrived, and the worker's resident memory in MB."""

    arrived: int
    resident: float


class Memory(Scenario):
    """Resident memory of one worker process while it makes 500,000 deliveries. Once, not in rounds.

    Publishing goes on all the while and keeps some 10,000 events waiting. Growth is that of the
    median of the last tenth over the median of the tenth after the half.
    """

    name = "memory"
    title = "Memory of a worker"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        total = context.options.endurance
        context.progress.expect(1)
        context.progress.step(f"{total:,} deliveries")
        begun = time.monotonic()
        with context.on_servers() as project, recipient() as server:
            subscribe(project, [server.url + _PATH])
            with project_workers(project, 1) as workers:
                samples = _endure(context, project, server, workers, total)
        seconds = time.monotonic() - begun
        largest = max(one.resident for one in samples)
        after_half = _median(samples, total, 0.5)
        growth = (_median(samples, total, 1 - _WINDOW) / after_half - 1) * 100
        return Findings(
            figures=[
                Figure(name="largest", unit="MB", values=[largest]),
                Figure(name="after the half", unit="MB", values=[after_half]),
                Figure(name="growth over the second half", unit="%", values=[growth]),
                Figure(name="publishing beside it", unit="deliveries/s", values=[total / seconds]),
            ],
            bars=[
                Bar(
                    text=f"below {LARGEST:g} MB",
                    value=largest,
                    limit=LARGEST,
                    unit="MB",
                    at_most=True,
                ),
                Bar(
                    text=f"growth over the second half below {GROWTH:g} %",
                    value=growth,
                    limit=GROWTH,
                    unit="%",
                    at_most=True,
                ),
            ],
            lines=[
                Lines(
                    name="memory",
                    title=self.title,
                    x="thousands of deliveries",
                    y="resident MB",
                    lines={"worker": tuple((one.arrived / 1e3, one.resident) for one in samples)},
                )
            ],
        )


def _endure(
    context: Context, project: Project, server: Recipient, workers: Workers, total: int
) -> list[Sample]:
    samples: list[Sample] = []
    for arrived in supplied(project, context.small, server, workers, _PATH, most=total):
        if arrived:
            samples.append(Sample(arrived=arrived, resident=workers.resident / _MB))
        context.progress.say(f"{arrived:,} of {total:,} deliveries")
    return samples


def _median(samples: Sequence[Sample], total: int, begin: float) -> float:
    """Return the median of the tenth that begins at this share of the deliveries."""
    window = [
        one.resident for one in samples if begin * total <= one.arrived <= (begin + _WINDOW) * total
    ]
    # Few samples in a short run: the one nearest to the beginning.
    nearest = min(samples, key=lambda one: abs(one.arrived - begin * total))
    return percentile(window or [nearest.resident], 0.5)
