"""The embedded index: how fast it fills, how large it gets, how long searches take."""

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

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.adapters.tantivy import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.ports.indexer import AttemptDocument, Indexer
from tests.benchmarks.figures import Bar, Figure, Findings, percentile
from tests.benchmarks.payloads import Payloads
from tests.benchmarks.scenario import Context, Scenario

LIMIT: Final = 100.0
_BATCH: Final = 500
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
    """What filling came to: seconds in `upsert`, bytes on disk, the most memory of its own."""

    seconds: float
    bytes: int
    resident: int


class Searching(Scenario):
    """Fills an embedded index with real payloads of 8 KB, 500 at a time, and searches it.

    Once, not in rounds. Each attempt has an order number and a total of its own beside the
    payload. Indexing is measured in a process of its own, without making the documents; memory is
    the most that it had resident, without mapped files. A search returns 25 hits and counts up
    to 10,000; each is made 30 times with other values, the median counts.
    """

    name = "searching"
    title = "Searching the embedded index"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        count = context.options.documents
        asked = _questions(count)
        context.progress.expect(1 + len(asked))
        with context.folder() as folder:
            context.progress.step(f"{count:,} documents")
            filled = _fill(folder, context.real, count)
            times: dict[str, list[float]] = {}
            with _open(folder) as indexer:
                for name, ask in asked.items():
                    context.progress.step(name)
                    times[name] = _search(indexer, ask, context.options.seed)
        searches = {
            name: Figure(name=f"{name}: median", unit="ms", values=[percentile(found, 0.5) * 1e3])
            for name, found in times.items()
        }
        slowest = [
            Figure(name=f"{name}: slowest", unit="ms", values=[max(found) * 1e3])
            for name, found in times.items()
        ]
        return Findings(
            figures=[
                Figure(name="indexing", unit="documents/s", values=[count / filled.seconds]),
                Figure(name="size", unit="bytes/document", values=[filled.bytes / count]),
                Figure(name="memory while indexing", unit="MB", values=[filled.resident / _MB]),
                *searches.values(),
                *slowest,
            ],
            bars=[
                Bar(
                    text=f"{name}: below {LIMIT:g} ms",
                    value=figure.median,
                    limit=LIMIT,
                    unit="ms",
                    at_most=True,
                    aim="wildcard" in name,
                )
                for name, figure in searches.items()
            ],
            notes={"documents": f"{count:,}, {context.real.mean:.0f} bytes on average"},
        )


def _questions(count: int) -> Mapping[str, Ask]:
    def between(source: random.Random) -> str:
        start = source.randrange(count)
        return f"data.data.total:[{start} TO {start + _PROBE}] AND success:false"

    return {
        "field equality": lambda source: f"data.increment_id:CK{source.randrange(count)}",
        "field equality, many hits": lambda source: "data.sender.login:Codertocat",
        "prefix": lambda source: f"data.increment_id:CK{source.randrange(10, 100)}*",
        "range and boolean": between,
        "dates and boolean": lambda source: "created:2026-09-22 AND event_name:*.created",
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


def _open(folder: Path) -> Indexer:
    return EmbeddedIndexerType().open(EmbeddedConfig(path=str(folder)))


def _fill(folder: Path, payloads: Payloads, count: int) -> Filled:
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe(duplex=False)
    filling = functools.partial(_filling, folder, payloads, count, theirs)
    process = spawning.Process(target=filling)
    process.start()
    theirs.close()
    seconds, resident = ours.recv()
    process.join()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Filled(seconds=seconds, bytes=size, resident=resident)


def _filling(folder: Path, payloads: Payloads, count: int, done: Connection) -> None:
    seconds, most = 0.0, 0
    with _open(folder) as indexer:
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
            created=_BEGIN + number * _SECOND,
            status="retrying" if failed else "delivered",
            attempt=1,
            subscription_id=1 + number % 10,
            sink="http",
            tenant=None,
            recipient_url=f"https://receiver-{number % 10}.example/hook",
            response="503 Service Unavailable" if failed else "200 OK",
            body=json.dumps(event).encode(),
        )
