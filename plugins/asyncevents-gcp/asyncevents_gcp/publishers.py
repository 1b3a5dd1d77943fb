"""The clients of a sink: one for each set of credentials in use, made on threads of its own."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from asyncevents_gcp.config import CredentialSet, PubSubConfig
from asyncevents_gcp.failures import Withdrawn
from asyncevents_gcp.publisher import Publisher, new_client

# Making one may ask the metadata server of the machine, which blocks.
_THREADS: Final = 2


class Publishers:
    """Keeps up to `PubSubConfig.clients` of them, those used last. For one event loop."""

    def __init__(self, config: PubSubConfig) -> None:
        self._config = config
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sink-pubsub")
        self._kept: OrderedDict[CredentialSet, asyncio.Task[Publisher]] = OrderedDict()
        self._closed = False

    async def get(self, source: CredentialSet) -> Publisher:
        """Return the publisher for these credentials; to be used before the next `await`.

        Raises `Withdrawn` once closed, `CredentialsUnusable`, and the SDK's errors.
        """
        while True:
            if self._closed:
                raise Withdrawn("the sink is being closed")
            task = self._kept.get(source)
            if task is None:
                task = self._keep(source)
            if not task.done():
                # It is everybody's: who stops waiting does not stop it. Then look again:
                # meanwhile it may have been retired.
                await asyncio.shield(task)
                continue
            publisher = task.result()
            if not publisher.worn:
                self._kept.move_to_end(source)
                return publisher
            self._drop(source)

    async def close(self) -> None:
        """Close all of them, at the same time."""
        self._closed = True
        tasks = list(self._kept.values())
        self._kept.clear()
        made = [one.result() for one in tasks if _is_made(one)]
        for one in tasks:
            if not one.done():
                one.cancel()
        await asyncio.gather(*(one.close() for one in made), return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, source: CredentialSet) -> asyncio.Task[Publisher]:
        task = asyncio.get_running_loop().create_task(self._new(source))
        self._kept[source] = task
        task.add_done_callback(functools.partial(self._forget_failed, source))
        while len(self._kept) > self._config.clients:
            self._drop(next(iter(self._kept)))
        return task

    async def _new(self, source: CredentialSet) -> Publisher:
        loop = asyncio.get_running_loop()
        making: asyncio.Future[Any] = loop.run_in_executor(
            self._pool, new_client, self._config, source
        )
        client, project = await making
        return Publisher(client, project)

    def _drop(self, source: CredentialSet) -> None:
        """Retire the publisher once it is made."""
        self._kept.pop(source).add_done_callback(_retire)

    def _forget_failed(self, source: CredentialSet, task: asyncio.Task[Publisher]) -> None:
        if not _is_made(task) and self._kept.get(source) is task:
            del self._kept[source]


def _is_made(task: asyncio.Task[Publisher]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _retire(task: asyncio.Task[Publisher]) -> None:
    if _is_made(task):
        task.result().retire()
