"""How long a request is waited for: until its deadline, and as long as its client is there."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

from litestar.types import Receive, Scope

from asyncevents_core.web.api.problems import ClientGone, Problem

_UNTIL: Final = "patience_until"
_AT_ONCE: Final = 0.1
"""Seconds in which most calls are over, so that nobody asks whether their client is there."""


class Patience:
    """Of one request. `check` may be called from any thread, `waiting` on the request's loop.

    `receive` is the request's, once its body is read; None: whether the client is there is not
    asked. It ends after `seconds`, or, where that is given, at `until` on the monotonic clock.
    """

    def __init__(
        self, seconds: float, receive: Receive | None, *, until: float | None = None
    ) -> None:
        self._seconds = seconds
        self._receive = receive
        self._until = time.monotonic() + seconds if until is None else until
        self._over = threading.Event()

    def anew(self) -> Self:
        """Return one with the whole time before it."""
        return type(self)(self._seconds, self._receive)

    def check(self) -> None:
        """Raise a `Problem` (503) where nobody waits any more. For loops that take long."""
        if self._over.is_set() or time.monotonic() > self._until:
            raise _too_long(self._seconds)

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Wait within the block until the deadline, and as long as the client is there.

        Raises a `Problem` (503) or `ClientGone`; what is under way learns it from `check`.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - there is one in every coroutine
        watching = asyncio.ensure_future(self._cancel_without_client(task))
        try:
            async with asyncio.timeout(self._until - time.monotonic()) as limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            self._over.set()
            raise _too_long(self._seconds) from None
        except asyncio.CancelledError:
            self._over.set()
            if watching.done() and not watching.cancelled():
                task.uncancel()
                raise ClientGone from None
            raise
        finally:
            watching.cancel()

    async def _cancel_without_client(self, task: asyncio.Task[object]) -> None:
        await asyncio.sleep(_AT_ONCE)
        if self._receive is None:
            # Until it is cancelled.
            await asyncio.get_running_loop().create_future()
            return
        while (await self._receive())["type"] != "http.disconnect":
            continue
        task.cancel()


def patience_of(scope: Scope, seconds: float, receive: Receive | None) -> Patience:
    """Return the patience of a request: all parts of its work have the same end.

    It begins with the first part that asks; `seconds` are WEB_REQUEST_TIMEOUT.
    """
    until: float = scope["state"].setdefault(_UNTIL, time.monotonic() + seconds)
    return Patience(seconds, receive, until=until)


def _too_long(seconds: float) -> Problem:
    return Problem(
        503,
        f"it took longer than {seconds:g} s (WEB_REQUEST_TIMEOUT): ask for less",
        headers={"Retry-After": "1"},
    )
