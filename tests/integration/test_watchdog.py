"""Workers that hang: named, ended and started anew; and those that only seemed to."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time

import psutil
import pytest

from asyncevents_core.worker.exits import EXIT_STUCK
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

STALLING = """
import asyncio, pathlib, threading, time
import attrs
from asyncevents_core.adapters.sqlalchemy.ledger import SqlLedger
from asyncevents_core.plugin import Outcome, Sink, SinkType, hookimpl

HERE = pathlib.Path(__file__).parent
FOREVER = 3600

def stalls(what):
    flag = HERE / f"stall-{what}"
    if flag.exists():
        flag.unlink()
        time.sleep(FOREVER)

async def clings():
    flag = HERE / "stall-cancelled"
    if flag.exists():
        flag.unlink()
        while True:
            try:
                await asyncio.sleep(FOREVER)
            except asyncio.CancelledError:
                pass

@attrs.frozen
class Config:
    pass

class Stalling(Sink):
    async def deliver(self, request, deadline):
        stalls("sink")
        await clings()
        return Outcome.delivered("here")
    async def close(self):
        pass

class StallingType(SinkType):
    name, title, config_class = "stalling", "Stalls", Config
    def validate_target(self, target, config):
        pass
    def open(self, config):
        return Stalling()

@hookimpl
def asyncevents_register_sinks():
    return [StallingType()]

run = SqlLedger.run

def run_or_stall(self, work, **more):
    if threading.current_thread().name == "claimer":
        stalls("claimer")
    return run(self, work, **more)

SqlLedger.run = run_or_stall
"""
SERVICES = """
import time
from asyncevents_core import event

@event("order.blocks")
async def blocks(id: int) -> dict:
    time.sleep(3600)
"""
QUICK = {"pool_timeout": 1, "connect_timeout": 1, "lock_timeout": 0.5, "statement_timeout": 1}
"""LEDGER_OPTIONS with which nothing waits for its ledger for more than eight seconds."""


@pytest.fixture
def make_stalling(make_project):
    def make(**settings):
        project = make_project(**settings)
        (project.folder / "stalling.py").write_text(STALLING)
        (project.folder / "stalling_services.py").write_text(SERVICES)
        about = project.folder / "stalling-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stalling\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[asyncevents]\nstalling = stalling\n")
        return project

    return make


class Log:
    """What a process logs, as it comes; each line with the time when it was read."""

    def __init__(self, process):
        self.lines = []
        self._thread = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for line in stream:
            self.lines.append({**json.loads(line), "read_at": time.monotonic()})

    def first(self, message):
        return next((one for one in self.lines if one["message"].startswith(message)), None)

    def wait_for(self, message):
        return eventually(lambda: self.first(message), what=f"{message!r} among {self.lines}")


def start(project, *arguments):
    process = project.start("worker", "--log-format", "json", *arguments)
    return process, Log(process)


def test_a_sink_that_blocks_the_loop_is_named_and_the_worker_started_anew(make_stalling):
    project = make_stalling(WATCHDOG=4)
    project.run("subscribe", "order.created", "anywhere", "--sink", "stalling")
    (project.folder / "stall-sink").touch()
    worker, log = start(project, "--processes", "2", "--consumers", "trigger,retry")
    project.await_workers(2)
    project.run("publish", "order.created", "{}")
    eventually(lambda: not (project.folder / "stall-sink").exists(), what="the sink blocks")
    blocked_at = time.monotonic()
    named = log.wait_for("the event loop stands still")
    assert named["sink"] == "stalling"
    assert "time.sleep(FOREVER)" in named["stack"]
    assert named["read_at"] - blocked_at < 10
    assert log.wait_for("the event loop hangs; exiting")["sink"] == "stalling"
    assert log.wait_for("a worker process hung and ended itself")["exit"] == EXIT_STUCK
    eventually(
        lambda: [one["outcome"] for one in project.rows("logs")][:1] == ["delivered"],
        what="another worker delivers",
    )
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
    assert [one["message"] for one in log.lines].count("the event loop hangs; exiting") == 1


@pytest.mark.parametrize(
    ("stall", "said"),
    [
        ("sink", "the worker does not end; exiting"),
        ("cancelled", "a sink goes on with an attempt that was cancelled"),
    ],
)
def test_a_worker_ends_when_it_is_told_whatever_its_sinks_do(make_stalling, stall, said):
    project = make_stalling(WATCHDOG=600, SHUTDOWN_GRACE=1)
    project.run("subscribe", "order.created", "anywhere", "--sink", "stalling")
    worker, log = start(project)
    project.await_workers(1)
    flag = project.folder / f"stall-{stall}"
    flag.touch()
    project.run("publish", "order.created", "{}")
    eventually(lambda: not flag.exists(), what="the sink stalls")
    worker.terminate()
    # Far less than the seconds for which the sink stalls.
    assert worker.wait(PATIENCE) == EXIT_STUCK
    log.wait_for(said)


def test_a_worker_whose_loop_is_blocked_says_that_it_is_not_live(make_stalling):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    project = make_stalling(WATCHDOG=30, SHUTDOWN_GRACE=1, HEALTH_ADDRESS=f"127.0.0.1:{port}")
    project.run("subscribe", "order.created", "anywhere", "--sink", "stalling")
    worker, _ = start(project)
    project.await_workers(1)
    assert project.run("health", "--live").stdout == "worker 0: ok\n"
    (project.folder / "stall-sink").touch()
    project.run("publish", "order.created", "{}")
    # That is said from half of the time on after which the worker ends itself.
    said = eventually(
        lambda: (one := project.run("health", "--live", exit_code=None)).returncode and one.stdout,
        what="it is not live",
    )
    assert "the event loop stands still for 1" in said
    assert "in the sink 'stalling'" in said
    assert worker.wait(PATIENCE) == EXIT_STUCK


def test_a_service_that_blocks_its_loop_is_named_and_ends_nothing(make_stalling, inbox):
    project = make_stalling(WATCHDOG=1, EVENT_MODULES=["stalling_services"])
    for name in ("order.blocks", "order.created"):
        project.run("subscribe", name, inbox.url, "--secret", SECRET)
    worker, log = start(project)
    project.run("publish", "order.blocks", '{"id": 1}')
    assert "time.sleep(3600)" in log.wait_for("the loop of async services stands still")["stack"]
    project.run("publish", "order.created", "{}")
    eventually(lambda: inbox.accepted, what="other events are delivered")
    (row,) = eventually(
        lambda: [one for one in project.rows("status")[0]["workers"] if one["trouble"]],
        what="its status says so",
    )
    assert row["trouble"].startswith("the loop of async services stands still")
    assert worker.poll() is None


def test_a_claimer_that_hangs_ends_the_process(make_stalling):
    project = make_stalling(WATCHDOG=2, LEDGER_OPTIONS=QUICK)
    worker, log = start(project)
    project.await_workers(1)
    (project.folder / "stall-claimer").touch()
    named = log.wait_for("the claimer stands still")
    assert "run_or_stall" in named["stack"]
    assert worker.wait(PATIENCE) == EXIT_STUCK
    assert log.wait_for("the claimer hangs; exiting")


def test_a_worker_that_was_frozen_goes_on(make_stalling):
    project = make_stalling(WATCHDOG=1, LEDGER_OPTIONS=QUICK)
    project.run("subscribe", "order.created", "anywhere", "--sink", "stalling")
    worker, log = start(project)
    project.await_workers(1)
    for _ in range(2):
        worker.send_signal(signal.SIGSTOP)
        time.sleep(10)
        worker.send_signal(signal.SIGCONT)
        time.sleep(2)
    assert log.wait_for("this process stood still")["seconds"] > 5
    project.run("publish", "order.created", "{}")
    eventually(lambda: project.rows("logs"), what="it goes on")
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
    assert not [one for one in log.lines if "hangs" in one["message"]]


def test_workers_end_gracefully_when_their_supervisor_is_killed(make_project, make_inbox):
    project = make_project()
    slow = make_inbox(delay=2.0)
    project.run("subscribe", "order.created", slow.url, "--secret", SECRET)
    worker, log = start(project, "--processes", "2", "--consumers", "trigger,retry")
    project.await_workers(2)
    project.run("publish", "order.created", "{}")
    eventually(lambda: slow.received, what="the request has begun")
    children = psutil.Process(worker.pid).children()
    worker.kill()
    _, alive = psutil.wait_procs(children, PATIENCE)
    assert not alive
    log.wait_for("the supervisor is gone")
    (row,) = project.rows("logs")
    assert row["outcome"] == "delivered"
