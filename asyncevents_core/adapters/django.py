"""Care for Django's connections around services, as Django itself takes it around requests.

A connection that the database has ended, or that is older than CONN_MAX_AGE, is closed before and
after each call: the next query makes a fresh one. Nobody else does that on a worker's threads
(https://docs.djangoproject.com/en/stable/ref/databases/#caveats). Nothing of Django is imported
here: only services that use it have it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from importlib import import_module
from typing import Any


def around_service(
    *, is_async: bool
) -> AbstractContextManager[None] | AbstractAsyncContextManager[None] | None:
    """Return what is put around a call; None where this process has no Django that is set up."""
    apps = sys.modules.get("django.apps")
    database = sys.modules.get("django.db")
    if apps is None or database is None or not apps.apps.ready:
        return None
    close: Callable[[], None] = database.close_old_connections
    return _async_care(close) if is_async else _care(close)


@contextmanager
def _care(close: Callable[[], None]) -> Iterator[None]:
    close()
    try:
        yield
    finally:
        close()


@asynccontextmanager
async def _async_care(close: Callable[[], None]) -> AsyncIterator[None]:
    # Django's own way to the thread on which async code queries the database.
    sync: Any = import_module("asgiref.sync")
    await sync.sync_to_async(close)()
    try:
        yield
    finally:
        await sync.sync_to_async(close)()
