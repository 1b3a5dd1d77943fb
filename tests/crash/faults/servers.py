"""Faults that befall a server: which one, and where there is one."""

from __future__ import annotations

from abc import abstractmethod

from tests.crash.fault import Fault
from tests.crash.world import World
from tests.services.server import Server


class OfServer(Fault):
    """Befalls one server."""

    @property
    @abstractmethod
    def server(self) -> Server:
        """The server."""


class OfBroker(OfServer):
    """Befalls the broker."""

    spares = True

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.broker is not None

    @property
    def server(self) -> Server:
        assert self.world.broker is not None
        return self.world.broker


class OfDatabase(OfServer):
    """Befalls the database."""

    spares = False

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.ledger is not None

    @property
    def server(self) -> Server:
        assert self.world.ledger is not None
        return self.world.ledger
