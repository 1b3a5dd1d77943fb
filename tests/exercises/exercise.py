"""What an exercise is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from tests.exercises.workbench import NotDone, Workbench


class Exercise(ABC):
    """Something to build or to mend with asyncevents, and how to see that it works.

    `check` looks at nothing that somebody wrote: it runs it, and looks at what arrives. So any
    way of doing it counts. It fails in a folder that was only prepared; with the solution of
    that name in `solutions` it succeeds.
    """

    name: ClassVar[str]
    instruction: ClassVar[str]
    """What is to be done. `{recipient}`, `{secret}` and what `words` has are put into it."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench

    @classmethod
    def missing(cls) -> str:
        """Return why it cannot be done on this machine; empty if it can."""
        return ""

    def prepare(self) -> None:  # noqa: B027 - most that are built begin in an empty folder
        """Put into the folder what is there when the work begins."""

    def words(self) -> dict[str, str]:
        """Return what else the instruction mentions, once all is prepared."""
        return {}

    def told(self) -> str:
        """Return the instruction as it is given to whoever does it."""
        return self.instruction.strip().format(
            recipient=self.bench.inbox.url,
            secret=self.bench.environment["SECRET"],
            **self.words(),
        )

    @abstractmethod
    def check(self) -> None:
        """Run what was made. Raises NotDone, with what was seen, if it does not do its work."""

    def clean(self) -> None:  # noqa: B027 - only what `prepare` did outside of the folder
        """Take back what the folder alone does not hold."""


def require(condition: bool, otherwise: str) -> None:
    """Raise NotDone with `otherwise` unless the condition holds."""
    if not condition:
        raise NotDone(otherwise)
