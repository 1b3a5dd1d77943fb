"""What a peer is: somebody who does the same job."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen

from tests.benchmarks.driving import Run
from tests.benchmarks.payloads import Payloads


@frozen(kw_only=True)
class Job:
    """Deliver so many events to one recipient, signed."""

    payloads: Payloads
    events: int


class Peer(ABC):
    """Somebody who does the job on the same two cores."""

    name: str

    @abstractmethod
    def run(self, job: Job) -> Run:
        """Do the job with a recipient of its own; the backlog is there when workers start."""
