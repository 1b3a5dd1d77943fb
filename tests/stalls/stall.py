"""What a stall is, and what is seen of it."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import frozen

from tests.crash.fault import Fault
from tests.crash.world import World

PROMISED = 30.0
"""Seconds within which a stall is to be healed or named."""


@frozen(kw_only=True)
class Naming:
    """One way in which a stall was named."""

    after: float
    """Seconds from its beginning."""
    by: str
    """"log", "status", "check", "exit", "publish()", "liveness", "readiness" or "metrics"."""
    words: str


@frozen(kw_only=True)
class Observed:
    """What was seen of one stall. Times are seconds from its beginning."""

    kind: str
    on: str
    stopped: float
    """The longest time without a delivery while it lasted."""
    healed: float | None
    """When deliveries went on, though it lasted: 0 if they never stopped; None: they did not."""
    namings: Sequence[Naming]
    """How it was named: each way and each wording once, the earliest first."""
    after_end: float | None
    """Seconds from its end to the next delivery; None: none within a minute."""

    @property
    def named(self) -> float | None:
        return min((one.after for one in self.namings), default=None)

    @property
    def first_of_each(self) -> Sequence[Naming]:
        """The first naming of each way."""
        first: dict[str, Naming] = {}
        for one in self.namings:
            first.setdefault(one.by, one)
        return list(first.values())

    @property
    def kept(self) -> bool:
        """Whether the promise was kept, and somebody could notice when deliveries stopped."""
        times = [one for one in (self.healed, self.named) if one is not None]
        in_time = min(times, default=PROMISED + 1) <= PROMISED
        noticed = self.healed == 0.0 or self.named is not None
        return in_time and noticed and self.after_end is not None


class Stall(ABC):
    """One kind of stall. `inject` is called once, in a world that works; then `heal`."""

    name: str
    broker: str = "RabbitMQ"
    ledger: str = "PostgreSQL"
    workers: int = 1
    """With two it is the other one that has to go on."""
    worker_script: ClassVar[str | None] = None
    """The worker's program, where the stall needs another one; its first argument is the folder."""
    worker_arguments: Sequence[str] = ()
    deliveries_stop: bool = True
    """Whether deliveries are what stands still; if not, it is healed only by being named."""

    @property
    def on(self) -> str:
        return f"{self.broker}, {self.ledger}"

    def settings(self) -> dict[str, Any]:
        """Return what the project needs beyond the usual."""
        return {}

    def prepare(self, world: World) -> None:  # noqa: B027 - most need nothing
        """Make what it needs, before any worker runs."""

    @abstractmethod
    def inject(self, world: World) -> None:
        """Let it happen."""

    @abstractmethod
    def heal(self, world: World) -> None:
        """End it: what an operator would do at last."""

    def healed(self, world: World) -> bool | None:
        """Tell whether it has ended by itself; None: the deliveries show it."""
        return None


class FaultStall(Stall):
    """A fault of the crash suite that lasts until it is healed."""

    def __init__(
        self,
        name: str,
        kind: type[Fault],
        *,
        broker: str = "RabbitMQ",
        ledger: str = "PostgreSQL",
        workers: int = 1,
    ) -> None:
        self.name = name
        self.broker = broker
        self.ledger = ledger
        self.workers = workers
        self._kind = kind

    def inject(self, world: World) -> None:
        self._fault = self._kind(world, _FirstChoice())
        self._fault.seconds = 45.0
        assert self._fault.prepare(), self.name
        self._fault.inject()
        if self._kind.lasts == (0.0, 0.0):
            # It is over in a moment: what it leaves behind is the stall.
            self._fault.heal()

    def heal(self, world: World) -> None:
        if self._kind.lasts != (0.0, 0.0):
            self._fault.heal()


class _FirstChoice(random.Random):
    """Dice that show the first: the same worker each time."""

    def choice(self, seq: Any) -> Any:
        return seq[0]
