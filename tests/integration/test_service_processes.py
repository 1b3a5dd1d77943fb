"""Services that end their process, or do not end: on threads of a worker, and isolated."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import psutil
import pytest

from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.errors import (
    InvalidPayload,
    ServiceArguments,
    ServiceFailed,
    ServiceNotFound,
    ServiceTimeout,
    SettingsError,
)
from asyncevents_core.worker.children import Home
from asyncevents_core.worker.isolation import ServiceProcesses
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

SERVICES = """
import asyncio, os, signal, sys, time

def plain(id: int) -> dict:
    print("a line on standard output")
    return {"id": id, "pid": os.getpid()}

async def plain_async(id: int) -> dict:
    await asyncio.sleep(0)
    return {"id": id, "pid": os.getpid()}

def broken(id: int) -> dict:
    raise RuntimeError("no such order")

def exits(id: int) -> dict:
    os._exit(7)

def killed(id: int) -> dict:
    os.kill(os.getpid(), signal.SIGKILL)

def endless(id: int) -> dict:
    time.sleep(3600)

def text(id: int) -> dict:
    return {"time": object()}

def slow(id: int) -> dict:
    time.sleep(0.3)
    return {"id": id}
"""
NAMES = ("plain", "plain_async", "broken", "exits", "killed", "endless", "text", "slow", "missing")
EVENTS = {f"order.{name}": {"service": f"shop_services:{name}"} for name in NAMES}
ARGUMENTS = b'{"id": 7}'


@pytest.fixture
def project(make_project):
    def make(**settings):
        made = make_project(EVENTS=EVENTS, **settings)
        (made.folder / "shop_services.py").write_text(SERVICES)
        return made

    return make


@pytest.fixture
def processes(project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(project().folder))
    made = []

    def make(timeout=PATIENCE, module="project_settings"):
        made.append(ServiceProcesses(Home.of(module, setting="SERVICE_ISOLATION"), timeout=timeout))
        return made[-1]

    yield make
    for one in made:
        one.close()


def call(processes, name, arguments=ARGUMENTS):
    return from_json(processes.call(f"order.{name}", arguments))


def test_a_process_makes_one_call_after_the_other(processes):
    some = processes()
    first, second = call(some, "plain"), call(some, "plain_async", to_json({"id": 8}))
    assert (first["id"], second["id"]) == (7, 8)
    assert first["pid"] == second["pid"] != os.getpid()


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("broken", ServiceFailed, "RuntimeError: no such order"),
        ("text", InvalidPayload, "object is not JSON"),
        ("missing", ServiceNotFound, "has no attribute 'missing'"),
    ],
)
def test_a_service_that_fails_leaves_its_process_as_it_is(processes, name, error, text):
    some = processes()
    before = call(some, "plain")
    with pytest.raises(error, match=text):
        call(some, name)
    with pytest.raises(ServiceArguments, match="argument 'id' is not of type int"):
        call(some, "plain", b'{"id": "seven"}')
    assert call(some, "plain") == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("exits", "its process ended with exit code 7"),
        ("killed", "its process was killed by SIGKILL"),
    ],
)
def test_a_service_that_ends_its_process_fails_alone(processes, name, text):
    some = processes()
    before = call(some, "plain")
    with pytest.raises(ServiceFailed, match=text):
        call(some, name)
    assert call(some, "plain")["pid"] != before["pid"]


TRACED = """
from opentelemetry import trace

def where() -> dict:
    return {"trace": f"{trace.get_current_span().get_span_context().trace_id:032x}"}

async def where_async() -> dict:
    return where()
"""


def test_a_service_belongs_to_the_trace_of_its_event(make_project, monkeypatch):
    names = ("where", "where_async")
    project = make_project(
        EVENTS={name: {"service": f"traced_services:{name}"} for name in names},
        TRACES="opentelemetry",
    )
    (project.folder / "traced_services.py").write_text(TRACED)
    monkeypatch.setenv("PYTHONPATH", str(project.folder))
    home = Home.of("project_settings", setting="SERVICE_ISOLATION")
    some = ServiceProcesses(home, timeout=PATIENCE)
    try:
        for name in names:
            for trace_id in (f"{7:032x}", f"{8:032x}", None):
                context = trace_id and TraceContext(traceparent=f"00-{trace_id}-{1:016x}-01")
                found = from_json(some.call(name, b"{}", context))
                assert found == {"trace": trace_id or "0" * 32}, name
    finally:
        some.close()


def test_a_service_that_takes_too_long_is_killed(processes):
    before = psutil.Process().children()  # servers of earlier tests
    with pytest.raises(ServiceTimeout, match=r"the service took longer than 0\.5 s"):
        call(processes(timeout=0.5), "endless")
    assert psutil.Process().children() == before


def test_a_process_that_died_between_calls_is_replaced(processes):
    some = processes()
    pid = call(some, "plain")["pid"]
    os.kill(pid, signal.SIGKILL)
    # Not by its state: the process is a zombie before its last thread is.
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    eventually(lambda: os.waitid(os.P_PID, pid, ended), what="it has ended")
    assert call(some, "plain")["pid"] != pid


def test_settings_that_cannot_be_imported_are_named(processes):
    with pytest.raises(ServiceFailed, match="cannot start: SettingsError"):
        call(processes(module="no_such_settings"), "plain")


def test_settings_that_are_no_module_are_refused():
    with pytest.raises(SettingsError, match="SERVICE_ISOLATION"):
        Home.of(None, setting="SERVICE_ISOLATION")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_processes_end_with_their_worker(project, inbox, number):
    shop = project(SERVICE_ISOLATION="process", SHUTDOWN_GRACE=0.2)
    shop.run("subscribe", "order.endless", inbox.url, "--secret", SECRET)
    shop.run("publish", "order.endless", '{"id": 7}')
    worker = shop.start("worker")
    children = psutil.Process(worker.pid).children
    eventually(children, what="a process is started")
    (child,) = children()
    time.sleep(1)
    worker.send_signal(number)
    worker.communicate(timeout=PATIENCE)
    assert worker.returncode == (0 if number == signal.SIGTERM else -number)
    eventually(lambda: not child.is_running(), what="the child ends")


def test_isolated_services_that_die_fail_only_their_own_events(project, inbox):
    shop = project(SERVICE_ISOLATION="process", SERVICE_THREADS=2, MAXIMUM_DEATHS=1)
    for name in ("exits", "plain", "plain_async"):
        shop.run("subscribe", f"order.{name}", inbox.url, "--secret", SECRET)
    with shop.events() as events:
        events.publish_many(
            [(f"order.{name}", {"id": 1}) for name in ("exits", "plain", "plain_async", "plain")]
        )
    done = shop.run("worker", "--drain", "--log-format", "json")
    assert len(inbox.accepted) == 3
    (letter,) = shop.rows("dead-letters")
    assert letter["error"] == "ServiceFailed: its process ended with exit code 7"
    assert "a line on standard output" in done.stderr
    assert not done.stdout


def test_on_threads_a_service_that_kills_its_worker_fails_only_its_own_event(project, inbox):
    """Each death is seen after 15 seconds: here somebody else makes its leases due at once."""
    shop = project(SERVICE_THREADS=4)
    for name in ("exits", "slow", "plain"):
        shop.run("subscribe", f"order.{name}", inbox.url, "--secret", SECRET)
    with shop.events() as events:
        events.publish("order.exits", {"id": 0})
        events.publish_many([("order.slow", {"id": number}) for number in range(20)])
    deaths = 0
    while True:
        worker = shop.start("worker", "--drain")
        output, errors = worker.communicate(timeout=PATIENCE)
        if worker.returncode == 0:
            break
        assert worker.returncode == 7, output + errors
        deaths += 1
        expire(shop)
    states = Counter(
        (one["event_name"], one["state"]) for one in shop.rows("published", "--limit", "100")
    )
    assert states == {("order.exits", "failed"): 1, ("order.slow", "fanned_out"): 20}
    assert deaths == 5
    assert len({one.event_id for one in inbox.accepted}) == 20


def expire(project):
    """Make the leases of workers that have died due, as others do after 15 seconds."""
    with project.events() as events:
        ledger = events.runtime.ledger
        silent = [one.id for one in ledger.read(lambda view: view.workers.all())]
        ledger.run(lambda tx: tx.workers.expire_leases(silent, limit=500))
