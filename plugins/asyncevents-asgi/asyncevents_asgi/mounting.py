"""The framework's REST API and pages under a path of an application; from the extra `web`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from asyncevents_core import AsyncEvents
from asyncevents_core.errors import LedgerProtected


class Pages:
    """The REST API and the pages as an ASGI application, to be mounted in another one.

    It is made when the application around it starts (see `running`), or with the first request:
    neither importing an application nor its tests need the ledger for it. Thread-safe.

    Requests raise `MissingExtra` without the extra `web`, and what `create_app` raises.
    """

    def __init__(self, events: AsyncEvents, *, pages: bool = True) -> None:
        self._events = events
        self._pages = pages
        self._lock = threading.Lock()
        self._runtime: object = None
        self._application: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        application = await self._made()
        await application(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make it, and run what works beside requests: replays that another process left."""
        async with AsyncExitStack() as stack:
            try:
                application = await self._made()
            except LedgerProtected:
                # A test that asks for no page needs no ledger; one that does is told then.
                application = None
            if application is not None:
                await stack.enter_async_context(application.lifespan())
            yield

    async def _made(self) -> Any:
        if self._application is None or self._runtime is not self._events.runtime:
            # On a thread: it imports much, and reads templates.
            await asyncio.to_thread(self._make)
        return self._application

    def _make(self) -> None:
        # Imported here: it needs the extra `web`.
        from asyncevents_core.web import create_app

        with self._lock:
            # Closed `events` are opened again with a new one.
            runtime = self._events.runtime
            if self._application is None or self._runtime is not runtime:
                self._application = create_app(runtime, pages=self._pages)
                self._runtime = runtime


def checked_path(path: str) -> str:
    """Return a path to mount at, without the slash at its end. Raises ValueError."""
    prefix = path.rstrip("/")
    if not prefix.startswith("/"):
        raise ValueError(f'path={path!r}: it begins with a slash and is not the root: "/events"')
    return prefix
