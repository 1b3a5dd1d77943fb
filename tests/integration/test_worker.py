"""The worker as a process: roles, several processes, stopping, outages."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time

import pytest

from asyncevents_core.domain.instant import first_uuid7
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually


def subscribe(project, inbox, *more: str) -> None:
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET, *more)


def test_several_processes_share_the_work(project, inbox):
    subscribe(project, inbox)
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(300)])
    project.run("worker", "--processes", "2", "--drain")
    assert sorted(one.event_id for one in inbox.accepted) == sorted(map(str, ids))


def test_sigterm_finishes_what_is_under_way(project, make_inbox):
    slow = make_inbox(delay=1.0)
    subscribe(project, slow)
    project.run("publish", "order.created", "{}")
    worker = project.start("worker", "--log-format", "json")
    eventually(lambda: slow.received, what="the request has begun")
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [line["message"] for line in lines][-1] == "worker stopped"
    (row,) = project.rows("logs")
    assert row["outcome"] == "delivered"
    assert [row["what"] for row in project.rows("check") if "consumers" in row["what"]]


def test_a_worker_that_ends_writes_down_what_it_counted(make_project, make_inbox):
    project = make_project(MAXIMUM_DEATHS=0, FAILING={"disable_failures": 100})
    away = make_inbox(status=503)
    subscribe(project, away, "--filter", "data.n:[1 TO *]")
    with project.events() as events:
        events.publish_many([("order.created", {"n": n % 2}) for n in range(80)])
    project.run("worker", "--drain")
    (row,) = project.rows("subscriptions", "list")
    assert (row["failures"], row["filtered"]) == (40, 40)


def test_beyond_the_grace_an_attempt_is_cut_off_and_made_again(make_project, make_inbox):
    project = make_project(SHUTDOWN_GRACE=3.0)
    slow = make_inbox(delay=14.0)
    subscribe(project, slow)
    project.run("publish", "order.created", "{}")
    worker = project.start("worker")
    eventually(lambda: slow.received, what="the request has begun")
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    (row,) = project.rows("logs")
    assert row["outcome"] == "abandoned"
    slow.behave(delay=0.0)
    project.run("worker", "--drain")
    assert [row["outcome"] for row in project.rows("logs")] == ["delivered", "abandoned"]


def test_a_supervisor_starts_a_dead_child_again_and_stops_them_together(project, inbox):
    subscribe(project, inbox)
    supervisor = project.start("worker", "--processes", "2", "--log-format", "json")

    def workers() -> list[int]:
        with sqlite3.connect(project.folder / "ledger.db") as ledger:
            return [pid for (pid,) in ledger.execute("SELECT pid FROM asyncevents_worker")]

    first = eventually(
        lambda: workers() if len(workers()) == 3 else None, what="two workers, and the index's"
    )
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: set(workers()) - set(first), what="a new worker in its place")
    project.run("publish", "order.created", "{}")
    eventually(lambda: inbox.accepted, what="delivery goes on")
    supervisor.send_signal(signal.SIGTERM)
    _, errors = supervisor.communicate(timeout=PATIENCE)
    assert supervisor.returncode == 0, errors
    assert "a worker process died" in errors


def test_a_worker_that_waits_for_its_ledger_can_be_stopped(make_project):
    project = make_project()
    project.settings["LEDGER_URL"] = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    project.write_settings()
    worker = project.start("worker")
    assert "waiting for it" in worker.stderr.readline()
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, errors) == (0, "")


def test_a_supervisor_can_be_stopped_while_its_workers_start(project):
    supervisor = project.start("worker", "--processes", "2")
    assert "supervisor started" in supervisor.stderr.readline()
    supervisor.send_signal(signal.SIGTERM)
    _, errors = supervisor.communicate(timeout=PATIENCE)
    assert supervisor.returncode == 0, errors
    assert "Traceback" not in errors


def test_roles(project, make_inbox):
    inbox = make_inbox(fail_first=1)
    subscribe(project, inbox)
    project.run("publish", "order.created", "{}")
    trigger = project.start("worker", "--consumers", "event.trigger.consumer")
    eventually(lambda: inbox.received, what="the first attempt")
    time.sleep(3)
    assert inbox.received == 1
    retry = project.start("worker", "--consumers", "event.retry.consumer")
    eventually(lambda: inbox.accepted, what="the retry")
    for one in (trigger, retry):
        one.send_signal(signal.SIGTERM)
        one.communicate(timeout=PATIENCE)
    assert project.start("worker", "--consumers", "nothing").wait(PATIENCE) == 2


def test_delivery_goes_on_without_a_broker(make_project, inbox):
    project = make_project(BROKER_URL="amqp://guest:guest@127.0.0.1:1//")
    subscribe(project, inbox)
    published = project.run("publish", "order.created", "{}")
    assert "the broker does not answer" in published.stderr
    worker = project.start("worker")
    eventually(lambda: inbox.accepted, what="the sweep finds the event")
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    assert errors.count("the broker does not answer") == 1


def test_a_worker_needs_a_ledger(tmp_path, make_project):
    project = make_project()
    project.settings["LEDGER_URL"] = f"sqlite:///{tmp_path}/empty.db"
    project.write_settings()
    done = project.run("worker", exit_code=1)
    assert "asyncevents db upgrade" in done.stderr


STUCK = """
import time
def load(id: int) -> dict:
    time.sleep(3600)
"""


def test_threads_that_hang_end_the_worker_with_exit_code_3(make_project, inbox):
    project = make_project(
        EVENTS={"order.created": {"service": "stuck:load"}},
        SERVICE_TIMEOUT=1.0,
        MAXIMUM_DEATHS=0,
    )
    (project.folder / "stuck.py").write_text(STUCK)
    subscribe(project, inbox)
    with project.events() as events:
        events.publish_many([("order.created", {"id": n}) for n in range(6)])
    # As many as one service may have of eight threads.
    worker = project.start("worker")
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 3, errors
    letters = project.rows("dead-letters")
    assert len(letters) == 6
    assert all("longer than 1 s" in one["error"] for one in letters)


@pytest.mark.parametrize("processes", [3])
def test_many_writers_on_one_sqlite_file_never_find_it_locked(make_project, inbox, processes):
    project = make_project()
    subscribe(project, inbox)
    workers = [project.start("worker", "--log-format", "json") for _ in range(processes)]
    with project.events() as events:
        for n in range(200):
            events.publish("order.created", {"n": n})
    eventually(lambda: len(inbox.valid_events) == 200, what="200 events")
    project.await_workers(processes)
    for one in workers:
        one.send_signal(signal.SIGTERM)
    for one in workers:
        _, errors = one.communicate(timeout=PATIENCE)
        assert "locked" not in errors
        assert one.returncode == 0


def test_a_worker_cleans_up_when_it_is_time(make_project, inbox):
    project = make_project(LOG_CLEANUP_ENABLED=True, LOG_LIFETIME_DAYS=1)
    subscribe(project, inbox)
    project.run("publish", "order.created", "{}")
    project.run("worker", "--drain")
    (young,) = project.rows("published")
    old = first_uuid7(0).bytes
    with sqlite3.connect(project.folder / "ledger.db") as ledger:
        ledger.execute("UPDATE asyncevents_event SET id = ?, created_at = 1", [old])
        ledger.execute("UPDATE asyncevents_delivery SET event_id = ?, created_at = 1", [old])
        ledger.execute("UPDATE asyncevents_attempt SET started_at = 1")
        ledger.execute("UPDATE asyncevents_task SET due_at = 0 WHERE name = 'cleanup'")
    made = project.run("publish", "order.created", "{}").stdout.strip()
    done = project.run("worker", "--drain", "--log-format", "json")
    (line,) = [one for one in map(json.loads, done.stderr.splitlines()) if "rows" in one]
    assert (line["message"], line["events"], line["rows"]) == ("cleaned up", 1, 3)
    assert [one["event_id"] for one in project.rows("published")] == [made]
    assert young["event_id"] != made
    assert len(project.rows("logs")) == 1
