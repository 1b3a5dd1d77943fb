"""What a worker receives from the broker, by its roles and its settings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence

from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.domain.worker import Role
from asyncevents_core.ports.broker import Consumer
from asyncevents_core.runtime import Runtime
from asyncevents_core.worker.inboxes import Inbox, PublicationInbox
from asyncevents_core.worker.intake import Intake
from asyncevents_core.worker.receiver import PREFETCH, Receiver


def receivers(
    runtime: Runtime,
    roles: Collection[Role],
    hand_offs: Inbox,
    retries: Inbox,
    asked: Inbox,
    met: Callable[[Sequence[Neighbour]], None],
) -> list[Receiver]:
    """Return what receives: events from broker or ledger, retries from a manager that wakes.

    Into `asked` comes what other programs ask to publish: PUBLISH_QUEUE.
    `met` is told whose messages arrive besides.
    """
    found = []
    connect: Callable[[], Consumer]
    if Role.TRIGGER in roles:
        connect = runtime.ledger.arrivals
        if runtime.hands_off:
            connect = functools.partial(runtime.broker.consumer, prefetch=PREFETCH)
        found.append(Receiver(name="receiver", connect=connect, inbox=hand_offs, met=met))
        if runtime.settings.publish_queue is not None:
            connect = functools.partial(runtime.broker.publications, prefetch=PREFETCH)
            found.append(Receiver(name="publish queue", connect=connect, inbox=asked, met=met))
    if Role.RETRY in roles and runtime.retry_manager.wakes:
        connect = functools.partial(runtime.retry_manager.woken, prefetch=PREFETCH)
        found.append(Receiver(name="retries", connect=connect, inbox=retries, met=met))
    return found


def intakes(
    runtime: Runtime,
    roles: Collection[Role],
    hand_offs: PublicationInbox,
    asked: PublicationInbox,
) -> list[Intake]:
    """Return what publishes messages of others: those among the hand-offs, and those `asked`."""
    if Role.TRIGGER not in roles:
        return []
    inboxes = {}
    if runtime.settings.magento_messages_enabled:
        inboxes["intake"] = hand_offs
    if runtime.settings.publish_queue is not None:
        inboxes["publish-queue"] = asked
    return [
        Intake(
            ledger=runtime.ledger,
            definitions=runtime.catalog,
            rules=runtime.publish_rules,
            inbox=inbox,
            claiming=hand_offs,
            name=name,
            observers=runtime.observers,
            tracing=runtime.tracing,
        )
        for name, inbox in inboxes.items()
    ]
