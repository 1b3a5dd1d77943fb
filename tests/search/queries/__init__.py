"""Queries over `documents.py`, and what each of them finds: by reasoning, for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.search.queries.constructs import (
    BOOLEANS,
    ESCAPES,
    EXPRESSIONS,
    FIELDS,
    FUZZY,
    TOGETHER,
    UNICODE,
    WILDCARDS,
)
from tests.search.queries.hits import ALL
from tests.search.queries.values import (
    ATTEMPTS,
    DATES,
    EXAMPLES,
    NUMBERS,
    OUTCOMES,
    PHRASES,
    RANGES_OF_TEXT,
    TERMS,
)

__all__ = ["ALL", "QUERIES"]

QUERIES: Final[Mapping[str, set[int]]] = {
    query: found
    for group in (
        EXAMPLES,
        TERMS,
        PHRASES,
        ATTEMPTS,
        OUTCOMES,
        DATES,
        NUMBERS,
        RANGES_OF_TEXT,
        WILDCARDS,
        EXPRESSIONS,
        FUZZY,
        FIELDS,
        UNICODE,
        ESCAPES,
        BOOLEANS,
        TOGETHER,
    )
    for query, found in group.items()
}
