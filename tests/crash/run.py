"""One run on a pair of broker and ledger: faults at random moments; then everything is counted."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence

import psutil
from attrs import define, field, frozen

from tests.crash.counting import SETTLE_TIMEOUT, Counts, count
from tests.crash.fault import Fault
from tests.crash.processes import EXIT_TO_BE_RESTARTED
from tests.crash.timeline import Happening, Timeline
from tests.crash.world import World, enough_path, probing
from tests.integration.project import eventually

_BETWEEN = (0.0, 0.5)
"""Seconds between the moment when deliveries go on again and the next fault."""
_UNDER_WAY = 0.3
"""Seconds for which a request may have been under way before it counts as received."""


@frozen(kw_only=True)
class KindReport:
    """What the faults of one kind did in one run."""

    name: str
    family: str
    spares: bool
    times: int
    longest_stop: float
    """Seconds; see tests/crash/timeline.py."""
    named: Mapping[str, int]
    """What logs said while it lasted, and until the next fault: how many faults had it."""
    went_on: int
    """Faults while which deliveries went on, or came back before the end."""
    slowest: float
    """Seconds from its end to the next arrival, at most; after those that let nothing arrive."""


@frozen(kw_only=True)
class Report:
    """What became of one run."""

    pair: str
    seed: int
    seconds: float
    counts: Counts
    kinds: Sequence[KindReport]
    exits: int
    """Workers that ended by themselves to be started anew."""

    @property
    def longest_stop(self) -> float:
        return max((one.longest_stop for one in self.kinds), default=0.0)

    def times(self, *families: str) -> int:
        return sum(one.times for one in self.kinds if one.family in families)


@frozen(kw_only=True)
class Plan:
    """How often each kind of fault is to happen, and for how long at most."""

    kinds: Mapping[type[Fault], int]
    longest: float = math.inf

    def drawn(self, world: World, dice: random.Random) -> list[type[Fault]]:
        order = [
            kind for kind, times in self.kinds.items() if kind.applies(world) for _ in range(times)
        ]
        dice.shuffle(order)
        return order


@define(slots=False, kw_only=True)
class CrashRun:
    """Publishes and delivers in a world, and lets a plan happen to it."""

    world: World
    pair: str
    plan: Plan
    seed: int
    _named: dict[str, list[set[str]]] = field(factory=dict)

    def run(self) -> Report:
        """Run to the end, when nothing is open any more."""
        begun = time.monotonic()
        world = self.world
        for one in world.processes:
            one.start()
        eventually(self._healthy_arrivals, what="the workers work")
        timeline = Timeline(begun=time.time(), ended=0.0)
        with probing(world):
            self._let_it_happen(timeline)
            eventually(self._recovered(timeline), what="deliveries go on in the end")
        timeline.ended = time.time()
        self._finish()
        return self._report(timeline, time.monotonic() - begun)

    def _let_it_happen(self, timeline: Timeline) -> None:
        dice = random.Random(self.seed)
        for kind in self.plan.drawn(self.world, dice):
            time.sleep(dice.uniform(*_BETWEEN))
            fault = kind(self.world, dice, longest=self.plan.longest)
            if not fault.prepare():
                continue
            offsets = [one.log.stat().st_size for one in self.world.processes]
            begun = time.time()
            fault.inject()
            time.sleep(fault.seconds)
            fault.heal()
            happening = Happening(
                name=kind.name,
                family=kind.family,
                spares=kind.spares,
                begun=begun,
                ended=time.time(),
            )
            timeline.happenings.append(happening)
            # The next fault shall not hide how long it takes to recover from this one.
            self._await(self._recovered(timeline), SETTLE_TIMEOUT)
            for one in self.world.processes:
                one.look_after()
            self._note(kind.name, offsets)
            print(f"{happening.ended:.1f} {kind.name}: {happening.ended - begun:.1f} s", flush=True)

    def _recovered(self, timeline: Timeline):  # type: ignore[no-untyped-def]
        ended = timeline.happenings[-1].ended if timeline.happenings else timeline.begun
        # Not what was under way when it ended.
        return lambda: any(at > ended + _UNDER_WAY for at in self._healthy_arrivals()[-20:])

    def _await(self, condition, seconds: float) -> None:  # type: ignore[no-untyped-def]
        """Wait for a while; what does not come is found when all is counted."""
        until = time.monotonic() + seconds
        while not condition() and time.monotonic() < until:
            for one in self.world.processes:
                one.look_after()
            time.sleep(0.05)

    def _note(self, name: str, offsets: Sequence[int]) -> None:
        said = {
            line
            for process, offset in zip(self.world.processes, offsets, strict=True)
            for line in process.warnings(offset)
        }
        self._named.setdefault(name, []).append(said)

    def _healthy_arrivals(self) -> list[float]:
        return [one.at for one in self.world.inboxes["healthy"].accepted]

    def _finish(self) -> None:
        """Let everything end that is open, and stop."""
        world = self.world
        enough_path(world.project).touch()
        eventually(
            lambda: not world.publisher.running,
            what="everything is published",
            timeout=SETTLE_TIMEOUT,
        )
        self._settle()
        # A worker that was just started again ends without a word until it has its handlers.
        eventually(self._signed_on, what="the workers have started", timeout=SETTLE_TIMEOUT)
        codes = [worker.stop() for worker in world.workers]
        assert codes == [0, 0], codes
        left = [one for one in psutil.Process().children(recursive=True) if _is_of(one, world)]
        assert not left, left

    def _settle(self) -> None:
        """Wait until nothing is open; fail when nothing moves any more."""
        before, moved = "", time.monotonic()
        while "due" in (states := self._states()):
            for one in self.world.workers:
                one.look_after()
            if states != before:
                before, moved = states, time.monotonic()
            assert time.monotonic() - moved < SETTLE_TIMEOUT, f"it does not go on: {states}"
            time.sleep(0.5)

    def _states(self) -> str:
        """Say how many rows are in which state, and whether they are due at some time."""
        found = [
            (f"{count} {name} {state}" + (" due" if due else ""))
            for name in ("event", "delivery")
            for state, due, count in self.world.query(
                "SELECT state, due_at IS NOT NULL, COUNT(*) "
                f"FROM asyncevents_{name} GROUP BY 1, 2 ORDER BY 1, 2"
            )
        ]
        return ", ".join(found)

    def _signed_on(self) -> bool:
        with self.world.project.events() as events:
            rows = events.runtime.ledger.read(lambda view: list(view.workers.all()))
        pids = {one.process.pid for one in self.world.workers if one.process is not None}
        return pids <= {row.pid for row in rows}

    def _report(self, timeline: Timeline, seconds: float) -> Report:
        exits = [code for one in self.world.processes for code in one.exits]
        # The publisher ends by itself when it has enough.
        assert set(exits) <= {0, EXIT_TO_BE_RESTARTED}, exits
        arrivals = self._healthy_arrivals()
        longest = timeline.longest(arrivals)
        kinds = []
        for name in dict.fromkeys(one.name for one in timeline.happenings):
            ours = [one for one in timeline.happenings if one.name == name]
            during = [_went_on(one, arrivals) for one in ours]
            after = [
                min((at for at in arrivals if at > one.ended), default=math.inf) - one.ended
                for one, good in zip(ours, during, strict=True)
                if not good
            ]
            said = self._named[name]
            kinds.append(
                KindReport(
                    name=name,
                    family=ours[0].family,
                    spares=ours[0].spares,
                    times=len(ours),
                    longest_stop=round(longest[name].seconds, 1) if name in longest else 0.0,
                    named={
                        line: sum(line in one for one in said)
                        for line in sorted(set().union(*said))
                    },
                    went_on=sum(during),
                    slowest=round(max(after, default=0.0), 1),
                )
            )
        return Report(
            pair=self.pair,
            seed=self.seed,
            seconds=round(seconds, 1),
            counts=count(self.world),
            kinds=kinds,
            exits=exits.count(EXIT_TO_BE_RESTARTED),
        )


def _went_on(fault: Happening, arrivals: Sequence[float]) -> bool:
    """Tell whether something arrived towards the end of a fault: in its last half, or 2 seconds."""
    last = max((fault.begun + fault.ended) / 2, fault.ended - 2.0)
    return any(last <= at <= fault.ended for at in arrivals)


def _is_of(process: psutil.Process, world: World) -> bool:
    try:
        return process.cwd() == str(world.project.folder)
    except psutil.Error:
        return False
