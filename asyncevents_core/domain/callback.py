"""Subscriptions that end by themselves unless they are renewed: those of agents, by callbacks.

Such a subscription is one like any other, through the sink `mcp`. What is special about it is
kept in its options, by the names that are here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

SINK: Final = "mcp"
KEY: Final = "subscription_id"
"""The option with the id that the client knows."""
PRINCIPAL: Final = "principal"
"""The option that says who subscribed."""
EXPIRES_AT: Final = "expires_at"
"""The option with the time at which it ends, microseconds since 1970."""


def callback_key(principal: str, url: str, name: str, arguments: Mapping[str, object]) -> str:
    """Return the id of a subscription, the same one whenever the same is subscribed.

    >>> callback_key("me", "https://a.example", "order.created", {"b": 1, "a": 2}) == (
    ...     callback_key("me", "https://a.example", "order.created", {"a": 2, "b": 1})
    ... )
    True
    """
    what = json.dumps(
        [principal, url, name, arguments], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return f"sub_{hashlib.sha256(what.encode()).hexdigest()[:32]}"


def expires_at(options: Mapping[str, object]) -> int | None:
    """Return when a subscription with these options ends; None for one that does not."""
    found = options.get(EXPIRES_AT)
    return found if isinstance(found, int) else None


def is_over(options: Mapping[str, object], now: int) -> bool:
    """Tell whether a subscription with these options has ended, at a time in microseconds."""
    until = expires_at(options)
    return until is not None and until <= now
