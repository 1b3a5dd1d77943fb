"""The ASGI application: `create_app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar import Litestar, Response, Router, get, head
from litestar.config.cors import CORSConfig
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.routes import HTTPRoute
from litestar.stores.memory import MemoryStore
from litestar.template import TemplateConfig
from litestar.types import Message, Scope

from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.schema import Settings
from asyncevents_core.web.access import PUBLIC, RESOURCE, actor_of, guard
from asyncevents_core.web.api import documentation
from asyncevents_core.web.api.log_filters import provide_log_filter
from asyncevents_core.web.api.parameters import provide_backend, provide_idempotency
from asyncevents_core.web.api.partial import provide_wanted
from asyncevents_core.web.api.problems import HANDLERS
from asyncevents_core.web.api.request_ids import RequestIds, id_of
from asyncevents_core.web.api.routes import (
    actions,
    async_events,
    catalog,
    logs,
    operations,
    publishing,
    replays,
    secrets,
)
from asyncevents_core.web.api.slow_bodies import BodyDeadline
from asyncevents_core.web.api.store_codes import StoreCodes
from asyncevents_core.web.backend import Backend
from asyncevents_core.web.health import ServerProbe
from asyncevents_core.web.mcp import routes as mcp
from asyncevents_core.web.pages import filters, router
from asyncevents_core.web.vouching import provider_of

BASE: Final = "/rest/V1"

_UNLIMITED: Final = "unlimited"
_ADDRESSES: Final = "rate_limit"
_MINUTE: Final = 60.0

_SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def create_app(runtime: Runtime, *, pages: bool = True) -> Litestar:
    """Return REST API and pages as an ASGI application: ``create_app(events.runtime)``.

    Mount it in another application, or serve it by itself (`asyncevents serve`). It uses the
    runtime and leaves it open. There are no pages where `pages` or WEB_PAGES is False. Raises
    `SettingsError` where the event definitions, INDEXERS, WEB_GROUPS or WEB_OPENID are wrong, and
    `UnknownName` for an INDEXER that is not installed.
    """
    settings = runtime.settings
    runtime.catalog  # noqa: B018 - it imports EVENT_MODULES: now, not with the first request
    runtime.check_indexer()
    backend = Backend(runtime, threads=settings.web_threads)
    with_pages = pages and settings.web_pages

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        backend.start()
        tidying = asyncio.create_task(_forget_old_addresses(app))
        try:
            yield
        finally:
            tidying.cancel()
            await asyncio.to_thread(backend.close)

    return StoreCodes(
        route_handlers=[
            health,
            health_head,
            ready,
            Router(
                BASE,
                route_handlers=[
                    *async_events.HANDLERS,
                    *actions.HANDLERS,
                    *operations.HANDLERS,
                    *catalog.HANDLERS,
                    *publishing.HANDLERS,
                    *logs.HANDLERS,
                    *replays.HANDLERS,
                    *secrets.HANDLERS,
                ],
                guards=[guard],
                security=[{"token": []}],
            ),
            Router(BASE, route_handlers=secrets.PUBLIC_HANDLERS, security=[]),
            *mcp.routes(settings),
            *(router.routes() if with_pages else ()),
        ],
        template_config=TemplateConfig(
            instance=JinjaTemplateEngine.from_environment(filters.environment())
        ),
        state=State(state_of(runtime, backend)),
        dependencies={
            "backend": Provide(provide_backend, sync_to_thread=False),
            "actor": Provide(actor_of, sync_to_thread=False),
            "idempotency": Provide(provide_idempotency),
            "log_filter": Provide(provide_log_filter, sync_to_thread=False),
            "wanted": Provide(provide_wanted, sync_to_thread=False),
        },
        exception_handlers={**HANDLERS, **(router.MISSING if with_pages else {})},
        middleware=_middleware(settings),
        cors_config=_cors(settings),
        request_max_body_size=settings.web_max_body_bytes,
        before_send=[_before_send],
        lifespan=[lifespan],
        openapi_config=documentation.openapi(pages=with_pages),
        logging_config=None,
        plugins=[documentation.DescribedSchemas()],
    )


def state_of(runtime: Runtime, backend: Backend) -> dict[str, object]:
    """Return what requests find in the state of the application."""
    return {
        "backend": backend,
        "openid": provider_of(runtime),
        "probe": ServerProbe(runtime.ledger),
    }


@get(
    ["/health", "/livez"],
    opt={RESOURCE: PUBLIC, _UNLIMITED: True},
    include_in_schema=False,
    sync_to_thread=False,
)
def health() -> dict[str, str]:
    """Tell that the process answers, for a load balancer."""
    return {"status": "ok"}


@head(
    ["/health", "/livez"],
    opt={RESOURCE: PUBLIC, _UNLIMITED: True},
    include_in_schema=False,
    sync_to_thread=False,
)
def health_head() -> None:
    """Tell the same to those that ask for no more."""


@get("/readyz", opt={RESOURCE: PUBLIC, _UNLIMITED: True}, include_in_schema=False)
async def ready(state: State) -> Response[dict[str, str]]:
    """Tell whether the ledger answers, for a load balancer."""
    probe: ServerProbe = state.probe
    well = await asyncio.to_thread(probe.not_ready) is None
    # What is wrong in detail, the log and HEALTH_ADDRESS say: here anybody may ask.
    return Response(
        {"status": "ok" if well else "the ledger does not answer"},
        status_code=200 if well else 503,
    )


def _middleware(settings: Settings) -> list[Any]:
    first: list[Any] = [RequestIds(), BodyDeadline(settings.web_request_timeout)]
    if not settings.web_rate_limit:
        return first
    limit = RateLimitConfig(
        rate_limit=("minute", settings.web_rate_limit),
        exclude_opt_key=_UNLIMITED,
        store=_ADDRESSES,
    )
    return [*first, limit.middleware]


async def _forget_old_addresses(app: Litestar) -> None:
    """Delete what the rate limit remembers of addresses that have not asked for a minute."""
    store = app.stores.get(_ADDRESSES)
    while True:
        await asyncio.sleep(_MINUTE)
        if isinstance(store, MemoryStore):
            await store.delete_expired()


def _cors(settings: Settings) -> CORSConfig | None:
    if not settings.web_cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(settings.web_cors_origins),
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "X-Request-ID",
            *mcp.HEADERS,
        ],
        expose_headers=[
            "X-Request-ID",
            "Retry-After",
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "Content-Disposition",
        ],
    )


async def _before_send(message: Message, scope: Scope) -> None:
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in _SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if scope.get("method") == "OPTIONS" and "allow" in headers:
        headers["Allow"] = ", ".join(_methods(scope))
    headers["X-Request-ID"] = id_of(scope)


def _methods(scope: Scope) -> list[str]:
    """Return all methods of a path; Litestar tells those of the first of its handlers only."""
    template = scope["path_template"]
    routes = [one for one in scope["litestar_app"].routes if isinstance(one, HTTPRoute)]
    return sorted(
        {method for one in routes if one.path_format == template for method in one.methods}
    )
