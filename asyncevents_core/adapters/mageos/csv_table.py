"""Reads the table of subscriptions from CSV, as database tools export it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

from asyncevents_core.adapters.mageos.misread import misread
from asyncevents_core.adapters.mageos.rows import NEEDED, Row

_DELIMITERS: Final = ",;\t"
_NULLS: Final = ("NULL", r"\N")
"""How NULL is written; an empty field is an empty text."""
_MOST_LINES_BETWEEN: Final = 500
"""Rows after which progress is told."""


def read_csv(path: Path, progress: Callable[[int], None]) -> Iterator[Row]:
    """Yield the rows of a file whose first line names the columns; UTF-8.

    Columns are parted by commas, semicolons or tabs. `progress` hears how many bytes were read.
    Raises `InvalidValue`, naming file and line; and OSError.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield from _rows(path, file, progress)
        except UnicodeDecodeError:
            raise misread(path, 1, "it is not UTF-8") from None
    progress(path.stat().st_size)


def _rows(path: Path, file: TextIO, progress: Callable[[int], None]) -> Iterator[Row]:
    head = file.readline()
    delimiter = max(_DELIMITERS, key=head.count)
    columns = [one.strip() for one in next(csv.reader([head], delimiter=delimiter), [])]
    if missing := [name for name in NEEDED if name not in columns]:
        raise misread(path, 1, f"its first line names no column {missing[0]}: {', '.join(NEEDED)}")
    if len(set(columns)) < len(columns):
        raise misread(path, 1, "its first line names a column twice")
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    line = 2
    try:
        for fields in reader:
            if fields:
                if len(fields) != len(columns):
                    raise misread(
                        path,
                        line,
                        f"it has {len(fields)} fields, and the first line {len(columns)}",
                    )
                texts = (None if one in _NULLS else one for one in fields)
                yield Row(where=f"{path}:{line}", values=dict(zip(columns, texts, strict=True)))
            line = reader.line_num + 2
            if reader.line_num % _MOST_LINES_BETWEEN == 0:
                progress(file.buffer.tell())
    except csv.Error as error:
        raise misread(path, line, f"it is not CSV: {error}") from None
