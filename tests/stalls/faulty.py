"""Stalls that come out of the worker's own process: sinks, services, supervisors, the index."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Sequence
from typing import Any

import psutil

from tests.crash.world import World
from tests.integration.inbox import SECRET
from tests.stalls.stall import Stall

SCRIPT = """
import asyncio, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
sys.argv = ["asyncevents", *sys.argv[2:]]

from asyncevents_http.sink import HttpSink
from asyncevents_core.engine.searching.feed import IndexFeed

deliver, step = HttpSink.deliver, IndexFeed.step

def once(name):
    try:
        (folder / name).unlink()
    except FileNotFoundError:
        return False
    return True

async def never():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue

async def faulty_deliver(self, request, deadline):
    if once("the loop blocks"):
        time.sleep(3600)
    if once("a sink never returns"):
        await never()
    return await deliver(self, request, deadline)

def faulty_step(self):
    if once("the index hangs"):
        time.sleep(3600)
    return step(self)

HttpSink.deliver, IndexFeed.step = faulty_deliver, faulty_step
from asyncevents_core.cli.app import main
main()
"""
SERVICES = """
import os, time

def slow(n):
    time.sleep(5)
    return {"n": n}

def deadly(n):
    os._exit(1)
"""
BURST = 200
"""Events of a slow service that are published at once."""


class _Faulty(Stall):
    """A worker does something wrong once, when a file of this name is there."""

    worker_script = SCRIPT
    worker_arguments: Sequence[str] = ("worker",)
    trigger = ""

    def inject(self, world: World) -> None:
        (world.project.folder / self.trigger).touch()

    def heal(self, world: World) -> None:
        """Do what an operator would: kill the worker, and start it again."""
        (world.project.folder / self.trigger).unlink(missing_ok=True)
        world.workers[0].kill()
        world.workers[0].start()


class LoopBlocked(_Faulty):
    name = "a sink blocks the event loop"
    trigger = "the loop blocks"


class SinkNeverReturns(_Faulty):
    name = "a sink never returns, and swallows its cancellation"
    trigger = "a sink never returns"


class IndexHangs(_Faulty):
    name = "the feed of the search index hangs"
    trigger = "the index hangs"
    deliveries_stop = False


class _Service(Stall):
    def settings(self) -> dict[str, Any]:
        return {
            "EVENTS": {
                "order.created": {},
                "slow.event": {"service": "stall_services:slow"},
                "deadly.event": {"service": "stall_services:deadly"},
            }
        }

    def prepare(self, world: World) -> None:
        (world.project.folder / "stall_services.py").write_text(SERVICES)
        for name in ("slow.event", "deadly.event"):
            target = f"{world.inboxes['flaky'].url}/services"
            world.project.run("subscribe", name, target, "--secret", SECRET)

    def heal(self, world: World) -> None:
        """What a service does has an end of its own."""


class SlowBurst(_Service):
    """What stands still are the events without a service."""

    name = f"{BURST} events call a service that blocks for 5 s"

    def inject(self, world: World) -> None:
        with world.project.events() as events:
            events.publish_many([("slow.event", {"n": n}) for n in range(BURST)])


class DeadlyService(_Service):
    """Under a supervisor, as in production."""

    name = "a service kills its process"
    worker_script = SCRIPT
    worker_arguments = ("worker", "--processes", "2")

    def inject(self, world: World) -> None:
        with world.project.events() as events:
            events.publish("deadly.event", {"n": 1})


class _Supervised(Stall):
    worker_script = SCRIPT
    worker_arguments = ("worker", "--processes", "2")

    def _note_children(self, world: World) -> None:
        process = world.workers[0].process
        assert process is not None
        self._children = psutil.Process(process.pid).children(recursive=True)

    @property
    def _left(self) -> list[psutil.Process]:
        return [one for one in self._children if one.is_running() and not _is_dead(one)]


class SupervisorKilled(_Supervised):
    """Its workers have to end, or they outlive a deployment."""

    name = "the supervisor is killed"
    deliveries_stop = False

    def inject(self, world: World) -> None:
        self._note_children(world)
        world.workers[0].kill()

    def healed(self, world: World) -> bool | None:
        return not self._left

    def heal(self, world: World) -> None:
        for one in self._left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        world.workers[0].start()


class SupervisorFrozen(_Supervised):
    """It cannot start anew what dies: one of its workers is killed meanwhile."""

    name = "the supervisor is frozen, and one of its workers dies"

    def inject(self, world: World) -> None:
        self._note_children(world)
        world.workers[0].freeze()
        self._children[0].send_signal(signal.SIGKILL)

    def heal(self, world: World) -> None:
        world.workers[0].thaw()


def _is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
