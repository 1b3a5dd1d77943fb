"""Bar 9: two processes cost little more than one."""

from __future__ import annotations

from typing import Final

from tests.benchmarks.driving import Run
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, ratio
from tests.benchmarks.peers.base import Job
from tests.benchmarks.peers.project import AsyncEventsPeer
from tests.benchmarks.scenario import Context, Scenario

LIMIT: Final = 0.9
_ONE, _TWO = "1 process", "2 processes"


class Scaling(Scenario):
    """Deliveries per CPU-second of the worker processes, RabbitMQ and PostgreSQL, 300 bytes.

    Only the workers' CPU counts, the supervisor's included: with more processes than one the
    machine's two cores are shared with the servers, so that the rate says less. CPU is read from
    a tenth of the arrivals until the ledger has all outcomes.
    """

    name = "scaling"
    title = "Deliveries per CPU-second with more processes"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        job = Job(payloads=context.small, events=context.options.events)
        found = context.in_turn(
            {
                _ONE: lambda: AsyncEventsPeer(context, processes=1).run(job),
                _TWO: lambda: AsyncEventsPeer(context, processes=2).run(job),
            }
        )
        each = {name: _per_second(name, runs) for name, runs in found.items()}
        rates = [
            Figure(name=name, unit="deliveries/s", values=[run.arrivals.rate for run in runs])
            for name, runs in found.items()
        ]
        return Findings(
            figures=[*each.values(), *rates],
            bars=[
                Bar(
                    text=f"{_TWO}: {LIMIT:g} × the deliveries per CPU-second of one",
                    value=ratio(each[_TWO], each[_ONE]),
                    limit=LIMIT,
                )
            ],
            columns=[
                Columns(
                    name="scaling",
                    title=self.title,
                    unit="deliveries per CPU-second",
                    groups={name: {"workers": one.values} for name, one in each.items()},
                )
            ],
        )


def _per_second(name: str, runs: list[Run]) -> Figure:
    return Figure(
        name=name,
        unit="deliveries per CPU-second",
        values=[run.usage.deliveries / run.usage.cpu["workers"] for run in runs],
    )
