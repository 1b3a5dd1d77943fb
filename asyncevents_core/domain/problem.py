"""What is wrong with an installation, in words, and what to do about it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Self

from attrs import frozen


class ProblemKind(enum.StrEnum):
    """What is wrong. Monitoring may go by these names: they stay."""

    NO_WORKER = "no_worker"
    NO_CONSUMER = "no_consumer"
    OVERDUE = "overdue"
    STUCK_WORKER = "stuck_worker"
    SILENT_WORKER = "silent_worker"
    READ_ONLY = "read_only"
    NOT_WRITABLE = "not_writable"
    BLOCKED = "blocked"
    DISK = "disk"
    BROKER = "broker"
    INDEX_BEHIND = "index_behind"
    UNDELIVERED = "undelivered"
    FAILING_RECIPIENT = "failing_recipient"
    UNSEEN = "unseen"
    NEIGHBOUR = "neighbour"


@frozen(kw_only=True)
class AdvicePart:
    """A part of an advice: words, or a command as it is typed."""

    text: str
    is_command: bool


@frozen(kw_only=True)
class Problem:
    """One thing that is wrong: a sentence that says what, and one that says what to do.

    `commands` are those within `advice`, in their order.
    """

    kind: ProblemKind
    words: str
    advice: str
    commands: tuple[str, ...] = ()

    @classmethod
    def advised(cls, *, kind: ProblemKind, words: str, advice: str) -> Self:
        """Return a problem whose advice has its commands in backquotes."""
        commands = tuple(advice.split("`")[1::2])
        return cls(kind=kind, words=words, advice=advice.replace("`", ""), commands=commands)

    @property
    def advice_parts(self) -> Sequence[AdvicePart]:
        """What to do, with commands apart."""
        parts: list[AdvicePart] = []
        rest = self.advice
        for command in self.commands:
            before, _, rest = rest.partition(command)
            parts += [AdvicePart(text=before, is_command=False)] if before else []
            parts.append(AdvicePart(text=command, is_command=True))
        return [*parts, AdvicePart(text=rest, is_command=False)] if rest else parts
