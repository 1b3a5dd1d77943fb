"""The log as CSV, page by page: in constant memory however long it is."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from asyncevents_core.domain.envelope import to_datetime
from asyncevents_core.domain.logfilter import LogFilter
from asyncevents_core.domain.trace import LogRow
from asyncevents_core.ports.queries import LedgerQueries

PAGE: Final = 1000
COLUMNS: Final = (
    "log_id", "uuid", "subscription_id", "event_name", "success", "outcome", "detail",
    "http_status", "recipient_url", "created", "duration", "response",
)  # fmt: skip

_Read = Callable[[Callable[[LedgerQueries], Sequence[LogRow]]], Awaitable[Sequence[LogRow]]]


async def csv_of_log(wanted: LogFilter, read: _Read) -> AsyncIterator[bytes]:
    """Yield the attempts that a filter means, newest first, as UTF-8 with a line of names.

    `read` runs a query on the ledger. What is added meanwhile is left out.
    """
    yield _lines([COLUMNS])
    before: int | None = None
    while True:
        rows = await read(_query(wanted, before))
        if rows:
            yield _lines([_row(one) for one in rows])
        if len(rows) < PAGE:
            return
        before = rows[-1].log_id


def _query(wanted: LogFilter, before: int | None) -> Callable[[LedgerQueries], Sequence[LogRow]]:
    return lambda queries: queries.logs(wanted, limit=PAGE, before=before)


def _row(one: LogRow) -> Sequence[object]:
    attempt = one.attempt
    return (
        one.log_id,
        attempt.delivery_id,
        one.subscription_id,
        one.event_name,
        int(attempt.outcome.value == "delivered"),
        attempt.outcome.value,
        _harmless(attempt.detail),
        attempt.status,
        _harmless(attempt.target),
        to_datetime(attempt.started_at).isoformat(),
        f"{attempt.duration:.6f}",
        _harmless(attempt.response),
    )


def _harmless(text: str) -> str:
    """Keep spreadsheets from taking what a recipient answered for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
