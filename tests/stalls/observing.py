"""Lets one stall happen in a world of its own, and watches."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from attrs import define, field

from tests.crash.processes import EXIT_TO_BE_RESTARTED, Process
from tests.crash.world import World, open_world, probing
from tests.integration.project import eventually
from tests.services.ports import free_port
from tests.stalls.probing import signs
from tests.stalls.stall import Naming, Observed, Stall

WATCHED_FOR = 45.0
"""Seconds for which a stall lasts, so that one that begins later is seen as well."""
A_STOP = 5.0
"""Seconds without a delivery that count as a stop: events are published several times a second."""
ASKED_AT = (4.0, 18.0)
"""Seconds after which an operator asks `status` and `check`."""
ANSWERED_WITHIN = 30.0
PROBED_EVERY = 1.0
"""Seconds from one look of probes and Prometheus to the next."""
AFTER_END = 60.0


def observe(stall: Stall) -> Observed:
    """Return what was seen of a stall, in a world that is made for it."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        open_world(
            stall.broker,
            stall.ledger,
            folder=Path(folder),
            settings={
                "METRICS": "prometheus",
                "HEALTH_ADDRESS": f"127.0.0.1:{(port := free_port())}",
                **stall.settings(),
            },
        ) as world,
    ):
        return _Watch(stall=stall, world=world, port=port).observe()


@define(slots=False, kw_only=True)
class _Watch:
    stall: Stall
    world: World
    port: int
    """Where workers answer probes."""
    _namings: list[Naming] = field(factory=list)
    _lock: threading.Lock = field(factory=threading.Lock)
    _healed: float | None = None

    def observe(self) -> Observed:
        stall, world = self.stall, self.world
        workers = world.workers = world.workers[: stall.workers]
        if stall.worker_script is not None:
            for one in workers:
                arguments = (str(world.project.folder), *stall.worker_arguments)
                one.arguments = ("-c", stall.worker_script, *arguments)
        stall.prepare(world)
        self._processes = [world.publisher, *workers]
        for one in self._processes:
            one.start()
        with probing(world):
            eventually(self._arrivals, what="the worker works")
            usual = _Answers(world)
            eventually(lambda: not list(self._signs()), what="probes and numbers say all is well")
            begun, ended = self._watch(usual)
            gaps = self._gaps(begun, ended)
            stall.heal(world)
            after_end = self._after(time.time())
        return Observed(
            kind=stall.name,
            on=stall.on,
            stopped=round(max(later - earlier for earlier, later in gaps), 1),
            healed=self._healed_after(begun, ended, gaps),
            namings=self._each_once(),
            after_end=after_end,
        )

    def _watch(self, usual: _Answers) -> tuple[float, float]:
        """Let it happen; return from when to when it was watched. What is seen is kept."""
        offsets = {one.name: one.log.stat().st_size for one in self._processes}
        begun = time.time()
        self.stall.inject(self.world)
        asked = [threading.Thread(target=self._ask, args=(begun, at, usual)) for at in ASKED_AT]
        asked.append(threading.Thread(target=self._probe, args=(begun,)))
        for one in asked:
            one.start()
        while time.time() < begun + WATCHED_FOR:
            time.sleep(0.2)
            after = time.time() - begun
            for process in self._processes:
                self._read(process, offsets, after)
            if self._healed is None and self.stall.healed(self.world):
                self._healed = after
        ended = time.time()
        for one in asked:
            one.join()
        return begun, ended

    def _read(self, process: Process, offsets: dict[str, int], after: float) -> None:
        size = process.log.stat().st_size
        by = "publish()" if process is self.world.publisher else "log"
        for line in process.warnings(offsets[process.name]):
            self._name(after, by, _plain(line))
        offsets[process.name] = size
        exits = len(process.exits)
        process.look_after()
        for code in process.exits[exits:]:
            again = ", and is started again" if code == EXIT_TO_BE_RESTARTED else ""
            self._name(after, "exit", f"the process exits with {code}{again}")

    def _ask(self, begun: float, at: float, usual: _Answers) -> None:
        time.sleep(max(0.0, begun + at - time.time()))
        for command, words in _Answers(self.world).beyond(usual):
            self._name(time.time() - begun, command, words)

    def _probe(self, begun: float) -> None:
        while time.time() < begun + WATCHED_FOR:
            for by, words in self._signs():
                self._name(time.time() - begun, by, words)
            time.sleep(PROBED_EVERY)

    def _signs(self) -> Iterator[tuple[str, str]]:
        return signs(self.port, len(self.world.workers))

    def _name(self, after: float, by: str, words: str) -> None:
        with self._lock:
            self._namings.append(Naming(after=round(after, 1), by=by, words=words))

    def _each_once(self) -> list[Naming]:
        first: dict[tuple[str, str], Naming] = {}
        for one in sorted(self._namings, key=lambda one: one.after):
            first.setdefault((one.by, one.words), one)
        return list(first.values())

    def _arrivals(self) -> list[float]:
        inbox = self.world.inboxes["healthy"]
        return [one.at for one in inbox.accepted if one.event_type.endswith("order.created")]

    def _gaps(self, begun: float, ended: float) -> list[tuple[float, float]]:
        inside = [at for at in sorted(self._arrivals()) if begun < at < ended]
        points = [begun, *inside, ended]
        return list(pairwise(points))

    def _healed_after(
        self, begun: float, ended: float, gaps: list[tuple[float, float]]
    ) -> float | None:
        if not self.stall.deliveries_stop:
            return None if self._healed is None else round(self._healed, 1)
        stops = [(earlier, later) for earlier, later in gaps if later - earlier >= A_STOP]
        if not stops:
            return 0.0
        last = stops[-1][1]
        return None if last >= ended else round(last - begun, 1)

    def _after(self, end: float) -> float | None:
        """Return how long after the end the next delivery came, beyond what was under way."""
        until = end + AFTER_END
        while time.time() < until:
            for one in self._processes:
                one.look_after()
            found = [at for at in self._arrivals() if at > end + 0.3]
            if found:
                return round(min(found) - end, 1)
            time.sleep(0.1)
        return None


class _Answers:
    """What `status` and `check` say at one moment, seen from where the first worker is."""

    def __init__(self, world: World) -> None:
        self._said = {name: set(_ask(world, name)) for name in ("status", "check")}

    def beyond(self, usual: _Answers) -> Iterator[tuple[str, str]]:
        """Return command and words for whatever is said here, and usually is not."""
        for command, said in self._said.items():
            for words in sorted(said - usual._said[command]):
                yield command, words


def _ask(world: World, command: str) -> Iterator[str]:
    """Return what is wrong in words, without the numbers in it."""
    arguments = ["--json"] if command == "check" else []
    try:
        done = subprocess.run(
            [sys.executable, "-m", "asyncevents_core", command, *arguments],
            cwd=world.project.folder,
            env={**world.project.environment, **world.workers[0].environment},
            capture_output=True,
            text=True,
            timeout=ANSWERED_WITHIN,
        )
    except subprocess.TimeoutExpired:
        yield f"does not answer within {ANSWERED_WITHIN:g} s"
        return
    if done.returncode not in (0, 1) or (done.returncode == 1 and not done.stdout):
        yield _plain(done.stderr.strip().splitlines()[-1])
    if command == "status":
        # Behind the numbers comes the advice.
        lines = done.stdout.splitlines()
        advice = [line for line in lines if line and not line.startswith("  ")]
        # One recipient refuses everything, and that is told in any case, sooner or later.
        yield from (
            _plain(line)
            for line in advice
            if "dead-letters" not in line and "time after time" not in line
        )
        return
    for line in done.stdout.splitlines():
        found: Mapping[str, str] = json.loads(line)
        if found["state"] != "ok":
            yield _plain(f"{found['state']}: {found['what']}: {found['detail']}")


def _plain(text: str) -> str:
    """Return a text without what is of this run alone: ids, numbers, folders."""
    folders = re.escape(tempfile.gettempdir()) + r"/[\w./]+/"
    return re.sub(rf"{folders}|\b[0-9a-f]{{12}}\b|\d+", "…", text)[:300]


def seconds(value: float | None) -> str:
    """Write a time for a table."""
    return "—" if value is None else f"{math.ceil(value * 10) / 10:g} s"
