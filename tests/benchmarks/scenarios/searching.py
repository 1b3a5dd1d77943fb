"""Both indexes: how fast they fill, how large they get, how long searches take."""

from __future__ import annotations

import functools
import json
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final
from uuid import UUID

import psutil
from attrs import frozen

from asyncevents_core.adapters.elasticsearch import ElasticsearchConfig, ElasticsearchIndexerType
from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.adapters.tantivy import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.ports.indexer import AttemptDocument, Indexer
from tests.benchmarks.figures import Bar, Figure, Findings, percentile
from tests.benchmarks.payloads import Payloads
from tests.benchmarks.scenario import Context, Scenario

LIMIT: Final = 100.0
BARRED: Final = frozenset({"field equality", "prefix", "range and boolean"})
_BATCH: Final = 2000
_SEARCHES: Final = 30
_PAGE: Final = 25
_TIMEOUT: Final = 120.0
_BEGIN: Final = 1_790_000_000_000_000
_SECOND: Final = 1_000_000
_FAILED_EVERY: Final = 10
_MB: Final = 1e6
_PROBE: Final = 1_000

Ask = Callable[[random.Random], str]


@frozen(kw_only=True)
class Filled:
    """What filling came to: seconds in `upsert`, and the most memory of the process's own."""

    seconds: float
    resident: int


@frozen(kw_only=True)
class Engine:
    """An index to fill: how to open it, in any process, and how many bytes it takes."""

    name: str
    open: Callable[[], Indexer]
    size: Callable[[], int]


class Searching(Scenario):
    """Fills an index, 2,000 attempts at a time, and searches it. Once, not in rounds.

    With payloads of 300 bytes, and a tenth as many with real ones. Each attempt has an order
    number and a total of its own beside the payload. Indexing is measured in a process of its
    own, without reading the ledger; memory is the most that it had resident, without mapped
    files. A search returns 25 hits and counts up to 10,000; each is made 30 times with other
    values, the median counts. Elasticsearch is one node with a heap of 512 MB.
    """

    name = "searching"
    title = "Searching"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        count = context.options.documents
        figures: list[Figure] = []
        bars: list[Bar] = []
        plan = [(context.small, count), (context.real, max(1, count // 10))]
        context.progress.expect(2 * len(plan))
        for payloads, some in plan:
            with context.folder() as folder:
                for engine in (_embedded(folder), _elasticsearch(context)):
                    about = f"{engine.name}, {some:,} of {payloads.name}"
                    context.progress.step(about)
                    filled = _fill(engine, payloads, some)
                    figures += _of_filling(about, filled, engine.size(), some)
                    with engine.open() as indexer:
                        for name, ask in _questions(some).items():
                            context.progress.say(f"{about}: {name}")
                            times = _search(indexer, ask, context.options.seed)
                            text = f"{about}: {name}"
                            figures += _of_searching(text, times)
                            if some == count and name in BARRED:
                                bars.append(_bar(text, figures[-2]))
        return Findings(
            figures=figures,
            bars=bars,
            notes={context.real.name: f"{context.real.mean:.0f} bytes on average"},
        )


def _bar(text: str, median: Figure) -> Bar:
    return Bar(
        text=f"{text}: below {LIMIT:g} ms",
        value=median.median,
        limit=LIMIT,
        unit="ms",
        at_most=True,
    )


def _of_searching(text: str, times: list[float]) -> list[Figure]:
    median, slowest = percentile(times, 0.5) * 1e3, max(times) * 1e3
    return [
        Figure(name=f"{text}: median", unit="ms", values=[median]),
        Figure(name=f"{text}: slowest", unit="ms", values=[slowest]),
    ]


def _of_filling(about: str, filled: Filled, size: int, count: int) -> list[Figure]:
    return [
        Figure(name=f"{about}: indexing", unit="attempts/s", values=[count / filled.seconds]),
        Figure(name=f"{about}: size", unit="bytes/attempt", values=[size / count]),
        Figure(name=f"{about}: memory while indexing", unit="MB", values=[filled.resident / _MB]),
    ]


def _embedded(folder: Path) -> Engine:
    config = EmbeddedConfig(path=str(folder / "index"))
    return Engine(
        name="embedded",
        open=functools.partial(EmbeddedIndexerType().open, config),
        size=lambda: sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()),
    )


def _elasticsearch(context: Context) -> Engine:
    server = context.services.elasticsearch
    prefix = server.new_prefix()
    config = ElasticsearchConfig(urls=[server.url], index=prefix, replicas=0)
    return Engine(
        name="Elasticsearch",
        open=functools.partial(ElasticsearchIndexerType().open, config),
        size=lambda: server.bytes_of(prefix),
    )


def _questions(count: int) -> Mapping[str, Ask]:
    def between(source: random.Random) -> str:
        start = source.randrange(count)
        return f"data.data.total:[{start} TO {start + _PROBE}] AND success:false"

    return {
        "field equality": lambda source: f"data.increment_id:CK{source.randrange(count)}",
        "field equality, many hits": lambda source: "event_name:shop.order.created",
        "prefix": lambda source: f"data.increment_id:CK{source.randrange(10, 100)}*",
        "range and boolean": between,
        "dates and boolean": lambda source: "started_at:2026-09-22 AND event_name:*.created",
        "phrase in any field": lambda source: '"spelling error"',
        "leading wildcard in a field": lambda source: f"data.increment_id:*{source.randrange(999)}",
        "leading wildcard in any field": lambda source: f"*{source.randrange(999)}",
        "everything": lambda source: "*:*",
    }


def _search(indexer: Indexer, ask: Ask, seed: int) -> list[float]:
    source = random.Random(seed)
    times: list[float] = []
    for _ in range(_SEARCHES):
        begun = time.perf_counter()
        query = parse_query(ask(source))
        indexer.search(query, limit=_PAGE, timeout=_TIMEOUT)
        times.append(time.perf_counter() - begun)
    return times


def _fill(engine: Engine, payloads: Payloads, count: int) -> Filled:
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe(duplex=False)
    process = spawning.Process(target=_filling, args=(engine.open, payloads, count, theirs))
    process.start()
    theirs.close()
    seconds, resident = ours.recv()
    process.join()
    return Filled(seconds=seconds, resident=resident)


def _filling(
    open_index: Callable[[], Indexer], payloads: Payloads, count: int, done: Connection
) -> None:
    seconds, most = 0.0, 0
    with open_index() as indexer:
        for start in range(0, count, _BATCH):
            documents = list(_documents(payloads, start, min(_BATCH, count - start)))
            begun = time.perf_counter()
            refused = indexer.upsert(documents)
            seconds += time.perf_counter() - begun
            if refused:
                raise RuntimeError(f"refused: {refused[0]}")
            # Without the pages of mapped files, which the system takes back when it needs them.
            memory = psutil.Process().memory_info()
            most = max(most, memory.rss - memory.shared)
    done.send((seconds, most))


def _documents(payloads: Payloads, start: int, count: int) -> Iterator[AttemptDocument]:
    for number, data in enumerate(payloads.some(start, count), start):
        name = (
            f"shop.{('order', 'invoice', 'stock')[number % 3]}.{('created', 'changed')[number % 2]}"
        )
        event = {
            "specversion": "1.0",
            "id": str(UUID(int=number)),
            "source": "/bench",
            "type": name,
            "data": {**data, "increment_id": f"CK{number}", "total": number},
        }
        failed = number % _FAILED_EVERY == 0
        yield AttemptDocument(
            log_id=number + 1,
            uuid=str(UUID(int=number)),
            event_name=name,
            success=not failed,
            started_at=_BEGIN + number * _SECOND,
            duration=0.001 * (1 + number % 997),
            fate="retrying" if failed else "delivered",
            outcome="retryable" if failed else "delivered",
            http_status=503 if failed else 200,
            detail="HTTP 503" if failed else "HTTP 200",
            attempt=1,
            subscription_id=1 + number % 10,
            sink="http",
            tenant=None,
            target=f"https://receiver-{number % 10}.example/hook",
            response="503 Service Unavailable" if failed else "200 OK",
            body=json.dumps(event).encode(),
        )
