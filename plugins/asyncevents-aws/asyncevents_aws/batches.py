"""Answers of SQS and SNS, which name each entry of a batch by its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asyncevents_aws.failures import of_entry, unanswered
from asyncevents_aws.sink import Item
from asyncevents_core.plugin import Outcome


def outcomes_by_id(
    items: Sequence[Item[Any]],
    successful: Iterable[Mapping[str, Any]],
    failed: Iterable[Mapping[str, Any]],
) -> list[Outcome]:
    """Return the outcome of each item, whose id is its number."""
    found: dict[str, Outcome] = {}
    for one in successful:
        found[one["Id"]] = Outcome.delivered(f"message {one.get('MessageId', '')}")
    for one in failed:
        verdict = of_entry(one["Code"], one.get("Message"), ours=one.get("SenderFault"))
        found[one["Id"]] = verdict.outcome()
    missing = unanswered().outcome()
    return [found.get(str(item.number), missing) for item in items]
