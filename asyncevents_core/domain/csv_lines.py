"""Rows as lines of CSV, harmless in spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
"""What begins a formula: https://owasp.org/www-community/attacks/CSV_Injection"""


def csv_lines(rows: Sequence[Sequence[object]]) -> bytes:
    """Return rows as UTF-8, a line each; None is an empty field."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def harmless(text: str) -> str:
    """Keep spreadsheets from taking what others wrote for a formula."""
    return f"'{text}" if text.startswith(_BEGINNINGS) else text
