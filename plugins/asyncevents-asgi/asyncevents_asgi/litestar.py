"""For applications of Litestar."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any, Final

from litestar import asgi, di
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.handlers import ASGIRouteHandler
from litestar.plugins import InitPlugin
from litestar.types import Receive, Scope, Send

from asyncevents_asgi.life import lifespan as lifespan
from asyncevents_asgi.mounting import Pages, checked_path
from asyncevents_asgi.publishing import AsyncPublish as AsyncPublish
from asyncevents_asgi.publishing import Publish as Publish
from asyncevents_asgi.publishing import PublishedAfterCommit as PublishedAfterCommit
from asyncevents_asgi.publishing import publish_of
from asyncevents_core import AsyncEvents

_SESSION: Final = "db_session"
"""What the SQLAlchemy plugin of Litestar calls its session."""


class AsyncEventsPlugin(InitPlugin):
    """All of it: ``Litestar(plugins=[AsyncEventsPlugin(events, path="/events")])``.

    Handlers get the dependency `publish`, an `AsyncPublish` or a `Publish`, which publishes in the
    session that the dependency `session` is; None: there is no such dependency. `worker` and
    `patience` are those of `lifespan`. With a `path`, the REST API and the pages are below it.
    Raises ValueError for what is no path.
    """

    def __init__(
        self,
        events: AsyncEvents,
        *,
        session: str | None = _SESSION,
        worker: bool = False,
        patience: float = 10.0,
        path: str | None = None,
        pages: bool = True,
    ) -> None:
        self._events = events
        self._session = session
        self._lifespan = lifespan(events, worker=worker, patience=patience)
        self._path = None if path is None else checked_path(path)
        self._pages = Pages(events, pages=pages)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add what an application needs. Litestar calls it."""
        # First, so that what else the application starts can publish.
        app_config.lifespan.insert(0, self._lifespan)
        if self._session is not None:
            app_config.dependencies.setdefault("publish", publish_in(self._events, self._session))
        if self._path is not None:
            app_config.route_handlers.append(_mounted(self._pages, self._path))
            app_config.lifespan.append(lambda _: self._pages.running())
        return app_config


def publish_in(events: AsyncEvents, session: str = _SESSION) -> Provide:
    """Return a dependency that publishes in the session of the request.

    For ``Litestar(dependencies={"publish": publish_in(events)})``. `session` is the name of the
    dependency that is a session of SQLAlchemy.
    """

    async def publish(**given: Any) -> Publish | AsyncPublish:
        return publish_of(events, given[session])

    # Litestar finds dependencies by the names of parameters; newer versions want them marked, too.
    named: Any = getattr(di, "NamedDependency", None)
    marked = Any if named is None else named[Any]
    found = Parameter(session, Parameter.KEYWORD_ONLY, annotation=marked)
    publish.__signature__ = Signature([found])  # type: ignore[attr-defined]
    publish.__annotations__ = {session: marked}
    return Provide(publish)


def _mounted(pages: Pages, path: str) -> ASGIRouteHandler:
    """Return a handler that serves the REST API and the pages below a path."""

    @asgi(path, is_mount=True, copy_scope=True)
    async def asyncevents(scope: Scope, receive: Receive, send: Send) -> None:
        # Litestar takes the path away, and says so nowhere. Its state is of the outer application.
        root = scope.get("root_path", "") + path
        rest = scope["path"].rstrip("/")
        inner: Any = {**scope, "root_path": root, "path": f"{root}{rest or '/'}", "state": {}}
        await pages(inner, receive, send)

    return asyncevents
