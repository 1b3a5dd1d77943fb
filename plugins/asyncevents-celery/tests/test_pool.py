"""A real worker of Celery with its prefork pool: events call its tasks, and its tasks publish."""

from __future__ import annotations

import textwrap

import pytest

from tests.integration.inbox import SECRET
from tests.integration.project import eventually

TASKS = """
import os
from celery import Celery
from celery.signals import worker_init
from asyncevents_core import AsyncEvents

app = Celery("shop_tasks", broker="{broker}")
app.conf.worker_prefetch_multiplier = 1
events = AsyncEvents()

@worker_init.connect
def begin(**_):
    # It has connections and threads by the time the pool forks.
    events.publish("pool.started", {{}})

@app.task(bind=True, name="shop.tasks.index", acks_late=True)
def index(self, id):
    with open("called.txt", "a") as file:
        file.write(f"{{id}} {{self.request.id}} {{self.request.get('asyncevents-event')}}\\n")
    events.publish("order.indexed", {{"id": id, "pid": os.getpid()}}, event_id=self.request.id)
"""
COUNT = 60


@pytest.fixture
def shop(rabbitmq, make_project):
    broker = f"amqp://guest:guest@127.0.0.1:{rabbitmq.port}//"
    project = make_project(
        EVENTS={"order.created": {}, "order.indexed": {}, "pool.started": {}},
        INDEXER=None,
        SINKS={
            "http": {"allow": ["127.0.0.0/8"]},
            "celery": {"apps": {"shop": {"app": "shop_tasks:app", "tasks": ["shop.tasks.*"]}}},
        },
    )
    (project.folder / "shop_tasks.py").write_text(textwrap.dedent(TASKS.format(broker=broker)))
    return project


def test_there_and_back(shop, inbox):
    shop.run("subscribe", "order.created", "celery://shop/shop.tasks.index", "--sink", "celery")
    shop.run("subscribe", "order.indexed", inbox.url, "--secret", SECRET)
    shop.start_python(
        "-m", "celery", "--app", "shop_tasks", "worker", "--concurrency", "3", "--pool", "prefork",
        "--loglevel", "ERROR", "--without-gossip", "--without-mingle",
    )  # fmt: skip
    with shop.events() as events:
        published = {
            str(event_id): number
            for number, event_id in enumerate(
                events.publish_many([("order.created", {"id": one}) for one in range(COUNT)])
            )
        }
    shop.start("worker", "--log-level", "error")
    eventually(lambda: len(inbox.accepted) >= COUNT, what="each task has published its event")
    assert sorted(one.data["id"] for one in inbox.accepted) == list(range(COUNT))
    assert len({one.data["pid"] for one in inbox.accepted}) > 1, "several children published"
    called = [line.split() for line in (shop.folder / "called.txt").read_text().splitlines()]
    # At least once: the task's id is the delivery's, the header says which event it is of.
    assert {(int(id), event) for id, _, event in called} == {
        (number, event) for event, number in published.items()
    }
    for _, task, event in called[:5]:
        (trace,) = shop.rows("trace", task)
        assert trace["event_id"] == event
        assert trace["summary"] == "Delivered"


def test_a_task_that_runs_twice_publishes_once(shop, monkeypatch):
    with shop.events() as events:
        first = events.publish("order.indexed", {"id": 1}, event_id="the-task")
        assert events.publish("order.indexed", {"id": 1}, event_id="the-task") == first
    assert len(shop.rows("published")) == 1
