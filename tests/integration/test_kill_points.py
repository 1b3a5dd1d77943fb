"""SIGKILL at every step: what publish() accepted is delivered after a restart.

`ASYNCEVENTS_TEST_KILLS` says how many workers the random test kills (4; `make test-crash`: 25).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest

from tests.integration.inbox import SECRET
from tests.integration.project import eventually, kill

KILLS = int(os.environ.get("ASYNCEVENTS_TEST_KILLS", "4"))

PUBLISH_THEN_DIE = """
import os, signal
from asyncevents_core import AsyncEvents
events = AsyncEvents()
events.publish("order.created", {"id": 1})
os.kill(os.getpid(), signal.SIGKILL)
"""

COMMIT_THEN_DIE = """
import os, signal, sqlalchemy
from sqlalchemy.orm import Session
from asyncevents_core import AsyncEvents
import project_settings
events = AsyncEvents()
engine = sqlalchemy.create_engine(project_settings.LEDGER_URL)
with Session(engine) as session:
    events.publish("order.created", {"id": 1}, session=session)
    session.commit()
    os.kill(os.getpid(), signal.SIGKILL)
"""

DIE_BEFORE_COMMIT = COMMIT_THEN_DIE.replace("    session.commit()\n", "")


@pytest.mark.parametrize("script", [PUBLISH_THEN_DIE, COMMIT_THEN_DIE], ids=["own", "session"])
def test_a_publisher_killed_right_after_its_commit(project, inbox, script):
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    dying = project.start_python("-c", script)
    dying.communicate()
    assert dying.returncode == -9
    project.run("worker", "--drain")
    assert [one.data for one in inbox.accepted] == [{"id": 1}]


def test_a_publisher_killed_before_its_commit_never_published(project, inbox):
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    project.start_python("-c", DIE_BEFORE_COMMIT).communicate()
    assert project.rows("published") == []


def test_a_worker_killed_in_mid_delivery(project, make_inbox):
    slow = make_inbox(delay=3.0)
    project.run("subscribe", "order.created", slow.url, "--secret", SECRET)
    project.run("publish", "order.created", '{"id": 1}')
    worker = project.start("worker")
    eventually(lambda: slow.received, what="the request has begun")
    kill(worker)
    project.run("worker", "--drain")
    (trace,) = project.rows("trace", project.rows("logs")[0]["uuid"])
    assert [one["outcome"] for one in trace["attempts"]] == ["abandoned", "delivered"]
    assert trace["summary"] == "Delivered"
    assert {one.event_id for one in slow.accepted} == {trace["event_id"]}


def test_workers_killed_at_random_moments_lose_nothing(project, make_inbox):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    healthy = make_inbox()
    flaky = make_inbox(fails=lambda delivery, attempt: attempt == 1 and delivery[-1] in "0369c")
    for one in (healthy, flaky):
        project.run("subscribe", "order.created", one.url, "--secret", SECRET)
    published = []
    with project.events() as events:
        for _ in range(KILLS):
            for _ in range(5):
                published += events.publish_many([("order.created", {"n": 1})] * 20)
            before = healthy.received
            worker = project.start("worker", "--processes", "1")
            # A kill counts only if work was in flight.
            eventually(lambda before=before: healthy.received > before, what="work goes on")
            time.sleep(dice.uniform(0.0, 0.05))
            kill(worker)
        project.run("worker", "--drain")
        attempts = Counter()
        for event_id in published:
            traces = events.traces(event_id)
            assert [one.delivery.state for one in traces] == ["delivered"] * 2
            attempts.update(attempt.outcome for one in traces for attempt in one.attempts)
    wanted = {str(one) for one in published}
    for one in (healthy, flaky):
        accepted = Counter(arrival.event_id for arrival in one.accepted)
        assert set(accepted) == wanted
    duplicates = sum(
        len(one.accepted) - len({arrival.event_id for arrival in one.accepted})
        for one in (healthy, flaky)
    )
    requests = healthy.received + flaky.received
    print(f"kills {KILLS}, events {len(published)}, attempts {dict(attempts)}, {duplicates=}")
    assert requests <= sum(attempts.values())
    assert duplicates <= attempts["abandoned"]
