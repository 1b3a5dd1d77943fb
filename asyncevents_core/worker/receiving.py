"""What a worker receives from the broker, by its roles and its settings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence

from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.domain.worker import Role
from asyncevents_core.runtime import Runtime
from asyncevents_core.worker.inboxes import Inbox, PublicationInbox
from asyncevents_core.worker.intake import Intake
from asyncevents_core.worker.receiver import PREFETCH, Receiver


def receivers(
    runtime: Runtime,
    roles: Collection[Role],
    hand_offs: Inbox,
    retries: Inbox,
    met: Callable[[Sequence[Neighbour]], None],
) -> list[Receiver]:
    """Return what receives: hand-offs from the broker, retries from a manager that wakes.

    `met` is told whose messages arrive besides.
    """
    found = []
    if Role.TRIGGER in roles:
        connect = functools.partial(runtime.broker.consumer, prefetch=PREFETCH)
        found.append(Receiver(name="receiver", connect=connect, inbox=hand_offs, met=met))
    if Role.RETRY in roles and runtime.retry_manager.wakes:
        connect = functools.partial(runtime.retry_manager.woken, prefetch=PREFETCH)
        found.append(Receiver(name="retries", connect=connect, inbox=retries, met=met))
    return found


def intake(runtime: Runtime, roles: Collection[Role], inbox: PublicationInbox) -> Intake | None:
    """Return what publishes messages of mageos-async-events, if there may be any."""
    if not runtime.settings.magento_messages_enabled or Role.TRIGGER not in roles:
        return None
    return Intake(
        ledger=runtime.ledger,
        definitions=runtime.catalog,
        rules=runtime.publish_rules,
        inbox=inbox,
        observers=runtime.observers,
    )
