"""What lists have in common: reading their parameters, sorting links, and paging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from attrs import frozen
from litestar import Request

from asyncevents_core.domain.instant import iso, micros, to_datetime
from asyncevents_core.domain.limits import storable
from asyncevents_core.web.pages.form import Form
from asyncevents_core.web.pages.frame import Frame

PER_PAGE: Final = 50
DAY: Final = 86_400_000_000
"""Microseconds."""
_LONGEST: Final = 10_000
_HIGHEST_PAGE: Final = 100_000


@frozen(kw_only=True)
class Asked:
    """The query of a list's address: all filters are there, so that links can be shared."""

    path: str
    given: Mapping[str, str]

    def get(self, name: str) -> str:
        """Return what was given; "" for nothing."""
        return self.given.get(name, "")

    def number(self, name: str) -> int | None:
        """Return a whole number that was given; None for nothing and for what is none."""
        return number_of(self.get(name))

    def day(self, name: str) -> int | None:
        """Return the begin of a day that was given, UTC, in microseconds; None as `number`."""
        try:
            at = datetime.strptime(self.get(name), "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            return None
        return micros(at.timestamp())

    def time(self, name: str) -> int | None:
        """Return a time that was given, UTC unless it says otherwise, in microseconds."""
        try:
            at = datetime.fromisoformat(self.get(name))
            aware = at if at.tzinfo else at.replace(tzinfo=UTC)
            return micros(aware.astimezone(UTC).timestamp())
        except (ValueError, OverflowError):
            return None

    def time_text(self, name: str) -> str | None:
        """Return the same as queries write it."""
        at = self.time(name)
        return None if at is None else iso(to_datetime(at))

    @property
    def page(self) -> int:
        """The page that is asked for, from 1."""
        return max(1, min(self.number("page") or 1, _HIGHEST_PAGE))

    def link(self, frame: Frame, changed: Mapping[str, object]) -> str:
        """Return the link to the same list with some of the query changed; None leaves one out."""
        return frame.url(self.path, {**self.given, **changed})


def asked_of(request: Request[Any, Any, Any], path: str) -> Asked:
    """Return what was asked of the list at `path`: texts that every database takes, stripped.

    Several values of one name, as of boxes that are checked, are joined by commas.
    """
    query = request.scope["query_string"].decode("latin-1")
    pairs = parse_qsl(query, errors="replace")
    given: dict[str, str] = {}
    for name, value in pairs:
        text = _text_of(value)
        if text:
            given[name] = f"{given[name]},{text}" if name in given else text
    return Asked(path=path, given=given)


def asked_by(form: Form, path: str, names: Sequence[str]) -> Asked:
    """Return what a form asks of the list at `path` in the fields of these names, as `asked_of`."""
    texts = {name: _text_of(form.get(name)) for name in names}
    return Asked(path=path, given={name: text for name, text in texts.items() if text})


def _text_of(value: str) -> str:
    return storable(value.strip(), _LONGEST)


def number_of(text: str) -> int | None:
    """Return the whole number that a text is, such as the id of a row; None for another text.

    >>> number_of("42"), number_of("-1"), number_of("²"), number_of("9" * 5_000)
    (42, None, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def time_of(at: int) -> str:
    """Return microseconds since the epoch as the field of a time in a list's address, UTC.

    To the second: that is what such a field shows.
    """
    return to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S")


def inside(path: str, otherwise: str) -> str:
    """Return a path and query below the pages' own; `otherwise` for what could lead elsewhere."""
    safe = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if safe and path.isprintable() else otherwise
