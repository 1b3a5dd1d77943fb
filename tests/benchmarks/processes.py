"""CPU and memory of processes with all their children."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil
from attrs import frozen

_PROPORTIONAL: Final = "Pss:"
_KB: Final = 1024
_MB: Final = 1e6


def cpu_seconds(*pids: int) -> float:
    """Return the CPU time of these processes and all below them, also of those that ended."""
    spent = 0.0
    for process in _trees(pids):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # Children that ended and were waited for count with their parent.
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def resident_bytes(*pids: int) -> int:
    """Return the resident memory of these processes and all below them."""
    held = 0
    for process in _trees(pids):
        try:
            held += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return held


def proportional_bytes(*pids: int) -> list[int]:
    """Return the proportional set size of each of these processes and all below them.

    Of what processes share, each has its part: the sum counts it once. Read in /proc.
    """
    return [size for process in _trees(pids) if (size := _proportional(process.pid)) is not None]


def _proportional(pid: int) -> int | None:
    """Return the bytes, None where the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in lines:
        if line.startswith(_PROPORTIONAL):
            return int(line.split()[1]) * _KB
    return None


@frozen(kw_only=True)
class Held:
    """MB of each process at the moment when all of them together held most."""

    processes: Sequence[float]

    @property
    def total(self) -> float:
        return sum(self.processes)

    @classmethod
    def largest(cls, samples: Sequence[Sequence[int]]) -> Held:
        """Return the largest of samples, of which each has the bytes of each process."""
        return cls(processes=[one / _MB for one in max(samples, key=sum)])

    def __str__(self) -> str:
        return " + ".join(f"{one:.0f}" for one in self.processes)


@frozen(kw_only=True)
class Reading:
    """The meters at a moment: how many deliveries had arrived, CPU seconds by part.

    `busy` are the CPU seconds of the whole machine.
    """

    at: float
    arrived: int
    cpu: Mapping[str, float]
    busy: float


def read_meters(parts: Mapping[str, Sequence[int]], arrived: int) -> Reading:
    """Read the CPU meters of these processes."""
    cpu = {name: cpu_seconds(*pids) for name, pids in parts.items()}
    total = psutil.cpu_times()
    busy = total.user + total.nice + total.system + total.irq + total.softirq + total.steal
    return Reading(at=time.monotonic(), arrived=arrived, cpu=cpu, busy=busy)


@frozen(kw_only=True)
class Usage:
    """What deliveries cost between two readings."""

    deliveries: int
    seconds: float
    cpu: Mapping[str, float]
    busy: float

    @classmethod
    def between(cls, first: Reading, last: Reading) -> Usage:
        return cls(
            deliveries=last.arrived - first.arrived,
            seconds=last.at - first.at,
            cpu={name: last.cpu[name] - first.cpu[name] for name in last.cpu},
            busy=last.busy - first.busy,
        )

    def per_delivery(self, part: str) -> float:
        """CPU of a part per delivery, in microseconds."""
        return self.cpu[part] / self.deliveries * 1e6

    @property
    def others(self) -> float:
        """CPU of everything else on the machine, in cores; what measures is part of it."""
        return max(0.0, self.busy - sum(self.cpu.values())) / self.seconds

    def share(self, part: str) -> float:
        """CPU of a part, in cores."""
        return self.cpu[part] / self.seconds


def _trees(pids: Sequence[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        try:
            root = psutil.Process(pid)
            yield root
            yield from root.children(recursive=True)
        except psutil.NoSuchProcess:
            continue
