"""How a filter is kept: as JSON. A text is a query, a list the filters of CloudEvents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from asyncevents_core.domain.plain import DuplicateMember, unique_members
from asyncevents_core.errors import InvalidFilter
from asyncevents_core.showing import shown

LONGEST: Final = 8_192
"""Bytes of a filter's JSON, in UTF-8."""

FilterSource = str | list[Any]
"""A filter as JSON: the text of a query, or a list of CloudEvents filters, all of which let pass
what passes.
"""

_JSON: Final = re.compile(r'\s*(?:\[\s*[\[{\]]|\{\s*(?:\}|"(?:[^"\\]|\\.)*"\s*:))')
"""What begins so is no query. `[a TO b]` and `{"a" TO "b"}` are."""


def canonical(value: object) -> FilterSource:
    """Return a filter in the form in which it is kept; what is in it is checked by compiling it.

    One CloudEvents filter is a list of one. Raises `InvalidFilter` for what is neither text nor
    list nor object, for what JSON cannot hold, and for what is too long.
    """
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, str | list | tuple):
        raise InvalidFilter(
            "must be a query, or a list of CloudEvents filters such as "
            f'[{{"exact": {{"tenant": "de"}}}}], not {shown(value)}'
        )
    text = _dumped(value)
    if len(text) > LONGEST:
        raise InvalidFilter(f"must have {LONGEST:,} bytes as JSON at most, not {len(text):,}")
    found: FilterSource = json.loads(text)
    return found


def to_json(value: object) -> str:
    """Return the JSON text that is kept, the same for what is written the same. See `canonical`."""
    return _dumped(canonical(value)).decode()


def from_json(text: str) -> FilterSource:
    """Read a JSON text. Raises `InvalidFilter`, also for a name that an object has twice."""
    _check_length(text)
    try:
        found = json.loads(text, object_pairs_hook=unique_members)
    except json.JSONDecodeError as error:
        raise InvalidFilter(
            f"no JSON: {error.msg}", source=text, position=min(error.pos, len(text))
        ) from None
    except DuplicateMember as error:
        raise InvalidFilter(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise InvalidFilter(f"no JSON that can be read: {error}") from None
    return canonical(found)


def from_text(text: str) -> FilterSource:
    """Read what somebody has typed: JSON if it begins as a list or an object does, else a query."""
    return from_json(text) if _JSON.match(text) else canonical(text)


def _check_length(text: str) -> None:
    # Before it is parsed; spaces between are not kept.
    if len(text) > 4 * LONGEST:
        raise InvalidFilter(f"must have {LONGEST:,} bytes as JSON at most, not {len(text):,}")


def _dumped(value: object) -> bytes:
    try:
        text = json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
        )
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidFilter("must have whole characters, not half of a surrogate pair") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidFilter(f"must be plain JSON: {error}") from None
