"""Publishing in the transaction that one is in."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from types import FrameType
from typing import Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from asyncevents_core import PublishRequest
from asyncevents_django.bridge import Bridge, bridge

_CALLS_BACK: Final = frozenset(
    {
        BaseDatabaseWrapper.run_and_clear_commit_hooks.__code__,
        BaseDatabaseWrapper.on_commit.__code__,
    }
)
"""What of Django calls back after a commit."""
_OF_TESTS: Final = ("captureOnCommitCallbacks", "django.test.testcases")
"""What does it in a TestCase, which never commits."""
_OURS: Final = __name__


class PublishedAfterCommit(RuntimeWarning):
    """publish() was called back by on_commit: what was committed can lose its event."""


class PublishedOutsideTransaction(RuntimeWarning):
    """publish() was called in a transaction of another database than the ledger's."""


def publish(
    name: str, data: object, *, tenant: str | None = None, event_id: str | None = None
) -> UUID:
    """Publish one event in the transaction that this is called in, and return its id.

    Within `transaction.atomic` of the ledger's database the event belongs to it: rolled back, also
    to a savepoint, it never happened; committed, it is delivered, whatever becomes of this process.
    Outside of it, it is committed here. `name`, `data`, `tenant` and `event_id` are those of
    `AsyncEvents.publish`, and so is what it raises; errors of the database are Django's.

    Warns with `PublishedAfterCommit` and `PublishedOutsideTransaction` of what can lose events.
    Thread-safe, as Django's connections are: each thread has its own transactions.
    """
    request = PublishRequest(name=name, data=data, tenant=tenant, event_id=event_id)
    return publish_many([request])[0]


def publish_many(requests: Iterable[PublishRequest | tuple[str, object]]) -> list[UUID]:
    """Publish all of them, or none; return their ids in order. Else as `publish`.

    A request is a pair ``(name, data)`` or a `PublishRequest`.
    """
    bridged = bridge()
    events, alias = bridged.events, bridged.alias
    _warn(bridged, alias)
    if alias is None:
        return events.publish_many(requests)
    connection = connections[alias]
    # Whoever has switched autocommit off commits by hand, and has a transaction all the time.
    if connection.in_atomic_block or not connection.get_autocommit():
        return events.publish_many(requests, connection=connection)
    with transaction.atomic(using=alias):
        return events.publish_many(requests, connection=connection)


async def apublish(
    name: str, data: object, *, tenant: str | None = None, event_id: str | None = None
) -> UUID:
    """As `publish`, from asynchronous code, on the thread of Django's asynchronous ORM.

    Django has no asynchronous transactions: what is to be one transaction with an event is one
    function, called by `sync_to_async`, in which `publish` is called.
    """
    request = PublishRequest(name=name, data=data, tenant=tenant, event_id=event_id)
    return (await apublish_many([request]))[0]


async def apublish_many(requests: Iterable[PublishRequest | tuple[str, object]]) -> list[UUID]:
    """As `publish_many`, from asynchronous code; see `apublish`."""
    return await sync_to_async(publish_many)(list(requests))


def _warn(bridged: Bridge, alias: str | None) -> None:
    """Warn where the event may be lost, or be of what never happened."""
    within = alias is not None and connections[alias].in_atomic_block
    # In a TestCase one is always within a transaction, which on_commit pretends to have ended.
    if (not within or bridged.is_of_tests(alias or "")) and _is_called_back():
        _tell(
            "publish() is called by on_commit(). A process that dies between the commit and this "
            "call loses the event. Call publish() within the transaction instead: it hands the "
            "event over after the commit by itself",
            PublishedAfterCommit,
        )
    others = [
        one.alias
        for one in connections.all(initialized_only=True)
        if one.alias != alias and one.in_atomic_block
    ]
    if others and not within:
        ledger = f"the database {alias!r}" if alias else "a database of its own (LEDGER_URL)"
        _tell(
            f"publish() is called in a transaction of {', '.join(map(repr, others))}, and the "
            f"ledger is in {ledger}: the event stays if that is rolled back. Let LEDGER name the "
            "database of what the event is about, or publish after that transaction",
            PublishedOutsideTransaction,
        )


def _tell(text: str, category: type[Warning]) -> None:
    """Warn of the code that called us: once for each place, unless filters say otherwise."""
    frame: FrameType | None = sys._getframe(1)
    depth = 2
    while frame is not None and frame.f_globals.get("__name__") == _OURS:
        frame, depth = frame.f_back, depth + 1
    warnings.warn(text, category, stacklevel=depth)


def _is_called_back() -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code in _CALLS_BACK:
            return True
        if code.co_name == _OF_TESTS[0] and frame.f_globals.get("__name__") == _OF_TESTS[1]:
            return True
        frame = frame.f_back
    return False
