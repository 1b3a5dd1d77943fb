"""The log as CSV: its columns, and its rows as lines.

The columns are the fields of `asyncevents_core.forms.LogRowForm`, in its order. What was sent is a
further column, where it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncevents_core.domain.csv_lines import csv_lines, harmless
from asyncevents_core.domain.instant import iso, to_datetime
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import LogBatch, LogRow

COLUMNS: Final = (
    "log_id", "uuid", "event_id", "event_name", "tenant", "subscription_id", "sink", "target",
    "attempt", "started_at", "duration", "outcome", "success", "fate", "detail", "http_status",
    "response", "delivery_state",
)  # fmt: skip

PAYLOAD: Final = "payload"
"""The column of the CloudEvent that was sent, as JSON text."""


def header(*, payload: bool) -> bytes:
    """Return the line of names, with that of the payload if `payload`."""
    return csv_lines([(*COLUMNS, PAYLOAD) if payload else COLUMNS])


def lines(batch: LogBatch) -> bytes:
    """Return rows as UTF-8, a line each; empty for a payload that is not kept any more."""
    payloads = batch.payloads
    if payloads is None:
        return csv_lines([_row(one) for one in batch.rows])
    texts = {event_id: body.decode("utf-8", "replace") for event_id, body in payloads.items()}
    return csv_lines([(*_row(one), texts.get(one.event_id)) for one in batch.rows])


def _row(one: LogRow) -> Sequence[object]:
    attempt = one.attempt
    return (
        one.log_id,
        attempt.delivery_id,
        one.event_id,
        one.event_name,
        None if one.tenant is None else harmless(one.tenant),
        one.subscription_id,
        one.sink,
        harmless(attempt.target),
        attempt.claim_no,
        iso(to_datetime(attempt.started_at)),
        f"{attempt.duration:.6f}",
        attempt.outcome.value,
        int(attempt.outcome is OutcomeKind.DELIVERED),
        one.fate.value,
        harmless(attempt.detail),
        attempt.http_status,
        harmless(attempt.response),
        one.delivery_state.value,
    )
