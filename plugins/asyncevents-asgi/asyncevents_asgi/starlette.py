"""For applications of Starlette."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette

from asyncevents_asgi.life import Lifespan
from asyncevents_asgi.life import lifespan as lifespan
from asyncevents_asgi.mounting import Pages, checked_path
from asyncevents_asgi.publishing import AsyncPublish as AsyncPublish
from asyncevents_asgi.publishing import Publish as Publish
from asyncevents_asgi.publishing import PublishedAfterCommit as PublishedAfterCommit
from asyncevents_core import AsyncEvents


def mount(
    application: Starlette, events: AsyncEvents, *, path: str = "/events", pages: bool = True
) -> None:
    """Serve the REST API at `path`/rest/V1, and the pages at `path`/admin.

    They have tokens and users of their own: `asyncevents token create`, `user create`. What works
    beside requests runs while the application does. Raises ValueError for what is no path.
    """
    served = Pages(events, pages=pages)
    application.mount(checked_path(path), served)
    application.router.lifespan_context = _beside(application.router.lifespan_context, served)


def _beside(around: Lifespan, served: Pages) -> Lifespan:
    """Return a lifespan that runs what is served within another one."""

    @asynccontextmanager
    async def both(application: Any) -> AsyncIterator[Any]:
        async with around(application) as state, served.running():
            yield state

    return both
