"""SIGKILL to workers, publishers and servers."""

from __future__ import annotations

import time

from tests.crash.fault import Fault
from tests.crash.faults.servers import OfBroker, OfDatabase, OfServer
from tests.crash.processes import one_of
from tests.crash.world import World

FOR_A_HEALTHY_ONE = 60.0
"""Seconds for which a fault of a worker waits until another one has started."""
_FOR_REQUESTS = 3.0
"""Seconds for which a kill of a worker waits until requests are under way."""


class WorkerKilled(Fault):
    """While requests are under way."""

    name = "a worker is killed"
    family = "kill"
    spares = True
    lasts = (0.0, 0.5)

    @classmethod
    def applies(cls, world: World) -> bool:
        return True

    def prepare(self) -> bool:
        worker = one_of(self.world.workers, self.dice, FOR_A_HEALTHY_ONE)
        if worker is None:
            return False
        self._worker = worker
        until = time.monotonic() + _FOR_REQUESTS
        while not self.world.under_way() and time.monotonic() < until:
            time.sleep(0.001)
        return self.world.under_way() > 0

    def inject(self) -> None:
        self._worker.kill()

    def heal(self) -> None:
        self._worker.start()


class PublisherKilled(Fault):
    name = "the publisher is killed"
    family = "kill"
    spares = True
    lasts = (0.0, 0.5)

    @classmethod
    def applies(cls, world: World) -> bool:
        return True

    def inject(self) -> None:
        self.world.publisher.kill()

    def heal(self) -> None:
        self.world.publisher.start()


class _ServerKilled(OfServer):
    family = "kill"
    lasts = (0.0, 0.5)

    def inject(self) -> None:
        self.server.kill()

    def heal(self) -> None:
        self.server.start()


class BrokerKilled(_ServerKilled, OfBroker):
    name = "the broker is killed"


class DatabaseKilled(_ServerKilled, OfDatabase):
    name = "the database is killed"
