"""The extension: `FlaskEvents`, in the form that Flask's extensions have."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.orm import Session, scoped_session

from asyncevents_core import AsyncEvents, PublishRequest
from asyncevents_flask import unfinished
from asyncevents_flask.bridge import EXTENSION, Bridge, bridge_of
from asyncevents_flask.commands import asyncevents
from asyncevents_flask.current import current_application


class _Own(enum.Enum):
    """The default of `session`: the application's, ``db.session``."""

    SESSION = "db.session"


_OWN: Final = _Own.SESSION
AnySession = Session | scoped_session[Session] | Connection | None


class FlaskEvents:
    """Publishes events of applications of Flask. Make one, and give it each application::

        events = FlaskEvents()

        def create_app():
            app = Flask(__name__)
            db.init_app(app)
            events.init_app(app)
            return app

    ``app.config["ASYNCEVENTS"]`` holds the settings; they are read at the first use, which is also
    when something is connected. The object keeps nothing of an application itself, so that one does
    for many; each application has an `AsyncEvents` of its own. The methods need an application
    context. Thread-safe; an application that was made before `fork()` works in the children.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add asyncevents to an application, and ``flask asyncevents`` to its command line.

        Before or after Flask-SQLAlchemy. Raises RuntimeError where the application has one already.
        """
        if EXTENSION in app.extensions:
            raise RuntimeError(
                f"this application has asyncevents already: init_app() is called twice for {app!r}"
            )
        app.extensions[EXTENSION] = Bridge(app)
        app.after_request(unfinished.answered)
        app.teardown_appcontext(unfinished.ended)
        app.cli.add_command(asyncevents)

    @property
    def core(self) -> AsyncEvents:
        """The `AsyncEvents` of the current application: subscriptions, traces, replays, workers.

        Its `publish` commits events on their own. Raises RuntimeError outside of an application
        context.
        """
        return self._bridge().core

    def publish(
        self,
        name: str,
        data: object,
        *,
        tenant: str | None = None,
        event_id: str | None = None,
        session: AnySession | _Own = _OWN,
    ) -> UUID:
        """Publish one event in the transaction of ``db.session``, and return its id.

        That is: where the ledger is in a database of Flask-SQLAlchemy, the event is committed by
        ``db.session.commit()``; rolled back, also to a savepoint, it never happened. An event that
        nobody commits is lost with its session, and warned of (`PublishedWithoutCommit`).

        With ``session=None``, and where the ledger is elsewhere, it is committed here. `session`
        may be another session or connection on the ledger's database. The others are those of
        `AsyncEvents.publish`, and so is what it raises; RuntimeError outside of an application
        context.
        """
        request = PublishRequest(name=name, data=data, tenant=tenant, event_id=event_id)
        return self.publish_many([request], session=session)[0]

    def publish_many(
        self,
        requests: Iterable[PublishRequest | tuple[str, object]],
        *,
        session: AnySession | _Own = _OWN,
    ) -> list[UUID]:
        """Publish all of them, or none; return their ids in order. Else as `publish`.

        A request is a pair ``(name, data)`` or a `PublishRequest`.
        """
        bridge = self._bridge()
        wanted = list(requests)
        if not isinstance(session, _Own):
            return bridge.core.publish_many(wanted, session=session)
        if bridge.place is None:
            return bridge.core.publish_many(wanted)
        published = bridge.core.publish_many(wanted, session=bridge.transaction())
        unfinished.note(bridge.session(), len(published))
        return published

    def upgrade(self) -> str:
        """Bring the ledger's schema to this version, as ``flask asyncevents db upgrade``.

        Safe to repeat. For tests, beside ``db.create_all()``: it works in a database in memory,
        too. Returns the revision. Raises `LedgerError`.
        """
        return self._bridge().upgrade()

    def _bridge(self) -> Bridge:
        app = current_application()
        if app is None:
            raise RuntimeError(
                "this needs an application context: call it in a request or a command of `flask`, "
                "or within `with app.app_context():`"
            )
        return bridge_of(app)
