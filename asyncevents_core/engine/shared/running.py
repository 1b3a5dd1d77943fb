"""Runs work in time: loops whose tasks ignore cancellation, threads beside the main one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

T = TypeVar("T")

_LOOK_EVERY: Final = 0.25
"""Seconds after which a thread that waits runs handlers of signals at the latest."""

_LAST_WORDS: Final = 2.0
"""Seconds for what is cancelled at the end of a loop."""


def run_in_time(
    work: Coroutine[Any, Any, T],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
) -> T:
    """Run a coroutine on a new event loop and return its result, as `asyncio.run` does.

    What else runs on the loop is cancelled at the end, and waited for a moment only: a task that
    ignores it would hold up `asyncio.run` for ever. Raises what the coroutine raises.
    """
    loop = loop_factory()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(work)
    finally:
        end_in_time(loop)
        asyncio.set_event_loop(None)


def on_own_thread(work: Callable[[], T], *, name: str) -> T:
    """Run `work` on a new thread and return its result, or raise what it raises.

    On the main thread, handlers of signals run while it is waited for, at most a quarter of a
    second late. Where something ends the wait, the thread goes on; it does not keep the process
    alive.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    wait_for(thread)
    return done.result()


def wait_for(thread: threading.Thread) -> None:
    """Wait for the end of a thread; on the main thread, handlers of signals run meanwhile.

    The system may give a signal to any thread of the process. Only where it chose the main one
    would a wait without a limit be interrupted; elsewhere the signal would be lost.
    """
    while thread.is_alive():
        thread.join(_LOOK_EVERY)


def end_in_time(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what there is on a loop that does not run, wait a moment for it, and close the loop.

    To be called on the thread that ran it.
    """
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=_LAST_WORDS))
    loop.run_until_complete(_within(loop.shutdown_asyncgens()))
    loop.run_until_complete(_within(loop.shutdown_default_executor()))
    loop.close()


async def _within(work: Coroutine[Any, Any, None]) -> None:
    await asyncio.wait([asyncio.ensure_future(work)], timeout=_LAST_WORDS)
