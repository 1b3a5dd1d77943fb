"""Bar 6: what recipients that hang or are dead cost the others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from tests.benchmarks.driving import deliver
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, ratio
from tests.benchmarks.importable import importable
from tests.benchmarks.peers import blocking_sink
from tests.benchmarks.receiving import recipient
from tests.benchmarks.scenario import Context, Scenario
from tests.services.ports import free_port

SUBSCRIPTIONS: Final = 10
LIMIT: Final = 0.9
_HEALTHY, _HANGING, _DEAD = "all healthy", "1 of 10 hangs", "2 of 10 refuse connections"
_BLOCKING: Final = "the sink of 1 of 10 blocks its loop"
_PROCESSES: Final = 2


class Isolation(Scenario):
    """Ten subscriptions to each event: how fast eight of them get theirs.

    The others are healthy; or one of them answers after 15 seconds only; or two of them, 20 %,
    refuse the connection, so that their deliveries are retried meanwhile; or one has a sink that
    blocks its event loop for a second each time, which is one of its own by the setting `isolate`.
    From the first arrival at the eight to the last. Two worker processes, 300 bytes.
    """

    name = "isolation"
    title = "Isolation of recipients"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        eight = [f"/{number}/ok" for number in range(SUBSCRIPTIONS - 2)]
        refused = [f"http://127.0.0.1:{free_port()}/{number}" for number in (8, 9)]
        others = {
            _HEALTHY: ["/8/ok", "/9/ok"],
            _HANGING: ["/8/ok", "/9/hang"],
            _DEAD: refused,
            _BLOCKING: ["/8/ok", "blocks:9"],
        }
        found = context.in_turn(
            {name: functools.partial(_rate, context, eight, more) for name, more in others.items()}
        )
        rates = {
            name: Figure(name=name, unit="deliveries/s to the eight", values=values)
            for name, values in found.items()
        }
        return Findings(
            figures=list(rates.values()),
            bars=[
                Bar(
                    text=f"{name}: the others keep {LIMIT:.0%} of their rate",
                    value=ratio(rates[name], rates[_HEALTHY]),
                    limit=LIMIT,
                )
                for name in (_HANGING, _DEAD, _BLOCKING)
            ],
            columns=[
                Columns(
                    name="isolation",
                    title=self.title,
                    unit="deliveries/s to the eight",
                    groups={
                        name: {"eight healthy ones": one.values} for name, one in rates.items()
                    },
                )
            ],
        )


def _rate(context: Context, watched: Sequence[str], others: Sequence[str]) -> float:
    events = max(100, context.options.events // SUBSCRIPTIONS)
    with (
        importable(),
        context.on_servers(
            SHUTDOWN_GRACE=0.5,
            PLUGINS=[blocking_sink.__name__],
            SINKS={
                "http": {"allow": ["127.0.0.0/8"]},
                blocking_sink.BlockingLoopType.name: {"isolate": "loop"},
            },
        ) as project,
        recipient() as server,
    ):
        run = deliver(
            project,
            server,
            [*watched, *others],
            payloads=context.small,
            events=events,
            processes=_PROCESSES,
            watched=watched,
        )
    return run.arrivals.rate
