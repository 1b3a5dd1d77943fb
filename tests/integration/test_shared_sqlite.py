"""Many processes on one SQLite file: they wait for each other and never fail."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

PUBLISHER = """
import sys
from asyncevents_core import AsyncEvents
with AsyncEvents() as events:
    for number in range(150):
        events.publish("order.created", {"publisher": sys.argv[1], "number": number})
"""
PUBLISHERS = 2
EVENTS = 150 * PUBLISHERS


def test_workers_and_publishers_on_one_file(project, make_inbox):
    # The first attempt of each delivery fails, so that retries are written too.
    inboxes = [make_inbox(fail_first=1) for _ in range(2)]
    for inbox in inboxes:
        project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    workers = [project.start("worker", "--log-level", "info") for _ in range(3)]
    publishers = [project.start_python("-c", PUBLISHER, str(n)) for n in range(PUBLISHERS)]
    for publisher in publishers:
        _, errors = publisher.communicate(timeout=PATIENCE)
        assert publisher.returncode == 0, errors
    for inbox in inboxes:
        eventually(
            lambda inbox=inbox: len({one.event_id for one in inbox.accepted}) == EVENTS,
            what="all arrive",
        )
    project.await_workers(len(workers))
    for worker in workers:
        worker.terminate()
        _, log = worker.communicate(timeout=PATIENCE)
        assert worker.returncode == 0
        assert "locked" not in log
        assert "does not answer" not in log
        assert "Traceback" not in log
    received = [inbox.received for inbox in inboxes]
    assert min(received) >= 2 * EVENTS
    # On a busy machine a lease may run out: what was sent in vain is sent again, and recorded.
    assert sum(received) <= 2 * EVENTS * len(inboxes) + abandoned(project)


def abandoned(project):
    with closing(sqlite3.connect(project.folder / "ledger.db")) as ledger:
        (row,) = ledger.execute(
            "SELECT COUNT(*) FROM asyncevents_attempt WHERE outcome = 'abandoned'"
        )
    return row[0]
