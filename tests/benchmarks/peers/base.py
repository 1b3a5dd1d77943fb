"""What a peer is: somebody who does the same job."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Final

from attrs import frozen

from tests.benchmarks.driving import Run
from tests.benchmarks.payloads import Payloads

TABLES: Final = (
    "CREATE TABLE attempt (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
    "delivery_id UUID NOT NULL, event_id UUID NOT NULL, number INTEGER NOT NULL, "
    "outcome TEXT NOT NULL, status INTEGER, detail TEXT NOT NULL, response TEXT NOT NULL, "
    "target TEXT NOT NULL, started_at TIMESTAMPTZ NOT NULL, duration REAL NOT NULL, "
    "UNIQUE (delivery_id, number))",
)
"""Where those that write by hand keep a row for each attempt."""


@frozen(kw_only=True)
class Job:
    """Deliver so many events to one recipient, signed."""

    payloads: Payloads
    events: int


class Peer(ABC):
    """Somebody who does the job on the same two cores."""

    name: str
    slow: ClassVar[bool] = False
    """Whether a quarter of the events will do: what counts is a rate."""

    @abstractmethod
    def run(self, job: Job) -> Run:
        """Do the job with a recipient of its own; the backlog is there when workers start."""
