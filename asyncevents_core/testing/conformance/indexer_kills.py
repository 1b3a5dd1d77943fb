"""An index survives its processes: closed, and killed at any moment."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Final

from asyncevents_core.ports.indexer import AnyIndexerType, Indexer
from asyncevents_core.testing.conformance.indexer_base import (
    PATIENCE,
    IndexerBase,
    documents,
    hits,
    said,
)
from asyncevents_core.testing.conformance.needing import left_out

_KILLS: Final = 5
_IDS: Final = range(1, 21)
_LONGEST_DELAY: Final = 0.4
_SETTLING: Final = 0.1
_LAST: Final = 100_000
_NEVER: Final = 10**9


class IndexerKills(IndexerBase):
    """What durability means."""

    def test_what_was_written_is_there_after_closing(
        self, indexer_type: AnyIndexerType, config: object
    ) -> None:
        with indexer_type.open(config) as first:
            first.upsert(documents(1, 2, 3))
            first.delete([2])
        with indexer_type.open(config) as second:
            assert hits(second) == [3, 1]
            second.upsert(documents(4))
            assert hits(second) == [4, 3, 1]

    def test_a_killed_writer_leaves_each_document_as_it_was_or_shall_be(
        self, indexer_type: AnyIndexerType, config: object, shared: bool
    ) -> None:
        """A process writes version after version of the same documents until it is killed."""
        if not shared:
            left_out("the fixture `shared` says that the index dies with its process")
        source = random.Random(1)  # noqa: S311 - not for secrets
        written = 0
        for _ in range(_KILLS):
            written = _killed(indexer_type, config, "upsert", written, source)
            with indexer_type.open(config) as indexer:
                assert hits(indexer) == sorted(_IDS, reverse=True)
                versions = _settled(indexer, written, written + 1)
                assert sorted(one for found in versions for one in found) == list(_IDS)
                # The caller repeats what it has not heard back from.
                indexer.upsert(documents(*_IDS, response=str(written + 1)))
                assert len(hits(indexer, said(str(written + 1)))) == len(_IDS)
            written += 1

    def test_a_killed_rebuild_is_taken_up_behind_its_cursor(
        self, indexer_type: AnyIndexerType, config: object, shared: bool
    ) -> None:
        """A process fills one document after the other, and is killed a few times."""
        if not shared:
            left_out("the fixture `shared` says that the index dies with its process")
        with indexer_type.open(config) as indexer:
            indexer.upsert(documents(_NEVER))
        source = random.Random(2)  # noqa: S311 - not for secrets
        filled = 0
        for _ in range(_KILLS):
            filled = _killed(indexer_type, config, "fill", filled, source)
            with indexer_type.open(config) as indexer:
                assert hits(indexer) == [_NEVER]
                cursor = indexer.rebuild().cursor
                assert cursor in {filled, filled + 1}
                filled = cursor
        with indexer_type.open(config) as indexer:
            # The caller repeats what it has not heard back from.
            indexer.rebuild().fill(documents(filled + 1), cursor=filled + 1)
            indexer.rebuild().finish()
            assert hits(indexer, limit=_LAST) == list(range(filled + 1, 0, -1))


def _settled(indexer: Indexer, *versions: int) -> Sequence[Sequence[int]]:
    """Return who has which version, once a server has ended what a killed process sent."""
    before: Sequence[Sequence[int]] = []
    while True:
        found = [hits(indexer, said(str(one))) for one in versions]
        if found == before:
            return found
        before = found
        time.sleep(_SETTLING)


def _killed(
    indexer_type: AnyIndexerType, config: object, what: str, done: int, source: random.Random
) -> int:
    """Run a process that writes, kill it some time after it began; return what it had done."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe(duplex=False)
    process = spawning.Process(target=_write, args=(indexer_type, config, what, done, theirs))
    process.start()
    theirs.close()
    assert ours.poll(PATIENCE), "the process that writes does not begin"
    time.sleep(source.uniform(0, _LONGEST_DELAY))
    process.kill()
    process.join(PATIENCE)
    try:
        while True:
            done = ours.recv()
    except EOFError:
        return done


def _write(
    indexer_type: AnyIndexerType, config: object, what: str, done: int, acknowledged: Connection
) -> None:
    with indexer_type.open(config) as indexer:
        for number in range(done + 1, _LAST):
            if what == "upsert":
                indexer.upsert(documents(*_IDS, response=str(number)))
            else:
                indexer.rebuild().fill(documents(number), cursor=number)
            acknowledged.send(number)
