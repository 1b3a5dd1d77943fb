"""What can be kept, and how long it may be: names, tenants, texts, numbers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Final

from asyncevents_core.showing import shown

LARGEST_COUNT: Final = 2**31 - 1
"""Of an INTEGER column."""
LARGEST_ID: Final = 2**63 - 1
"""Of a BIGINT column."""
LONGEST_NAME: Final = 255
"""Characters of an event's name, an `event_id`, a tenant, and of who did something."""
LONGEST_PATTERN: Final = 2000
"""Characters of the names and patterns of the events that a subscription wants."""
LONGEST_TOKEN_NAME: Final = 200
"""With its id behind it, a token's name is who did something."""
LONGEST_SINK: Final = 64
LONGEST_TARGET: Final = 2048
LONGEST_SECRET: Final = 4096
LONGEST_OPTIONS: Final = 32_768
"""Characters of a subscription's options as JSON: encrypted, every database has room for them."""
LONGEST_DAYS: Final = 36_500
"""A hundred years: of a lifetime, and of one delay."""
LONGEST_DELAY: Final = LONGEST_DAYS * 86_400.0
MOST_DELAYS: Final = 100
HIGHEST_RATE: Final = 1_000_000_000.0
"""Deliveries a second."""


def text_mistake(value: object, longest: int) -> str | None:
    """Check a text: of 1 to `longest` characters, all of which can be printed.

    What is returned does not show the text: it may be secret.
    """
    if not isinstance(value, str):
        return f"must be a text, not {type(value).__name__}"
    if not 0 < len(value) <= longest:
        return f"must have 1 to {longest} characters, not {len(value)}"
    if not value.isprintable():
        wrong = next(one for one in value if not one.isprintable())
        return f"must have characters that can be printed only, not {wrong!a}"
    return None


def sink_mistake(value: object) -> str | None:
    """Check the name of a sink."""
    return text_mistake(value, LONGEST_SINK)


def target_mistake(value: object) -> str | None:
    """Check a target, as far as every sink asks for it."""
    return text_mistake(value, LONGEST_TARGET)


def secret_mistake(value: object) -> str | None:
    """Check a secret, but for what stands in it."""
    return text_mistake(value, LONGEST_SECRET)


def options_mistake(value: object) -> str | None:
    """Check the size of a subscription's options; their sink checks what is in them.

    What is returned does not show them: they may be secret.
    """
    try:
        size = len(json.dumps(value, default=str))
    except (ValueError, TypeError, RecursionError) as error:
        return f"must be plain JSON: {error}"
    if size > LONGEST_OPTIONS:
        return f"must have {LONGEST_OPTIONS:,} characters as JSON at most, not {size:,}"
    return None


def deaths_mistake(value: object) -> str | None:
    """Check a number of retries."""
    return count_mistake(value, 0, LARGEST_COUNT)


def schedule_mistake(value: object) -> str | None:
    """Check the delays of a schedule, in seconds."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return f"must be a tuple of delays, not {shown(value)}"
    if not 0 < len(value) <= MOST_DELAYS:
        return f"must have 1 to {MOST_DELAYS} delays, not {len(value)}"
    wrong = [one for one in value if not within(one, 0, LONGEST_DELAY)]
    if wrong:
        return f"must have delays from 0 to {LONGEST_DELAY:.0f} seconds, not {shown(wrong[0])}"
    return None


def jitter_mistake(value: object) -> str | None:
    """Check a fraction of the delay."""
    return None if within(value, 0, 1) else f"must be a number from 0 to 1, not {shown(value)}"


def rate_mistake(value: object) -> str | None:
    """Check a rate, in deliveries a second."""
    if within(value, 0, HIGHEST_RATE) and value != 0:
        return None
    return f"must be a number above 0, up to {HIGHEST_RATE:.0f}, not {shown(value)}"


def overlap_mistake(value: object) -> str | None:
    """Check for how long secrets overlap, in seconds."""
    if within(value, 0, LONGEST_DELAY):
        return None
    return f"must be a number from 0 to {LONGEST_DELAY:.0f} seconds, not {shown(value)}"


def count_mistake(value: object, lowest: int, highest: int) -> str | None:
    """Check a whole number."""
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return None
    return f"must be a whole number from {lowest} to {highest}, not {shown(value)}"


def within(value: object, lowest: float, highest: float) -> bool:
    """Tell whether a value is a number within these bounds."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return not math.isnan(value) and lowest <= value <= highest


def tenant_mistake(tenant: object) -> str | None:
    """Check a tenant, or that there is none."""
    return None if tenant is None else own_id_mistake(tenant)


def own_id_mistake(value: object) -> str | None:
    """Check a tenant, or an `event_id`: what applications name, and databases compare.

    MariaDB and MySQL take ``"acme "`` for ``"acme"`` where they compare, so that one would see
    what is the other's: none begins or ends with a space.
    https://mariadb.com/kb/en/supported-character-sets-and-collations/#no-pad-collations
    """
    if mistake := text_mistake(value, LONGEST_NAME):
        return mistake
    if value != str(value).strip():
        return f"must not begin or end with a space, as {shown(value)} does"
    return None


_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
_ELLIPSIS: Final = "…"


def storable(text: str, most: int) -> str:
    """Return text that every database takes, of `most` characters at most.

    PostgreSQL refuses NUL, and UTF-8 has no lone surrogates: both become U+FFFD. Text that is
    longer ends with an ellipsis.
    """
    if len(text) > most:
        text = text[: max(0, most - 1)] + _ELLIPSIS[:most]
    return _UNSTORABLE.sub(_REPLACEMENT, text)
