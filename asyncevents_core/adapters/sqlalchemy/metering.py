"""What observers are told of a transaction: how many rows, how often it was run again."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from attrs import define
from sqlalchemy import Engine
from sqlalchemy import event as listen


@define
class Reruns:
    """How often a transaction was run again so far."""

    number: int = 0


class RowCounter(threading.local):
    """The rows that this thread's transaction wrote or read, as the driver counts them."""

    def __init__(self) -> None:
        self.rows = 0

    def reset(self) -> None:
        """Begin to count a transaction."""
        self.rows = 0

    def count_on(self, engines: Iterable[Engine]) -> None:
        """Count what is executed on these engines from now on."""

        def count(_: object, cursor: Any, *__: object) -> None:
            # -1 where the driver does not know.
            self.rows += max(0, cursor.rowcount)

        for engine in engines:
            listen.listen(engine, "after_cursor_execute", count)
