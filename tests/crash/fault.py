"""What a fault is: it applies to a world, is injected, and healed."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from tests.crash.world import World

Family = Literal["kill", "freeze", "network", "state"]


class Fault(ABC):
    """One fault of a kind. `inject` and `heal` are called once each, in this order."""

    name: ClassVar[str]
    """How tables call the kind."""
    family: ClassVar[Family]
    spares: ClassVar[bool]
    """Whether a worker and the ledger stay as they are, so that deliveries should go on."""
    lasts: ClassVar[tuple[float, float]]
    """Seconds from `inject` to `heal`, at least and at most."""

    def __init__(self, world: World, dice: random.Random, *, longest: float = math.inf) -> None:
        self.world = world
        self.dice = dice
        least, most = self.lasts
        self.seconds = drawn(dice, min(least, longest), min(most, longest))

    @classmethod
    @abstractmethod
    def applies(cls, world: World) -> bool:
        """Tell whether the kind can happen in this world."""

    def prepare(self) -> bool:
        """Wait for the moment; tell whether it came. What this takes is no stop of anybody."""
        return True

    @abstractmethod
    def inject(self) -> None:
        """Let it happen."""

    @abstractmethod
    def heal(self) -> None:
        """End it. Workers and publishers are not started anew, but where they were killed."""


def drawn(dice: random.Random, least: float, most: float) -> float:
    """Draw a time: short ones are as likely as those that are many times as long."""
    if least <= 0.0 or least == most:
        return dice.uniform(least, most)
    return math.exp(dice.uniform(math.log(least), math.log(most)))
