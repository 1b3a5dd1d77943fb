"""What is wrong with an installation, in words, and what to do about it."""

from __future__ import annotations

import enum

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
    UNSEEN = "unseen"
    NEIGHBOUR = "neighbour"


@frozen(kw_only=True)
class Problem:
    """One thing that is wrong: a sentence that says what, and one that says what to do."""

    kind: ProblemKind
    words: str
    advice: str
