"""Whether anything raises an alarm although nothing is wrong."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from attrs import frozen

from tests.crash.world import World, open_world, probing
from tests.integration.project import eventually

_LOOK_EVERY = 5.0


@frozen(kw_only=True)
class Calm:
    """What was said while nothing was wrong."""

    on: str
    minutes: float
    deliveries: int
    alarms: list[str]
    """Warnings, errors and exits, the same ones once each, with when they came first."""


def stay_calm(broker: str, ledger: str, minutes: float) -> Calm:
    """Publish and deliver for so long without a fault, and return what was said."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        # A disk that fills up by itself is no false alarm.
        open_world(broker, ledger, folder=Path(folder), pause=0.1, small_disk=False) as world,
    ):
        for one in world.processes:
            one.start()
        healthy = world.inboxes["healthy"]
        eventually(lambda: healthy.accepted, what="the workers work")
        until = time.monotonic() + minutes * 60
        came: dict[str, str] = {}
        with probing(world):
            while time.monotonic() < until:
                time.sleep(min(_LOOK_EVERY, max(0.0, until - time.monotonic())))
                for one in world.processes:
                    one.look_after()
                for alarm in _alarms(world):
                    came.setdefault(alarm, _now())
        return Calm(
            on=f"{broker}, {ledger}",
            minutes=minutes,
            deliveries=sum(len(one.arrivals) for one in world.inboxes.values()),
            alarms=[f"{alarm} ({when})" for alarm, when in came.items()],
        )


def _alarms(world: World) -> list[str]:
    said = {line for one in world.processes for line in one.warnings()}
    exits = {f"{one.name} exits with {code}" for one in world.processes for code in one.exits}
    return sorted(said | exits)


def _now() -> str:
    """Return the time and how many processes want to run: whether something else was going on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"at {time.strftime('%H:%M:%S')}, load {load:.1f}"
