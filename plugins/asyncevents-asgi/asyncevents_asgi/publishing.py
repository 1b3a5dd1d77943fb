"""Publishing in a session of the application's own."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from types import FrameType
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from sqlalchemy import event as listen
from sqlalchemy.orm import Session, scoped_session

from asyncevents_core import AsyncEvents, PublishRequest

_WATCH: Final = "asyncevents_asgi"
"""Where a session keeps what watches it: in its `info`."""
_OURS: Final = __name__


class PublishedAfterCommit(RuntimeWarning):
    """An event was published after the commit of its session, and nobody committed again."""


class Publish:
    """Publishes in the transaction of a session: ``publish("order.created", {"id": 42})``.

    `session` is a `Session`, a `scoped_session` or a `Connection` of SQLAlchemy. If it is rolled
    back, also to a savepoint, the event never happened; if it is committed, the event is delivered,
    whatever becomes of this process. Used where the session may be: on one thread at a time.
    """

    def __init__(self, events: AsyncEvents, session: Any) -> None:
        self._events = events
        self._session = session
        self._watch = _watch(session)

    def __call__(
        self, name: str, data: object, *, tenant: str | None = None, event_id: str | None = None
    ) -> UUID:
        """Publish one event and return its id.

        The arguments are those of `AsyncEvents.publish`, and so is what it raises; the database's
        errors are SQLAlchemy's.
        """
        return self.many([_request(name, data, tenant, event_id)])[0]

    def many(self, requests: Iterable[PublishRequest | tuple[str, object]]) -> list[UUID]:
        """Publish all of them, or none; return their ids in order. Else as for one."""
        ids = self._events.publish_many(requests, session=self._session)
        if self._watch is not None:
            self._watch.published()
        return ids


class AsyncPublish:
    """Publishes in the transaction of a session: ``await publish("order.created", {"id": 42})``.

    As `Publish`, for an `AsyncSession`, an `async_scoped_session` or an `AsyncConnection`. Raises
    TypeError for others.
    """

    def __init__(self, events: AsyncEvents, session: Any) -> None:
        self._events = events
        # A registry of sessions, called, gives the one of this task.
        self._session = session() if callable(session) else session
        if not hasattr(self._session, "run_sync"):
            raise TypeError(
                f"AsyncPublish takes an AsyncSession, not {type(self._session).__name__}: for that "
                "there is Publish"
            )
        self._watch = _watch(self._session)

    async def __call__(
        self, name: str, data: object, *, tenant: str | None = None, event_id: str | None = None
    ) -> UUID:
        """Publish one event and return its id: see `Publish`."""
        return (await self.many([_request(name, data, tenant, event_id)]))[0]

    async def many(self, requests: Iterable[PublishRequest | tuple[str, object]]) -> list[UUID]:
        """Publish all of them, or none; return their ids in order."""
        ids = await self._events.apublish_many(requests, session=self._session)
        if self._watch is not None:
            self._watch.published()
        return ids


def publish_of(events: AsyncEvents, session: Any) -> Publish | AsyncPublish:
    """Return what publishes in a session of either kind.

    Raises TypeError for what is no session or connection of SQLAlchemy.
    """
    if isinstance(session, scoped_session):
        return Publish(events, session)
    # Told by what they have: SQLAlchemy's asyncio module is not imported for that.
    if hasattr(session, "run_sync") or hasattr(session, "registry"):
        return AsyncPublish(events, session)
    if hasattr(session, "execute"):
        return Publish(events, session)
    raise TypeError(
        f"{type(session).__name__} is no session: give the dependency that returns a Session or an "
        "AsyncSession of SQLAlchemy"
    )


def _request(name: str, data: object, tenant: str | None, event_id: str | None) -> PublishRequest:
    return PublishRequest(name=name, data=data, tenant=tenant, event_id=event_id)


class _Place(NamedTuple):
    """Where something was published."""

    file: str
    line: int
    module: dict[str, Any]


class _Watch:
    """Warns of events that were published after a commit, and that nobody commits any more.

    A handler that commits and publishes then loses the event: the session begins a new transaction
    for it, and is closed.
    """

    def __init__(self, session: Session) -> None:
        self._committed = False
        self._open: list[_Place] = []
        listen.listen(session, "after_commit", self._after_commit)
        listen.listen(session, "after_rollback", self._after_rollback)
        listen.listen(session, "after_transaction_end", self._after_end)

    def begin(self) -> None:
        """Begin anew: what was committed before is of another request."""
        self._committed = False

    def published(self) -> None:
        """Remember where an event was published, if that is worth it."""
        if self._committed:
            self._open.append(_place())

    def _after_commit(self, session: Session) -> None:
        # It is called for savepoints, too, which commit nothing.
        if not session.in_nested_transaction():
            self._committed = True
            self._open.clear()

    def _after_rollback(self, session: Session) -> None:
        # Somebody wants it undone; a session that is closed does not call this.
        self._open.clear()

    def _after_end(self, session: Session, transaction: Any) -> None:
        if transaction.parent is None:
            found, self._open = self._open, []
            for place in found:
                _warn(place)


def _watch(session: Any) -> _Watch | None:
    """Return what watches a session; None for a connection, whose commits one sees in the code."""
    if isinstance(session, scoped_session):
        session = session()
    session = getattr(session, "sync_session", session)
    if not isinstance(session, Session):
        return None
    watch = cast("_Watch | None", session.info.get(_WATCH))
    if watch is None:
        watch = session.info[_WATCH] = _Watch(session)
    else:
        watch.begin()
    return watch


def _place() -> _Place:
    """Return who called us."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") == _OURS and frame.f_back:
        frame = frame.f_back
    assert frame is not None  # noqa: S101 - something called us
    return _Place(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


def _warn(place: _Place) -> None:
    warnings.warn_explicit(
        "an event was published after the commit of its session, which was then closed without "
        "another commit: the event is lost. Publish before the commit, or commit once more",
        PublishedAfterCommit,
        place.file,
        place.line,
        module=place.module.get("__name__"),
        registry=place.module.setdefault("__warningregistry__", {}),
    )
