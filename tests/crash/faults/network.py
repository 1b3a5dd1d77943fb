"""Networks that fall silent, pass in one direction only, forget connections, or end them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from tests.crash.fault import Fault
from tests.crash.faults.kills import FOR_A_HEALTHY_ONE
from tests.crash.processes import one_of
from tests.crash.world import World
from tests.services.silence import Direction, Proxy


class _NetworkFault(Fault):
    """Befalls connections to one server. `_proxies` says whose."""

    family = "network"
    lasts = (2.0, 25.0)

    @abstractmethod
    def _proxies(self) -> Iterable[Proxy]:
        """Return what is between the server and who uses it."""

    def inject(self) -> None:
        for one in self._proxies():
            one.hush()

    def heal(self) -> None:
        for one in self._proxies():
            one.speak()


class _Ledger(_NetworkFault):
    spares = False

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.ledger is not None

    def _proxies(self) -> Iterable[Proxy]:
        return [links.ledger for links in self.world.victims() if links.ledger is not None]


class _Broker(_NetworkFault):
    spares = True

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.broker is not None

    def _proxies(self) -> Iterable[Proxy]:
        return [links.broker for links in self.world.victims() if links.broker is not None]


class _OneWay(_NetworkFault):
    def inject(self) -> None:
        ways: tuple[Direction, Direction] = ("to_server", "to_client")
        way = self.dice.choice(ways)
        for one in self._proxies():
            one.hush(way)


class _Cut(_NetworkFault):
    """Without FIN or RST. New connections work at once."""

    lasts = (0.0, 0.0)

    def inject(self) -> None:
        for one in self._proxies():
            one.cut()

    def heal(self) -> None:
        """What was cut stays so."""


class _Reset(_NetworkFault):
    lasts = (0.0, 0.0)

    def inject(self) -> None:
        for one in self._proxies():
            one.reset()

    def heal(self) -> None:
        """Everybody knows already."""


class OneWorkerCutOff(_Ledger):
    """The network between one worker and the database is silent; the other worker is well."""

    name = "the database is silent for one worker"
    spares = True

    def prepare(self) -> bool:
        worker = one_of(self.world.workers, self.dice, FOR_A_HEALTHY_ONE)
        if worker is not None:
            self._victim = self.world.links[worker.name]
        return worker is not None

    def _proxies(self) -> Iterable[Proxy]:
        return [] if self._victim.ledger is None else [self._victim.ledger]


class DatabaseSilent(_Ledger):
    name = "the database is silent"


class DatabaseHalfOpen(_OneWay, _Ledger):
    name = "the database hears, or is heard, only"


class DatabaseCut(_Cut, _Ledger):
    """Counted from its beginning: nothing but their own limits tells the workers."""

    name = "connections to the database are cut"
    spares = True


class DatabaseReset(_Reset, _Ledger):
    name = "connections to the database are reset"
    spares = True


class BrokerSilent(_Broker):
    name = "the broker is silent"


class BrokerHalfOpen(_OneWay, _Broker):
    name = "the broker hears, or is heard, only"


class BrokerCut(_Cut, _Broker):
    name = "connections to the broker are cut"


class BrokerReset(_Reset, _Broker):
    name = "connections to the broker are reset"
