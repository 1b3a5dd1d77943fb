"""Secrets rotate while events go out: the recipient never gets what it cannot verify."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from asyncevents_core import AsyncEvents
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.secret import SecretKind
from asyncevents_core.engine.managing.rotation import end_older_secrets, rotate_secret
from asyncevents_core.plugin import receiver_secret
from tests.integration.inbox import Inbox
from tests.integration.project import Project, eventually

BY = Actor.trusted("test")
SETTLED = 1.5
"""Seconds after which a worker has claimed, and sent, what it knew another secret for."""


@contextmanager
def published(events: AsyncEvents) -> Iterator[list[str]]:
    """Publish all the while; yield the ids."""
    ids: list[str] = []
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            found = events.publish_many([("order.created", {"n": n}) for n in range(5)])
            ids.extend(map(str, found))
            time.sleep(0.01)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield ids
    finally:
        stop.set()
        thread.join()


def test_no_request_arrives_that_cannot_be_verified(project: Project, inbox: Inbox) -> None:
    project.run("subscribe", "order.created", inbox.url)
    with project.events() as events:
        runtime = events.runtime
        (made,) = events.subscriptions()
        secret = receiver_secret(made.secret or "")
        inbox.verify_with(secret)
        worker = project.start("worker")
        with published(events) as ids:
            eventually(lambda: inbox.received, what="the worker delivers")
            for kind in (SecretKind.SYMMETRIC, SecretKind.ED25519, SecretKind.SYMMETRIC):
                changed = rotate_secret(
                    runtime.ledger,
                    runtime.catalog,
                    made.id,
                    overlap=3600.0,
                    kind=kind,
                    check=runtime.check_subscription,
                    by=BY,
                )
                newer = receiver_secret(changed.secret or "")
                before = inbox.received
                # The recipient learns the new one, and forgets the old one soon after.
                inbox.verify_with(newer, secret)
                time.sleep(SETTLED)
                inbox.verify_with(newer)
                time.sleep(SETTLED)
                end_older_secrets(
                    runtime.ledger,
                    runtime.catalog,
                    made.id,
                    check=runtime.check_subscription,
                    by=BY,
                )
                eventually(lambda before=before: inbox.received > before, what="requests arrive")
                secret = newer
        eventually(lambda: len(inbox.accepted) >= len(ids), what="all events")
        worker.terminate()
        assert worker.wait(60) == 0
    assert inbox.invalid == 0
    assert {one.event_id for one in inbox.accepted} == set(ids)


def test_a_secret_that_does_not_overlap_ends_at_once(project: Project, inbox: Inbox) -> None:
    """What the recipient refuses meanwhile is a dead letter, which can be replayed."""
    project.run("subscribe", "order.created", inbox.url)
    with project.events() as events:
        (made,) = events.subscriptions()
        inbox.verify_with(receiver_secret(made.secret or ""))
        project.run("subscriptions", "rotate-secret", str(made.id), "--overlap", "0")
        events.publish("order.created", {"n": 1})
        project.run("worker", "--drain")
        assert (inbox.received, inbox.invalid) == (1, 1)
        (made,) = events.subscriptions()
        inbox.verify_with(receiver_secret(made.secret or ""))
        project.run("replay", "--dead", "--yes")
        project.run("worker", "--drain")
        assert len(inbox.accepted) == 1
