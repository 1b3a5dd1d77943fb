"""The index is built anew: beside the one that serves, by one process, going on after a kill."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import pytest

from asyncevents_core.adapters.lucene import Lucene
from asyncevents_core.engine.searching.feed import BATCH, IndexFeed, index_lease
from asyncevents_core.engine.searching.rebuild import Reindex, is_reindexing
from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.errors import IndexBusy
from asyncevents_core.ports.indexer import Indexer
from asyncevents_core.testing.indexer import MemoryIndexConfig, MemoryIndexerType
from tests.search.steps import WAIT, asyncevents, attempts, everything, started


def all_of(ledger):
    rows = ledger.read(lambda view: view.index.attempts(after=0, limit=100_000))
    return [one.log_id for one in rows]


def found(ledger, indexer):
    return sorted(one.log_id for one in everything(LogSearch(ledger, indexer, Lucene())))


def test_an_index_that_was_lost_is_built_from_the_ledger(ledger, indexer):
    attempts(ledger, BATCH + 3)
    IndexFeed(ledger, indexer).step()
    lost = MemoryIndexerType().open(MemoryIndexConfig())
    heard = []
    with Reindex(ledger, lost) as run:
        done = run.run(heard.append)
    assert (done.added, done.refused, done.resumed) == (BATCH + 3, 0, False)
    assert [one.log_id for one in heard] == [0, BATCH, BATCH + 3]
    assert {one.newest for one in heard} == {BATCH + 3}
    assert found(ledger, lost) == all_of(ledger)


def test_what_is_new_meanwhile_is_found_at_once_and_afterwards(ledger, indexer, search):
    attempts(ledger, 3)
    IndexFeed(ledger, indexer).step()

    def meanwhile(_):
        attempts(ledger, 1)
        assert search.page("*:*", limit=1).total == len(all_of(ledger)) - 1

    with Reindex(ledger, indexer) as run:
        run.run(meanwhile)
    while IndexFeed(ledger, indexer).step():
        pass
    assert found(ledger, indexer) == all_of(ledger)


def test_an_interrupted_one_goes_on_where_it_was(ledger, indexer):
    attempts(ledger, BATCH * 2 + 5)

    class Interrupted(Exception):
        pass

    def interrupt(state):
        if state.added:
            raise Interrupted

    with pytest.raises(Interrupted), Reindex(ledger, indexer) as run:
        run.run(interrupt)
    assert indexer.is_rebuilding()
    with Reindex(ledger, indexer) as run:
        done = run.run()
    assert (done.added, done.resumed) == (BATCH + 5, True)
    assert not indexer.is_rebuilding()
    assert found(ledger, indexer) == all_of(ledger)


def test_an_interrupted_one_can_be_given_up(ledger, indexer):
    attempts(ledger, 2)
    indexer.rebuild()
    with Reindex(ledger, indexer) as run:
        assert run.abandon()
        assert not run.abandon()
    assert not indexer.is_rebuilding()


def test_what_the_index_refuses_is_counted_and_set_aside(ledger, indexer):
    attempts(ledger, 2)
    attempts(ledger, 1, body=b"no JSON")
    with Reindex(ledger, indexer) as run:
        done = run.run()
    assert (done.added, done.refused) == (2, 1)
    IndexFeed(ledger, indexer).step()
    assert ledger.read(lambda view: view.index.backlog()).set_aside == 1


def test_what_was_set_aside_is_tried_again(ledger, indexer):
    attempts(ledger, 1, body=b"no JSON")
    IndexFeed(ledger, indexer).step()
    (row,) = ledger.read(lambda view: view.index.attempts(after=0, limit=1))
    ledger.run(lambda tx: tx.events.store_bodies({row.event.id: b'{"data": {}}'}))
    with Reindex(ledger, indexer) as run:
        run.run()
    backlog = ledger.read(lambda view: view.index.backlog())
    assert (backlog.waiting, backlog.set_aside) == (0, 0)


def test_one_at_a_time(ledger, indexer, monkeypatch):
    monkeypatch.setattr("asyncevents_core.engine.searching.rebuild._PATIENCE", 0.4)
    with Reindex(ledger, indexer):
        assert is_reindexing(ledger)
        with pytest.raises(IndexBusy, match="running already"), Reindex(ledger, indexer):
            pass
    assert not is_reindexing(ledger)


def test_it_waits_until_a_worker_gives_way(ledger, indexer, clock, monkeypatch):
    worker = index_lease(ledger)
    assert worker.keep()
    monkeypatch.setattr("asyncevents_core.engine.searching.rebuild._PATIENCE", 0.4)
    with pytest.raises(IndexBusy, match="has not given up"), Reindex(ledger, indexer):
        pass
    assert not is_reindexing(ledger)
    worker.give_up()
    with Reindex(ledger, indexer):
        assert not worker.keep()
    assert worker.keep()


def test_a_process_that_lost_the_index_stops(ledger, indexer, clock):
    attempts(ledger, 1)
    with Reindex(ledger, indexer) as run:
        clock.advance(31)
        assert index_lease(ledger).keep()
        with pytest.raises(IndexBusy, match="run it again"):
            run.run()


# -- beside a worker, with the command --------------------------------------------------------


def indexer_of(project) -> Indexer:
    return project.runtime.open_indexer()


def test_the_command_beside_a_worker(project):
    for number in range(20):
        project.publish("order.created", {"id": number})
    worker = started("worker", "--log-level", "error")
    try:
        wait_for(lambda: project.runtime.search.page("*:*", limit=1).total == 20)
        done = asyncevents("reindex")
        assert done.returncode == 0, done.stderr
        assert "20 attempts indexed, 0 refused" in done.stdout
        project.publish("order.created", {"id": 99})
        wait_for(lambda: project.runtime.search.page("*:*", limit=1).total == 21)
    finally:
        worker.terminate()
        assert worker.wait(WAIT) == 0


def test_a_killed_command_goes_on(project):
    attempts(project.runtime.ledger, 300)
    command = started("reindex", stderr=subprocess.DEVNULL)
    # On a busy machine it may be done before it is seen: then this is about the second run.
    wait_for(lambda: indexer_of(project).is_rebuilding() or command.poll() is not None)
    command.kill()
    assert command.wait(WAIT) in (-signal.SIGKILL, 0)
    done = asyncevents("reindex")
    assert done.returncode == 0, done.stderr
    told = re.match(r"(\d+) attempts? indexed", done.stdout)
    assert told is not None
    assert found(project.runtime.ledger, indexer_of(project)) == all_of(project.runtime.ledger)
    assert asyncevents("reindex", "--abandon").stdout == "there is nothing to remove\n"


def test_an_interrupted_command_says_how_to_go_on(project, monkeypatch):
    def interrupted(run, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(Reindex, "run", interrupted)
    done = asyncevents("reindex")
    assert done.returncode == 1
    assert "interrupted: `asyncevents reindex` goes on where this was" in done.stderr


def test_check_warns_of_one_that_was_interrupted(project):
    with indexer_of(project) as indexer:
        indexer.rebuild()
    told = "a reindex was interrupted: `asyncevents reindex` goes on with it"
    assert told in asyncevents("check").stdout
    assert asyncevents("reindex", "--abandon").stdout == "removed\n"
    assert told not in asyncevents("check").stdout


def wait_for(condition, *, seconds=WAIT):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)
