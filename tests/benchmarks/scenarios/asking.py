"""What it costs that subscriptions ask for something, and that others do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from asyncevents_core import NewSubscription
from asyncevents_core.domain.subscription import OlderSecret
from tests.benchmarks.constants import EVENT, SECRET
from tests.benchmarks.costs import compared
from tests.benchmarks.driving import Run, deliver
from tests.benchmarks.figures import Findings
from tests.benchmarks.receiving import recipient
from tests.benchmarks.scenario import Context, Scenario

NOTHING, AMONG_OTHERS = "nothing", "nothing, among 1,000 others that ask for all of it"
LIMIT: Final = 0.97
_OTHERS: Final = 1_000
_ELSEWHERE: Final = "oth"
_PATH: Final = "/1/ok"
_QUERY: Final = "data.data.id:[0 TO *]"
_OLDER: Final = OlderSecret(secret="whsec_b2xkZXIgc2VjcmV0IG9mIHRoZSBiZW5jaG1hcmtz")
_LIMITED: Final = 1e6
_HEADERS: Final = {"headers": {"X-Shop": "eu"}}
WISHES: Final[Mapping[str, Mapping[str, Any]]] = {
    NOTHING: {},
    "a pattern": {"event_name": f"{EVENT.partition('.')[0]}.**"},
    "a filter": {"filter": _QUERY},
    "an older secret": {"older_secrets": (_OLDER,)},
    "a rate limit": {"rate_limit": _LIMITED},
    "a header": {"options": _HEADERS},
    "an API key": {"options": {"api_key": "0123456789abcdef"}},
    "the binary form": {"options": {"mode": "binary"}},
    "RFC 9421": {"options": {"signature": "rfc9421"}},
}
_ALL: Final = NewSubscription(
    event_name=f"{_ELSEWHERE}*, !{_ELSEWHERE}not",
    sink="http",
    target="http://127.0.0.1/",
    secret=SECRET,
    older_secrets=(_OLDER,),
    filter=_QUERY,
    rate_limit=_LIMITED,
    options={**_HEADERS, "api_key": "0123456789abcdef", "signature": "both"},
)


class Asking(Scenario):
    """Deliveries to one subscription, by one worker process, at 300 bytes; it asks for one thing.

    All events are published before. The rate is the steady one, CPU that of the worker from a tenth
    of the arrivals to the last. Among others: 1,000 subscriptions have patterns, filters, an older
    secret, a rate limit, headers, an API key and both signatures; none of them gets the event.
    """

    name = "asking"
    title = "What subscriptions ask for"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        ways = [*WISHES, AMONG_OTHERS]
        found = context.in_turn({name: lambda name=name: _deliver(context, name) for name in ways})
        return compared(
            self.name,
            self.title,
            found,
            text=f"who asks for nothing, among {_OTHERS:,} who do: {LIMIT:g} × the rate",
            way=AMONG_OTHERS,
            against=NOTHING,
            limit=LIMIT,
        )


def _deliver(context: Context, name: str) -> Run:
    with context.on_servers() as project, recipient() as server:
        plain = NewSubscription(
            event_name=EVENT, sink="http", target=server.url + _PATH, secret=SECRET
        )
        with project.events() as events:
            events.subscribe(evolve(plain, **WISHES.get(name, {})))
            if name == AMONG_OTHERS:
                for number in range(_OTHERS):
                    events.subscribe(evolve(_ALL, target=f"{server.url}/{number}/ok"))
        return deliver(
            project,
            server,
            (),
            payloads=context.small,
            events=context.options.events,
            watched=[_PATH],
        )
