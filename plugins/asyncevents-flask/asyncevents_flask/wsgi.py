"""The framework's REST API and pages under a path of an application; from the extra `web`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import cast

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from asyncevents_core.errors import MissingExtra
from asyncevents_flask.asgi_in_wsgi import Application, AsgiInWsgi
from asyncevents_flask.bridge import bridge_of


def mount(app: Flask, path: str, *, pages: bool = True) -> None:
    """Serve the API and the pages under `path`, beside an application's own routes::

        events.init_app(app)
        mount(app, "/events")

    Then `/events/rest/V1/…` is the API, and `/events/admin` are the pages. They have tokens and
    users of their own; what Flask does around requests is not done around theirs. They speak ASGI,
    and run on an event loop in a thread of each process that serves them; it begins with their
    first request. Raises ValueError for what is no path, RuntimeError where asyncevents is not in
    the application, and `MissingExtra`.
    """
    prefix = path.rstrip("/")
    if not prefix.startswith("/"):
        raise ValueError(f'path={path!r}: it begins with a slash and is not the root: "/events"')
    bridge = bridge_of(app)
    if find_spec("litestar") is None:
        raise MissingExtra("the REST API", extra="web", of="asyncevents-flask")

    def make() -> Application:
        # Imported with the first request: commands and workers have no use for it.
        from asyncevents_core.web import create_app

        return cast("Application", create_app(bridge.core.runtime, pages=pages))

    mounted = DispatcherMiddleware(app.wsgi_app, {prefix: AsgiInWsgi(make)})
    app.wsgi_app = mounted  # type: ignore[method-assign]
