"""The pages as part of the application: `routes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.datastructures import ResponseHeader
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler, ExceptionHandlersMap

from asyncevents_core.web.access import PUBLIC, RESOURCE
from asyncevents_core.web.api import problems
from asyncevents_core.web.files import PAGES, static_files
from asyncevents_core.web.pages import (
    audit,
    by_time,
    configuration,
    dashboard,
    dead_letters,
    definitions,
    deliveries,
    events,
    failures,
    logs,
    openid,
    password,
    plugins,
    replays,
    secrets,
    sign_in,
    sink_icons,
    subscription,
    subscription_form,
    subscriptions,
    tokens,
    traces,
    users,
)
from asyncevents_core.web.pages.frame import BASE, POLICY, provide_frame
from asyncevents_core.web.pages.people import guard

_PUBLIC: Final[dict[str, object]] = {RESOURCE: PUBLIC}


def routes() -> Sequence[ControllerRouterHandler]:
    """Return the pages, and the files that they load."""
    return [
        to_pages,
        static_files(f"{BASE}/static", PAGES),
        Router(
            BASE,
            route_handlers=[
                *dashboard.HANDLERS,
                *subscriptions.HANDLERS,
                *subscription.HANDLERS,
                *subscription_form.HANDLERS,
                *secrets.HANDLERS,
                *by_time.HANDLERS,
                *logs.HANDLERS,
                *traces.HANDLERS,
                *events.HANDLERS,
                *deliveries.HANDLERS,
                *dead_letters.HANDLERS,
                *replays.HANDLERS,
                *definitions.HANDLERS,
                *sink_icons.HANDLERS,
                *configuration.HANDLERS,
                *plugins.HANDLERS,
                *tokens.HANDLERS,
                *users.HANDLERS,
                *audit.HANDLERS,
                *sign_in.HANDLERS,
                *openid.HANDLERS,
                *password.HANDLERS,
            ],
            guards=[guard],
            dependencies={"frame": Provide(provide_frame, sync_to_thread=False)},
            exception_handlers=failures.HANDLERS,
            response_headers=[
                ResponseHeader(name="Content-Security-Policy", value=POLICY),
                # With "no-referrer" browsers do not say in Origin which page sends a form.
                ResponseHeader(name="Referrer-Policy", value="same-origin"),
            ],
            include_in_schema=False,
        ),
    ]


@get("/", opt=_PUBLIC, include_in_schema=False, sync_to_thread=False)
def to_pages(request: Request[Any, Any, Any]) -> Redirect:
    """Lead to the pages."""
    return Redirect(f"{request.scope.get('root_path', '').rstrip('/')}{BASE}")


def _missing(request: Request[Any, Any, Any], error: NotFoundException) -> Response[Any]:
    """Answer an address that no route has: with a page, where it is one of the pages'."""
    root = request.scope.get("root_path", "").rstrip("/")
    path = request.scope["path"].removeprefix(root)
    return (failures.handle if path.startswith(f"{BASE}/") else problems.handle)(request, error)


MISSING: Final[ExceptionHandlersMap] = {NotFoundException: _missing}
"""For the application as a whole: what is no page is not found before the pages are reached."""
