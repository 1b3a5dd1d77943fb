"""From the start of an application to its end: `lifespan`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final

from asyncevents_core import AsyncEvents
from asyncevents_core.errors import LedgerForbidden, LedgerProtected, LedgerUnavailable

logger = logging.getLogger("asyncevents.asgi")

Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]
"""What FastAPI, Starlette and Litestar take: given the application, it is entered and left."""

_PATIENCE: Final = 10.0
_AGAIN: Final = 0.5


def lifespan(
    events: AsyncEvents,
    around: Lifespan | None = None,
    *,
    worker: bool = False,
    patience: float = _PATIENCE,
) -> Lifespan:
    """Return a lifespan that opens `events` when the application starts, and closes it at the end.

    ``FastAPI(lifespan=lifespan(events))``, the same for Starlette, and
    ``Litestar(lifespan=[lifespan(events)])``. `around` is the application's own: it is entered
    after, and left before, and what it yields is the state of the application.

    A start that cannot work fails, and says why: settings, event definitions, a ledger that is not
    upgraded. A ledger that does not answer is waited for, `patience` seconds. With `worker` a
    worker delivers in a thread of this process, for development; in production workers are
    processes of their own.

    In tests that do not let the application use its ledger, nothing is opened and no worker is
    started: there `publish` records, or says what to do.

    Entering it raises `SettingsError`, `MissingExtra`, `LedgerUnavailable`, `LedgerNotMigrated`;
    leaving it what ended the worker. Nothing here blocks the event loop.
    """

    @asynccontextmanager
    async def whole(application: Any) -> AsyncIterator[Any]:
        try:
            usable = await _ready(events, patience)
            async with _worker(events) if worker and usable else nullcontext():
                if around is None:
                    yield None
                else:
                    async with around(application) as state:
                        yield state
        finally:
            await asyncio.to_thread(events.close)

    return whole


async def _ready(events: AsyncEvents, patience: float) -> bool:
    """Open what publishing needs; return whether there is a ledger that this process may use."""
    until, told = time.monotonic() + patience, False
    while True:
        try:
            # On a thread: it imports, and connects.
            for warning in await asyncio.to_thread(events.check):
                logger.warning(warning)
            return True
        except LedgerProtected as error:
            logger.debug("nothing is opened", extra={"error": str(error)})
            return False
        except LedgerUnavailable as error:
            # Waiting does not mend what is forbidden.
            if isinstance(error, LedgerForbidden) or time.monotonic() >= until:
                raise
            if not told:
                logger.warning(
                    "the ledger does not answer; waiting for it", extra={"error": str(error)}
                )
            told = True
        await asyncio.sleep(_AGAIN)


@asynccontextmanager
async def _worker(events: AsyncEvents) -> AsyncIterator[None]:
    """Run a worker meanwhile. Leaving this waits for what is under way: SHUTDOWN_GRACE at most."""
    running = events.worker()
    await asyncio.to_thread(running.__enter__)
    try:
        yield
    finally:
        # The worker has nothing to do with what ends the block.
        await asyncio.to_thread(running.__exit__, None, None, None)
