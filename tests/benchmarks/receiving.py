"""The recipient seen from outside: its process, and what arrived when."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import define, frozen

ROOT = Path(__file__).parents[2]
_RISEN = 0.25
_EBBING = 0.9


@frozen(kw_only=True)
class Arrivals:
    """The monotonic times of arrivals, in their order."""

    times: Sequence[float]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def seconds(self) -> float:
        """From the first to the last one."""
        return self.times[-1] - self.times[0]

    @property
    def rate(self) -> float:
        """Arrivals a second, from the first to the last one."""
        return (len(self.times) - 1) / self.seconds

    @property
    def steady_rate(self) -> float:
        """Arrivals a second without the start and the end: from 25 % to 90 % of them."""
        first, last = (int(share * (len(self.times) - 1)) for share in (_RISEN, _EBBING))
        return (last - first) / (self.times[last] - self.times[first])


@define(slots=False)
class Recipient:
    """The recipient's process."""

    url: str
    process: subprocess.Popen[str]

    def counts(self) -> dict[str, int]:
        """How many requests came, by path."""
        return json.loads(self._get("/counts"))

    def received(self, paths: Sequence[str]) -> int:
        """How many requests came at these paths."""
        counts = self.counts()
        return sum(counts.get(path, 0) for path in paths)

    def arrivals(self, paths: Sequence[str]) -> Arrivals:
        """When requests came at these paths."""
        times: array[float] = array("d")
        for path in paths:
            times.frombytes(self._get(f"/arrivals{path}"))
        return Arrivals(times=sorted(times))

    def latencies(self) -> list[tuple[float, float]]:
        """Seconds since `publish()` was called, and since it should have been, in order."""
        return [(one, other) for one, other in json.loads(self._get("/latencies"))]

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return bytes(answer.read())


@contextmanager
def recipient() -> Iterator[Recipient]:
    """Run a recipient while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.recipient"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # Ctrl-C is for the one that started it.
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield Recipient(url=process.stdout.readline().strip(), process=process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
