"""From delivery to search: the queue, the lease, the worker, the command."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from asyncevents_core import Settings
from asyncevents_core.adapters.lucene import Lucene
from asyncevents_core.domain.delivery import Claim
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import Fate, LogFilter
from asyncevents_core.engine.managing.configuration import set_run_time_values
from asyncevents_core.engine.searching.by_time import BARS
from asyncevents_core.engine.searching.feed import IndexFeed, index_lease
from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.errors import InvalidQuery, SearchOff
from asyncevents_core.ports.indexer import Indexer
from asyncevents_core.runtime import Runtime
from asyncevents_core.testing.indexer import MemoryIndexConfig, MemoryIndexer, MemoryIndexerType
from tests.conformance import ledger_base as make
from tests.search.steps import WAIT, asyncevents, attempts, everything
from tests.unit.harness import OPERATOR


def test_what_is_queued_is_found(ledger, indexer, search):
    attempts(ledger, 3)
    before = search.page("*:*", limit=10)
    assert (before.total, before.behind.waiting) == (0, 3)
    assert IndexFeed(ledger, indexer).step() == 3
    page = search.page("event_name:order.created", limit=2)
    assert [one.log_id for one in page.rows] == [3, 2]
    assert (page.total, page.exact, page.next, page.behind.waiting) == (3, True, 2, 0)
    assert [one.log_id for one in search.page("*:*", limit=2, before=2).rows] == [1]
    assert [one.log_id for one in everything(search)] == [3, 2, 1]


def test_what_is_found_is_counted_by_time(ledger, indexer, search):
    attempts(ledger, 3)
    IndexFeed(ledger, indexer).step()
    now = make.now(ledger)
    since = min(one.attempt.started_at for one in everything(search))

    def counted(text, **filter):
        found = search.histogram(text, LogFilter(since=since, until=now, **filter))
        assert found.complete
        assert found.bars[0].since == since
        assert len(found.bars) <= BARS
        return sum(one.delivered for one in found.bars), sum(one.failed for one in found.bars)

    for text, filter in (("*:*", {}), ("log_id:1", {}), ("*:*", {"tenant": "nobody"})):
        rows = search.page(text, LogFilter(**filter), limit=9).rows
        delivered = [one.fate is Fate.DELIVERED for one in rows]
        assert counted(text, **filter) == (delivered.count(True), delivered.count(False))


def test_an_indexer_without_histograms_has_none(ledger):
    class Plain(MemoryIndexer):
        histogram = Indexer.histogram

    plain = Plain(MemoryIndexerType().open(MemoryIndexConfig())._store)

    assert LogSearch(ledger, plain, Lucene()).histogram("*:*", LogFilter()) is None


def test_a_step_that_is_repeated_changes_nothing(ledger, indexer, search):
    attempts(ledger, 2)
    queued = ledger.read(lambda view: view.index.queued(after=0, limit=10))
    IndexFeed(ledger, indexer).step()
    again = [Claim(id=one.logged.row.attempt.delivery_id, claim_no=1) for one in queued]
    ledger.run(lambda tx: tx.index.queue(again))
    IndexFeed(ledger, indexer).step()
    assert indexer.count() == 2
    assert IndexFeed(ledger, indexer).step() == 0


def test_what_the_index_refuses_is_set_aside_and_told(ledger, indexer, search, caplog):
    attempts(ledger, 1, body=b"no json")
    attempts(ledger, 1)
    assert IndexFeed(ledger, indexer).step() == 2
    page = search.page("*:*", limit=10)
    assert (page.total, page.behind.set_aside) == (1, 1)
    assert [record.log_id for record in caplog.records] == [1]
    assert IndexFeed(ledger, indexer).step() == 0


def test_what_is_deleted_leaves_the_index(ledger, indexer, clock, search):
    attempts(ledger, 1)
    IndexFeed(ledger, indexer).step()
    (hit,) = everything(search)
    (logged,) = ledger.read(lambda view: view.index.attempts(after=0, limit=1))
    ledger.run(lambda tx: tx.events.mark_fanned_out([logged.event.id]))
    ledger.run(lambda tx: tx.outcomes.mark_delivered([hit.attempt.delivery_id], owner=uuid7()))
    clock.advance(3600 * 24 * 31)
    before = make.now(ledger)
    ledger.run(lambda tx: tx.tasks.delete_old(before=before, after=None, limit=100, indexed=True))
    assert IndexFeed(ledger, indexer).step() == 1
    assert indexer.count() == 0


@pytest.mark.parametrize(
    ("response", "query", "found"),
    [
        ("", "response: refused", 1),
        ("", 'response: "cannot connect"', 1),
        ("the shop is closed", "response: closed", 1),
        ("the shop is closed", "response: refused", 0),
    ],
)
def test_what_had_no_answer_is_found_by_its_error(ledger, indexer, search, response, query, found):
    feed = IndexFeed(ledger, indexer)
    detail = "network: cannot connect to 127.0.0.1:1: connection refused"
    failed = {"outcome": OutcomeKind.RETRYABLE, "detail": detail, "response": response}
    attempts(ledger, 1, **failed)
    feed.step()
    assert len(everything(search, query)) == found


def test_without_an_index_it_says_what_to_do(monkeypatch):
    with pytest.raises(SearchOff, match="INDEXER is None in the settings"):
        _ = Runtime(Settings.from_mapping({"INDEXER": None})).search
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SearchOff, match=r"pip install 'asyncevents-core\[search\]'"):
        _ = Runtime(Settings.from_mapping({})).search


def test_a_wrong_query_is_told(search):
    with pytest.raises(InvalidQuery, match="position 3"):
        search.page("(a", limit=1)


def test_one_process_at_a_time_has_the_lease(ledger, clock):
    one, other = index_lease(ledger), index_lease(ledger)
    assert one.keep()
    assert not other.keep()
    clock.advance(29)
    assert one.keep()
    clock.advance(29)
    assert not other.keep()
    clock.advance(2)
    assert other.keep()
    assert not one.keep()
    other.give_up()
    assert one.keep()


# -- a worker, an index in a folder, the command ----------------------------------------------


def test_a_worker_indexes_and_the_command_finds(project, tmp_path):
    for number in range(5):
        project.publish("order.created", {"id": number, "items": [{"sku": f"A-{number}"}]})
    project.publish("order.cancelled", {"id": 9})
    assert asyncevents("worker", "--drain").returncode == 0

    done = asyncevents("logs", "data.data.items.sku: A-3", "--json")
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["event_name"], row["outcome"]) == ("order.created", "delivered")

    done = asyncevents("logs", "*.created AND success: true", "--limit", "2")
    assert done.returncode == 0
    assert "5 found; more: --before" in done.stderr
    assert "The index is up to date." in done.stderr

    done = asyncevents("logs", "*:*", "--csv", "found.csv")
    assert "6 attempts written to found.csv" in done.stdout
    with (tmp_path / "found.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6

    findings = [json.loads(line) for line in asyncevents("check", "--json").stdout.splitlines()]
    (found,) = [one for one in findings if one["what"] == "search"]
    assert (found["state"], found["detail"]) == ("ok", "embedded: 6 attempts indexed, 0 wait")

    done = asyncevents("logs", "order AND (")
    assert done.returncode == 1
    assert "position 12: expected" in done.stderr


def test_without_an_indexer_the_command_says_so(project, tmp_path):
    with (tmp_path / "search_settings.py").open("a") as file:
        file.write("\nINDEXER = None\n")
    done = asyncevents("logs", "*:*")
    assert done.returncode == 1
    assert "search is off" in done.stderr


def test_a_worker_drains_although_its_index_cannot_be_opened(project, tmp_path):
    with (tmp_path / "search_settings.py").open("a") as file:
        file.write("\nINDEXERS = {'embedded': {'path': 'search_settings.py/index'}}\n")
    project.publish("order.created", {"id": 1})
    done = asyncevents("worker", "--drain")
    assert done.returncode == 0, done.stderr
    assert "search_settings.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.runtime.search.page("*:*", limit=1).behind.waiting == 1


def test_while_it_is_switched_off_attempts_wait(project):
    ledger = project.runtime.ledger
    set_run_time_values(ledger, {"INDEXING_ENABLED": False}, by=OPERATOR)
    project.publish("order.created", {"id": 1})
    assert asyncevents("worker", "--drain").returncode == 0
    page = project.runtime.search.page("*:*", limit=10)
    assert (page.total, page.behind.waiting, page.indexing) == (0, 1, False)
    assert "Indexing is switched off" in asyncevents("logs", "*:*").stderr

    set_run_time_values(ledger, {"INDEXING_ENABLED": None}, by=OPERATOR)
    assert asyncevents("worker", "--drain").returncode == 0
    page = project.runtime.search.page("*:*", limit=10)
    assert (page.total, page.behind.waiting) == (1, 0)


def test_killed_workers_leave_nothing_out_and_nothing_double(project):
    count = 300
    environment = {**os.environ, "ASYNCEVENTS_SETTINGS_MODULE": "search_settings"}
    for number in range(count):
        project.publish("order.created", {"id": number})
    for _ in range(4):
        worker = subprocess.Popen(
            [sys.executable, "-m", "asyncevents_core", "worker", "--log-level", "error"],
            env=environment,
        )
        time.sleep(1.2)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    until = time.monotonic() + WAIT
    worker = subprocess.Popen(
        [sys.executable, "-m", "asyncevents_core", "worker", "--log-level", "error"],
        env=environment,
    )
    try:
        # The lease of a killed worker runs out first.
        while time.monotonic() < until:
            page = project.runtime.search.page("*:*", limit=1)
            if page.total >= count and not page.behind.waiting and settled(project):
                break
            time.sleep(0.5)
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(WAIT) == 0
    logged = project.runtime.ledger.read(lambda view: view.index.attempts(after=0, limit=10_000))
    found = [one.log_id for one in everything(project.runtime.search)]
    assert sorted(found) == [one.log_id for one in logged]
    assert len({one.event.id for one in logged}) == count


def settled(project):
    """Tell whether nothing is under way: attempts of killed workers are in the index, too."""
    open_ = project.runtime.ledger.read(lambda view: view.backlog())
    events = open_.events_due + open_.events_resolving
    return not (events or open_.waiting_due or open_.parked or open_.leased)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("del INDEXER", "embedded (INDEXER is not set): 0 attempts indexed, 0 wait"),
        ("INDEXER = None", "off: INDEXER is None in settings module search_settings"),
    ],
)
def test_check_says_which_index_is_used(project, tmp_path, lines, told):
    with (tmp_path / "search_settings.py").open("a") as file:
        file.write(f"\n{lines}\n")
    findings = [json.loads(line) for line in asyncevents("check", "--json").stdout.splitlines()]
    (found,) = [one for one in findings if one["what"] == "search"]
    assert (found["state"], found["detail"]) == ("ok", told)


def test_an_index_that_was_lost_is_told(ledger, indexer, search):
    attempts(ledger, 2)
    IndexFeed(ledger, indexer).step()
    assert search.page("*:*", limit=1).complete
    lost = LogSearch(ledger, MemoryIndexerType().open(MemoryIndexConfig()), Lucene())
    page = lost.page("*:*", limit=1)
    assert (page.total, page.behind.waiting, page.complete) == (0, 0, False)
    attempts(ledger, 1)
    IndexFeed(ledger, indexer).step()
    assert not lost.page("*:*", limit=1).complete


def test_an_index_that_waits_for_its_first_attempts_is_complete(ledger, search):
    assert search.page("*:*", limit=1).complete
    attempts(ledger, 1)
    assert search.page("*:*", limit=1).complete


def test_commands_say_that_the_index_was_lost(project, tmp_path):
    project.publish("order.created", {"id": 1})
    assert asyncevents("worker", "--drain").returncode == 0
    shutil.rmtree(tmp_path / "index")
    told = "The index lacks attempts that the ledger has: `asyncevents reindex` builds it anew."
    assert told in asyncevents("logs", "*:*").stderr
    assert told in asyncevents("logs", "*:*", "--json").stderr
    assert told in asyncevents("replay", "--query", "*:*", "--yes").stderr
    findings = [json.loads(line) for line in asyncevents("check", "--json").stdout.splitlines()]
    assert {"what": "search", "state": "warning", "detail": told.removesuffix(".")} in findings
    assert asyncevents("reindex").stdout == "1 attempt indexed, 0 refused\n"
    done = asyncevents("logs", "*:*")
    assert "1 found. The index is up to date." in done.stderr


def test_exports_can_be_limited_and_paged(project, tmp_path):
    for number in range(4):
        project.publish("order.created", {"id": number})
    assert asyncevents("worker", "--drain").returncode == 0

    def ids(*arguments):
        done = asyncevents("logs", "*:*", "--json", *arguments)
        return [json.loads(line)["log_id"] for line in done.stdout.splitlines()]

    assert ids() == [4, 3, 2, 1]
    assert ids("--limit", "2") == [4, 3]
    assert ids("--before", "3", "--limit", "1") == [2]
    done = asyncevents("logs", "*:*", "--csv", "-", "--before", "3")
    assert [row["log_id"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["2", "1"]
    assert "2 attempts written\n" in done.stderr
    assert not (tmp_path / "-").exists()
    assert asyncevents("logs", "*:*", "--csv", "found.csv", "--json").returncode == 2
    done = asyncevents("logs", "*:*", "--csv", "missing/found.csv")
    assert (done.returncode, done.stderr) == (
        1,
        "Error: missing/found.csv: No such file or directory\n",
    )
