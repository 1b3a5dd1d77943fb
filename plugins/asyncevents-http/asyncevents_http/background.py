"""What runs on threads of its own beside a worker: a receiver, and the admin pages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console

from asyncevents_core import AsyncEvents
from asyncevents_core.errors import AsyncEventsError, MissingExtra
from asyncevents_http.receiver import Receiver


@contextmanager
def running(receiver: Receiver) -> Iterator[Receiver]:
    """Serve while the block runs. Raises OSError where it cannot listen."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="receiver", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(receiver.start(), loop).result()
        try:
            yield receiver
        finally:
            asyncio.run_coroutine_threadsafe(receiver.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def pages_of(events: AsyncEvents, out: Console, *, port: int) -> Iterator[None]:
    """Serve the admin pages while the block runs, and print the link that signs in.

    Without the extra `web` there are none, which is said. Raises `AsyncEventsError` where it cannot
    listen.
    """
    with ExitStack() as stack:
        try:
            served = stack.enter_context(events.pages(port=port))
        except MissingExtra:
            out.print("no pages: pip install 'asyncevents-core\\[web]'")
        except OSError as error:
            raise AsyncEventsError(
                f"the pages cannot listen on port {port}: {error}. --pages 0 takes a free one"
            ) from error
        else:
            out.print(f"pages on [bold]{served.address}[/]; this link signs in, once:")
            out.print(f"  {served.link}", highlight=False, soft_wrap=True)
        yield
