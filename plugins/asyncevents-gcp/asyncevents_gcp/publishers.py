"""The clients of a sink: one for each set of credentials in use, made on threads of its own."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from attrs import define

from asyncevents_gcp.config import CredentialSet, PubSubConfig
from asyncevents_gcp.failures import Withdrawn
from asyncevents_gcp.publisher import Publisher, new_client

# Making one may ask the metadata server of the machine, which blocks.
_THREADS: Final = 2


@define(eq=False)
class _Kept:
    """A publisher, perhaps still being made; `users` are the deliveries that hold it."""

    made: asyncio.Task[Publisher]
    users: int = 0


class Publishers:
    """Keeps `PubSubConfig.clients` of them, those used last, and all that are in use.

    For one event loop.
    """

    def __init__(self, config: PubSubConfig) -> None:
        self._config = config
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sink-pubsub")
        # The one used last stands last. Replaced ones are in `_worn` until nobody holds them.
        self._kept: OrderedDict[CredentialSet, _Kept] = OrderedDict()
        self._worn: list[_Kept] = []
        self._closed = False

    @asynccontextmanager
    async def using(self, source: CredentialSet) -> AsyncIterator[Publisher]:
        """Give the publisher for these credentials, and keep it for the block.

        Raises `Withdrawn` once closed, `CredentialsUnusable`, and the SDK's errors.
        """
        if self._closed:
            raise Withdrawn("the sink is being closed")
        kept = self._find(source)
        kept.users += 1
        try:
            # It is everybody's: who stops waiting does not stop it.
            yield kept.made.result() if kept.made.done() else await asyncio.shield(kept.made)
        finally:
            kept.users -= 1
            self._clear(source, kept)

    async def close(self) -> None:
        """Close all of them, at the same time."""
        self._closed = True
        all_of_them = [*self._kept.values(), *self._worn]
        self._kept.clear()
        self._worn.clear()
        for kept in all_of_them:
            kept.made.cancel()
        await asyncio.gather(*(kept.made.result().close() for kept in all_of_them if _good(kept)))
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _find(self, source: CredentialSet) -> _Kept:
        kept = self._kept.get(source)
        if kept is not None and _good(kept) and kept.made.result().worn:
            self._worn.append(self._kept.pop(source))
            self._clear(source, kept)
            kept = None
        if kept is None:
            task = asyncio.get_running_loop().create_task(self._new(source))
            kept = self._kept[source] = _Kept(task)
        self._kept.move_to_end(source)
        return kept

    async def _new(self, source: CredentialSet) -> Publisher:
        making = self._pool.submit(new_client, self._config, source)
        client, project = await asyncio.wrap_future(making)
        return Publisher(client, project)

    def _clear(self, source: CredentialSet, released: _Kept) -> None:
        """Drop what failed, retire what was replaced, and the unused ones beyond the bound."""
        if released.made.done() and not _good(released) and self._kept.get(source) is released:
            del self._kept[source]
        if released in self._worn and not released.users:
            self._worn.remove(released)
            released.made.result().retire()
        surplus = len(self._kept) - self._config.clients
        if surplus > 0:
            unused = [key for key, kept in self._kept.items() if not kept.users and _good(kept)]
            for key in unused[:surplus]:
                self._kept.pop(key).made.result().retire()


def _good(kept: _Kept) -> bool:
    """Whether it is made, and that went well."""
    task = kept.made
    return task.done() and not task.cancelled() and task.exception() is None
