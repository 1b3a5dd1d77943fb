"""Reads the table of subscriptions from a dump of MySQL or MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from asyncevents_core.adapters.mageos.misread import misread
from asyncevents_core.adapters.mageos.rows import NEEDED, TABLE, Row
from asyncevents_core.adapters.mageos.sql_tokens import Token, Tokens
from asyncevents_core.showing import shown

_BEFORE_NAME: Final = ("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO")
_NO_COLUMN: Final = (
    *("PRIMARY", "UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL"),
    *("CONSTRAINT", "FOREIGN", "CHECK"),
)
"""Begin what is no column in a CREATE TABLE."""
_TRUTH: Final = {"TRUE": "1", "FALSE": "0", "NULL": None}
_INTRODUCER: Final = "_"
"""Begins what says which characters a text has: ``_utf8mb4'…'``."""


def read_sql_dump(path: Path, progress: Callable[[int], None]) -> Iterator[Row]:
    """Yield the rows that the dump of a shop, or of this table, inserts; of whatever size.

    The names of the columns stand in the INSERT, or in the CREATE TABLE before it. `progress`
    hears how many bytes were read. Raises `InvalidValue`, naming file and line; and OSError.
    """
    # What is no UTF-8 may stand in other tables.
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        yield from _Dump(path, Tokens(path, file, progress)).rows()


class _Dump:
    """Reads one file."""

    def __init__(self, path: Path, tokens: Tokens) -> None:
        self._path = path
        self._tokens = tokens
        self._columns: list[str] | None = None
        self._found = False

    def rows(self) -> Iterator[Row]:
        while (token := self._tokens.next()) is not None:
            if token.is_word("INSERT", "REPLACE"):
                yield from self._insert()
            elif token.is_word("CREATE"):
                self._create()
            elif not token.is_sign(";"):
                self._tokens.pass_over()
        if not self._found:
            raise misread(self._path, self._tokens.line, f"there is no table {TABLE} in it")

    # -- CREATE TABLE -----------------------------------------------------------------------

    def _create(self) -> None:
        """Learn the columns of the table, in their order."""
        token = self._next()
        while token.is_word("TEMPORARY", "TABLE", "IF", "NOT", "EXISTS"):
            token = self._next()
        name, token = self._name(token)
        if not name.endswith(TABLE) or not token.is_sign("("):
            self._pass_over(token)
            return
        columns: list[str] = []
        depth, begins = 1, True
        while depth:
            token = self._next()
            if begins and token.identifier is not None and not token.is_word(*_NO_COLUMN):
                columns.append(token.identifier)
            begins = depth == 1 and token.is_sign(",")
            depth += token.is_sign("(") - token.is_sign(")")
        self._columns = columns
        self._found = True
        self._tokens.pass_over()

    # -- INSERT -----------------------------------------------------------------------------

    def _insert(self) -> Iterator[Row]:
        token = self._next()
        while token.is_word(*_BEFORE_NAME):
            token = self._next()
        name, token = self._name(token)
        if not name.endswith(TABLE):
            self._pass_over(token)
            return
        self._found = True
        columns = self._columns
        if token.is_sign("("):
            columns = self._named()
            token = self._next()
        if not token.is_word("VALUES", "VALUE"):
            raise self._wrong(token, "an INSERT goes on in VALUES")
        if columns is None:
            raise misread(
                self._path,
                token.line,
                "no columns are named here, nor in a CREATE TABLE before: "
                "dump with --complete-insert",
            )
        if missing := [one for one in NEEDED if one not in columns]:
            raise misread(self._path, token.line, f"the table has no column {missing[0]}")
        yield from self._values(columns)

    def _named(self) -> list[str]:
        columns: list[str] = []
        while True:
            token = self._next()
            if token.identifier is None:
                raise self._wrong(token, "this is not the name of a column")
            columns.append(token.identifier)
            if self._goes_on(self._next()):
                continue
            return columns

    def _values(self, columns: Sequence[str]) -> Iterator[Row]:
        while True:
            opening = self._next()
            if not opening.is_sign("("):
                raise self._wrong(opening, "a row begins with (")
            values = [self._value()]
            while self._goes_on(self._next()):
                values.append(self._value())
            if len(values) != len(columns):
                what = f"the row has {len(values)} values, the table {len(columns)} columns"
                raise misread(self._path, opening.line, what)
            yield Row(
                where=f"{self._path}:{opening.line}",
                values=dict(zip(columns, values, strict=True)),
            )
            token = self._tokens.next()
            if token is None or token.is_sign(";"):
                return
            if not token.is_sign(","):
                if not token.is_word("ON", "AS"):
                    raise self._wrong(token, "after a row comes another one, or the end")
                self._tokens.pass_over()
                return

    def _value(self) -> str | None:
        token = self._next()
        if token.kind == "word" and token.text.startswith(_INTRODUCER):
            token = self._next()
        if token.kind == "word" and token.text.upper() in _TRUTH:
            return _TRUTH[token.text.upper()]
        if token.kind not in {"text", "number", "hex"}:
            raise self._wrong(token, "this is no value")
        try:
            return token.value
        except UnicodeDecodeError:
            raise self._wrong(token, "this is not UTF-8") from None

    def _goes_on(self, token: Token) -> bool:
        """Tell whether a list goes on behind this token, or ends with it."""
        if not (token.is_sign(",") or token.is_sign(")")):
            raise self._wrong(token, "here a comma or a bracket is missing")
        return token.is_sign(",")

    # -- tokens -----------------------------------------------------------------------------

    def _name(self, token: Token) -> tuple[str, Token]:
        """Return the name of a table without that of its database, and the token behind it."""
        name, behind = token.identifier or "", self._next()
        while behind.is_sign("."):
            name, behind = self._next().identifier or "", self._next()
        return name, behind

    def _pass_over(self, token: Token) -> None:
        """Go behind the end of the statement that a token is in."""
        if not token.is_sign(";"):
            self._tokens.pass_over()

    def _next(self) -> Token:
        token = self._tokens.next()
        if token is None:
            raise misread(self._path, self._tokens.line, "it ends in the middle of a statement")
        return token

    def _wrong(self, token: Token, what: str) -> Exception:
        return misread(self._path, token.line, f"{what}: {shown(token.text)}")
