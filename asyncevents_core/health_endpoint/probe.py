"""What a process says of itself, and how that travels to the process that answers for it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from attrs import asdict, frozen


class Probe(ABC):
    """Asked from any thread. Does not block for more than a second."""

    role: str
    """What the process does: "worker", "server"."""

    @abstractmethod
    def not_live(self) -> str | None:
        """Return why the process should be started anew, in words; None if it goes on."""

    @abstractmethod
    def not_ready(self) -> str | None:
        """Return why the process does not do its work now, in words; None if it does."""


@frozen(kw_only=True)
class Report:
    """What one process said of itself. `numbers` are those of its metrics, None if it keeps none.

    `process` is the number of its seat.
    """

    process: int
    role: str
    not_live: str | None
    not_ready: str | None
    numbers: Mapping[str, Sequence[Any]] | None = None

    @classmethod
    def of(cls, process: int, probe: Probe, numbers: Callable[[], Any] | None) -> Self:
        """Ask a probe now."""
        return cls(
            process=process,
            role=probe.role,
            not_live=probe.not_live(),
            not_ready=probe.not_ready(),
            numbers=None if numbers is None else numbers(),
        )

    @classmethod
    def silent(cls, process: int) -> Self:
        """Return that of a process which is there and does not answer."""
        words = "does not answer"
        return cls(process=process, role="unknown", not_live=words, not_ready=words)

    def to_json(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self, recurse=False)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read what `to_json` wrote. Raises ValueError, TypeError or KeyError."""
        return cls(**json.loads(text))
