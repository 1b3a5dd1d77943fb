"""What a whole worker holds in memory, beside what one would write by hand."""

from __future__ import annotations

from typing import Any, Final

from tests.benchmarks.catching_up import runtime_of, until_up_to_date
from tests.benchmarks.driving import Workers, project_workers, publish, subscribe, watch
from tests.benchmarks.figures import Bar, Columns, Figure, Findings
from tests.benchmarks.peers.asyncio_peer import AsyncioPeer
from tests.benchmarks.peers.base import Job
from tests.benchmarks.processes import Held
from tests.benchmarks.receiving import recipient
from tests.benchmarks.sampling import sampled
from tests.benchmarks.scenario import Context, Scenario

PLAIN: Final = 140.0
INDEXED: Final = 220.0
"""MB."""
_WITHOUT, _WITH = "without an index", "with an index"
_PROCESSES: Final = 2
_EVERY: Final = 0.25


class Footprint(Scenario):
    """Memory of two worker processes with their supervisor while they deliver a backlog.

    With the search index, its process counts as well, with the settings as they come, and its
    catching up belongs to it. Measured is the proportional set size (PSS), in which what several
    processes share counts once; the largest of all samples, taken four times a second. The asyncio
    peer is that of `delivery`, with the same number of processes.
    """

    name = "footprint"
    title = "Memory of all processes of a worker"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        by_hand = AsyncioPeer(context)
        found = context.in_turn(
            {
                _WITHOUT: lambda: _project(context, INDEXER=None),
                _WITH: lambda: _indexed(context),
                by_hand.name: lambda: _peer(context, by_hand),
            }
        )
        figures = {
            name: Figure(name=name, unit="MB", values=[one.total for one in runs])
            for name, runs in found.items()
        }
        return Findings(
            figures=list(figures.values()),
            bars=[
                Bar(
                    text=f"{name}: at most {limit:g} MB",
                    value=figures[name].median,
                    limit=limit,
                    unit="MB",
                    at_most=True,
                )
                for name, limit in ((_WITHOUT, PLAIN), (_WITH, INDEXED))
            ],
            notes={f"processes, {name}": f"{runs[0]} MB" for name, runs in found.items()},
            columns=[
                Columns(
                    name="footprint",
                    title=self.title,
                    unit="MB",
                    groups={name: {"PSS": one.values} for name, one in figures.items()},
                )
            ],
        )


def _indexed(context: Context) -> Held:
    with context.folder() as folder:
        indexers = {"embedded": {"path": str(folder / "index")}}
        return _project(context, INDEXER="embedded", INDEXERS=indexers)


def _project(context: Context, **settings: Any) -> Held:
    events = context.options.events
    with context.on_servers(**settings) as project, recipient() as server:
        subscribe(project, [f"{server.url}/ok"])
        publish(project, context.small, events)
        with runtime_of(project) as runtime, project_workers(project, _PROCESSES) as workers:
            with sampled(lambda: _look(workers), every=_EVERY) as samples:
                watch(workers, server, ["/ok"], events)
                if settings["INDEXER"] is not None:
                    until_up_to_date(runtime, workers)
            return Held.largest(samples)


def _peer(context: Context, peer: AsyncioPeer) -> Held:
    job = Job(payloads=context.small, events=context.options.events)
    with peer.working(job) as (workers, server):
        with sampled(lambda: _look(workers), every=_EVERY) as samples:
            watch(workers, server, ["/ok"], job.events)
        return Held.largest(samples)


def _look(workers: Workers) -> list[int]:
    return workers.proportional
