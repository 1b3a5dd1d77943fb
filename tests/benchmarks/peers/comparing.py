"""Peers do the same jobs in turn; what comes of it as figures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from tests.benchmarks.driving import Run
from tests.benchmarks.figures import Columns, Figure
from tests.benchmarks.payloads import Payloads
from tests.benchmarks.peers.base import Job, Peer
from tests.benchmarks.scenario import Context

_LEAST: Final = 500
_SLOWER: Final = 4


@frozen(kw_only=True)
class Comparison:
    """The runs of each peer with payloads of one size."""

    payloads: Payloads
    runs: dict[str, list[Run]]

    @property
    def rates(self) -> dict[str, Figure]:
        """Deliveries a second, from the first arrival to the last."""
        return self._figures("deliveries/s", lambda run: run.arrivals.rate)

    @property
    def figures(self) -> list[Figure]:
        """Everything that was measured."""
        return [
            *self.rates.values(),
            *self._figures("deliveries/s, steady", lambda run: run.arrivals.steady_rate).values(),
            *self._figures("µs of CPU per delivery", _cpu).values(),
            *self._figures("cores used", _cores).values(),
            *self._figures("cores used by others", lambda run: run.usage.others).values(),
            *self._figures("cores used by the recipient", _recipient_cores).values(),
        ]

    def _figures(self, unit: str, of: Callable[[Run], float]) -> dict[str, Figure]:
        return {
            peer: Figure(
                name=f"{peer}, {self.payloads.name}", unit=unit, values=[of(run) for run in runs]
            )
            for peer, runs in self.runs.items()
        }


def compare(context: Context, peers: Sequence[Peer], payloads: Payloads) -> Comparison:
    """Let peers do the job in turn. Slow ones get a quarter of the events: it is a rate."""
    events = context.options.events
    jobs = {
        peer.name: Job(
            payloads=payloads,
            events=max(_LEAST, events // _SLOWER) if peer.slow else events,
        )
        for peer in peers
    }
    runs = context.in_turn(
        {peer.name: functools.partial(peer.run, jobs[peer.name]) for peer in peers}
    )
    return Comparison(payloads=payloads, runs=runs)


def rates_chart(name: str, title: str, comparisons: Sequence[Comparison]) -> Columns:
    """Return the chart of the rates, a group per size of payloads."""
    return Columns(
        name=name,
        title=title,
        unit="deliveries/s",
        groups={
            one.payloads.name: {peer: rate.values for peer, rate in one.rates.items()}
            for one in comparisons
        },
    )


def cpu_chart(name: str, title: str, comparisons: Sequence[Comparison]) -> Columns:
    """Return the chart of where the CPU goes."""
    groups = {}
    for one in comparisons:
        for peer, runs in one.runs.items():
            parts = runs[0].usage.cpu
            groups[f"{peer}\n{one.payloads.name}"] = {
                part: tuple(run.usage.per_delivery(part) for run in runs) for part in parts
            }
    return Columns(
        name=name, title=title, unit="µs of CPU per delivery", groups=groups, stacked=True
    )


def _cpu(run: Run) -> float:
    return sum(map(run.usage.per_delivery, run.usage.cpu))


def _cores(run: Run) -> float:
    return sum(map(run.usage.share, run.usage.cpu))


def _recipient_cores(run: Run) -> float:
    return run.usage.share("recipient")
