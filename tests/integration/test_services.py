"""Services called by a worker: sync and async ones, failures, and stopping in the middle."""

from __future__ import annotations

import json
import signal

import pytest

from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

SHOP = """
import asyncio, pathlib, time
from asyncevents_core import event

SLOW = pathlib.Path(__file__).with_name("started")
GO_ON = pathlib.Path(__file__).with_name("go-on")

class Repository:
    def __init__(self):
        self.prefix = "order "
    def get(self, id: int) -> dict:
        return {"id": id, "label": self.prefix + str(id)}

@event("order.async")
async def fetch(id: int) -> dict:
    await asyncio.sleep(0.01)
    return {"id": id, "how": "async"}

@event("order.slow")
def slow(id: int) -> dict:
    SLOW.touch()
    while not GO_ON.exists():
        time.sleep(0.01)
    return {"id": id, "how": "slow"}

@event("order.endless")
def endless(id: int) -> dict:
    SLOW.touch()
    time.sleep(3600)

@event("order.endless-async")
async def endless_async(id: int) -> dict:
    await asyncio.sleep(3600)

@event("order.broken")
def broken(id: int) -> dict:
    raise RuntimeError("no such order")
"""
NAMES = ("get", "async", "slow", "endless", "endless-async", "broken")


@pytest.fixture
def shop(make_project, inbox):
    def make(**settings):
        project = make_project(
            EVENTS={"order.get": {"service": "shop_services:Repository.get"}},
            EVENT_MODULES=["shop_services"],
            **settings,
        )
        (project.folder / "shop_services.py").write_text(SHOP)
        for name in NAMES:
            project.run("subscribe", f"order.{name}", inbox.url, "--secret", SECRET)
        return project

    return make


def publish(project, *names):
    for name in names:
        project.run("publish", f"order.{name}", '{"id": 7}')


def payloads(project, inbox):
    return [project.rows("trace", one.event_id)[0]["payload"] for one in inbox.accepted]


def test_what_services_return_is_what_is_sent(shop, inbox):
    project = shop()
    publish(project, "get", "async")
    project.run("worker", "--drain")
    sent = {body["type"]: body["data"] for body in payloads(project, inbox)}
    assert sent == {
        "order.get": {"id": 7, "label": "order 7"},
        "order.async": {"id": 7, "how": "async"},
    }


def test_a_failing_service_is_retried_then_a_dead_letter_that_can_be_replayed(shop, inbox):
    project = shop(MAXIMUM_DEATHS=1, SERVICE_TIMEOUT=1.0)
    publish(project, "broken", "endless-async")
    done = project.run("worker", "--drain", "--log-format", "json")
    letters = {one["event_name"]: one for one in project.rows("dead-letters")}
    assert letters["order.broken"]["error"] == "RuntimeError: no such order"
    assert "longer than 1 s" in letters["order.endless-async"]["error"]
    failures = [json.loads(line) for line in done.stderr.splitlines() if "a service failed" in line]
    broken = [one for one in failures if one["error"] == "RuntimeError: no such order"]
    assert [one["service"] for one in broken] == ["shop_services:broken"] * 2
    assert not any("exception" in one for one in broken)
    (told,) = project.rows("published", letters["order.broken"]["uuid"])
    assert told["error"] == "RuntimeError: no such order"
    assert 'raise RuntimeError("no such order")' in told["traceback"]
    assert "asyncevents_core" not in told["traceback"]
    shown = project.run("published", letters["order.broken"]["uuid"]).stdout
    assert 'raise RuntimeError("no such order")' in shown
    (listed,) = [one for one in project.rows("published") if one["event_name"] == "order.broken"]
    assert listed["traceback"] is None
    source = (project.folder / "shop_services.py").read_text()
    mended = source.replace('raise RuntimeError("no such order")', 'return {"id": id}')
    (project.folder / "shop_services.py").write_text(mended)
    project.run("replay", letters["order.broken"]["uuid"])
    project.run("worker", "--drain")
    (told,) = project.rows("published", letters["order.broken"]["uuid"])
    assert (told["state"], told["error"], told["traceback"]) == ("fanned_out", None, None)
    assert [body["data"] for body in payloads(project, inbox)] == [{"id": 7}]


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_failing_service_shows_its_traceback_where_debugging(shop, inbox, isolation):
    project = shop(MAXIMUM_DEATHS=0, SERVICE_ISOLATION=isolation)
    publish(project, "broken")
    done = project.run("--debug", "worker", "--drain")
    assert 'in broken\n    raise RuntimeError("no such order")' in done.stderr
    (event,) = project.rows("published")
    (told,) = project.rows("published", event["event_id"])
    assert told["error"] == "RuntimeError: no such order"
    assert 'in broken\n    raise RuntimeError("no such order")' in told["traceback"]


def test_sigterm_lets_a_service_finish_and_keeps_what_it_returned(shop, inbox):
    project = shop()
    publish(project, "slow")
    worker = project.start("worker")
    eventually((project.folder / "started").exists, what="the service is called")
    worker.send_signal(signal.SIGTERM)
    assert any("worker stopping" in line for line in worker.stderr)
    (project.folder / "go-on").touch()
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, errors
    (event,) = project.rows("published")
    assert event["state"] == "fanned_out"
    assert not inbox.received
    project.run("worker", "--drain")
    assert len(inbox.accepted) == 1


def test_beyond_the_grace_a_service_is_left_alone_and_its_event_is_due_at_once(shop, inbox):
    project = shop(SHUTDOWN_GRACE=0.5)
    publish(project, "endless")
    worker = project.start("worker")
    eventually((project.folder / "started").exists, what="the service is called")
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 3, errors
    source = (project.folder / "shop_services.py").read_text()
    (project.folder / "shop_services.py").write_text(source.replace("3600", "0"))
    project.run("worker", "--drain")
    assert len(inbox.accepted) == 1
