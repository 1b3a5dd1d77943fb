"""Warns of events that were published in a session which nobody has committed.

A session of SQLAlchemy begins a transaction by itself, and whoever forgets to commit it loses what
was written, without a word. That is so for rows, too; but their absence is seen at once.
"""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any, Final

from attrs import define, frozen
from flask import Response, g
from sqlalchemy import event
from sqlalchemy.orm import Session

_KEY: Final = "_asyncevents_unfinished"
_OURS: Final = f"{__package__}."


class PublishedWithoutCommit(RuntimeWarning):
    """publish() was called in db.session, which ended without a commit: the event is lost."""


@frozen
class _Place:
    """Where publish() was called."""

    file: str
    line: int
    module: str | None
    warned: dict[Any, Any]
    """What the module has been warned of, as Python keeps it."""


@define
class _Unfinished:
    """What was published in the transaction of a session that goes on."""

    count: int = 0
    place: _Place | None = None

    def add(self, count: int) -> None:
        """Note so many events more."""
        self.count += count
        self.place = self.place or _caller()

    def clear(self) -> None:
        """Forget them: the transaction was committed, or rolled back on purpose."""
        self.count, self.place = 0, None


def note(session: Session, count: int) -> None:
    """Note that so many events were published in a session, until its transaction ends."""
    found: _Unfinished | None = session.info.get(_KEY)
    if found is None:
        found = session.info[_KEY] = _Unfinished()
        _listen(session, found)
        g.setdefault(_KEY, []).append(found)
    found.add(count)


def answered(response: Response) -> Response:
    """Forget what was published by a request that is refused: it is meant to be undone."""
    if response.status_code >= 400:
        for one in g.get(_KEY, ()):
            one.clear()
    return response


def ended(error: BaseException | None) -> None:
    """Warn of what is lost as a context ends, unless it ends with an error."""
    for one in g.pop(_KEY, ()):
        if one.count and one.place is not None and error is None:
            _warn(one.count, one.place)
        one.clear()


def _listen(session: Session, found: _Unfinished) -> None:
    def committed(session: Session) -> None:
        # Also fires when a savepoint is released, which commits nothing.
        if not session.in_nested_transaction():
            found.clear()

    def rolled_back(_: Session) -> None:
        found.clear()

    event.listen(session, "after_commit", committed)
    # Not where a session is closed, only where somebody calls rollback().
    event.listen(session, "after_rollback", rolled_back)


def _caller() -> _Place | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(_OURS):
        frame = frame.f_back
    if frame is None:
        return None
    return _Place(
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        warned=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _warn(count: int, place: _Place) -> None:
    """Warn of the code that called publish(): once for each place, unless filters say otherwise."""
    warnings.warn_explicit(
        f"publish() was called for {count} event(s) in db.session, which nobody has committed: "
        "they were never published. Call db.session.commit() after publish(), or "
        "publish(…, session=None) for an event that is committed on its own",
        PublishedWithoutCommit,
        filename=place.file,
        lineno=place.line,
        module=place.module,
        registry=place.warned,
    )
