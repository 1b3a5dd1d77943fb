"""The framework's REST API and pages under a path of the project; from the extra `web`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asyncevents_django.bridge import events

Scope = dict[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]


def mounted(application: Application, *, path: str, pages: bool = True) -> Application:
    """Return an ASGI application with the API and the pages under `path`, and `application` beside.

    In a project's asgi.py, after Django is set up::

        application = mounted(get_asgi_application(), path="/events")

    Then `/events/rest/V1/…` is the API, and `/events/admin` are the pages. They have tokens and
    users of their own. They need a server that speaks ASGI; beside one that speaks WSGI,
    `manage.py asyncevents serve` serves them. Raises ValueError for what is no path, and
    `MissingExtra`, `SettingsError`.
    """
    prefix = path.rstrip("/")
    if not prefix.startswith("/"):
        raise ValueError(f'path={path!r}: it begins with a slash and is not the root: "/events"')
    # Imported here: it needs the extra `web`.
    from asyncevents_core.web import create_app

    api: Any = create_app(events().runtime, pages=pages)

    async def serve(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            # Django has none of its own.
            await api(scope, receive, send)
        elif scope["path"].startswith(f"{prefix}/"):
            await api({**scope, "root_path": scope.get("root_path", "") + prefix}, receive, send)
        else:
            await application(scope, receive, send)

    return serve
