"""What is wrong with an installation, in words, and what to do about it."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from attrs import field, frozen


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

    Commands in `advice` are given in backquotes.
    """

    kind: ProblemKind
    words: str
    _advice: str = field(alias="advice")

    @property
    def advice(self) -> str:
        """What to do, as plain text."""
        return "".join(one.text for one in self.advice_parts)

    @property
    def advice_parts(self) -> Sequence[AdvicePart]:
        """What to do, with commands apart."""
        return [
            AdvicePart(text=text, is_command=number % 2 == 1)
            for number, text in enumerate(self._advice.split("`"))
            if text
        ]
