"""What mageos-async-events, the original, keeps of a shop: in our words, to be moved here."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from asyncevents_core.domain.limits import LARGEST_COUNT


@frozen(kw_only=True)
class OriginalEvent:
    """An event as its `async_events.xml` defines it; `where` is the file and the line.

    `service` is a class of PHP, `method` the one of it that returns the payload. `resources` are
    those of Magento's access control that a subscriber needs.
    """

    where: str
    name: str
    service: str
    method: str
    resources: tuple[str, ...] = ()


@frozen(kw_only=True)
class OriginalSubscription:
    """A row of the table ``async_event_subscriber``; `number` is its id there.

    `metadata` names the notifier that delivers: its sink. `subscribed_at` is microseconds since
    1970; None: nobody knows. `secret` is the decrypted token; None: `unread` says why it is not
    known.
    """

    where: str
    number: int
    event_name: str
    target: str
    metadata: str
    tenant: str | None = None
    enabled: bool = True
    subscribed_at: int | None = None
    secret: str | None = field(default=None, repr=False)
    unread: str | None = None


@frozen(kw_only=True)
class UnreadableRow:
    """A row of that table with something in it that cannot be: `reason`."""

    where: str
    number: int | None
    reason: str


_LONGEST_STORE: Final = 10
"""Digits."""


def tenant_of_store(text: str) -> str | None:
    """Return the tenant that the number of a store is: none for 0. Raises ValueError.

    >>> tenant_of_store("2"), tenant_of_store("0")
    ('2', None)
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_STORE):
        raise ValueError("not the number of a store")
    number = int(text)
    if number > LARGEST_COUNT:
        raise ValueError("which is no store")
    return str(number) if number else None
