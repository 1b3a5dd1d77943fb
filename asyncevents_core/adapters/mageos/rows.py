"""Turns rows of the table ``async_event_subscriber`` into subscriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from asyncevents_core.adapters.mageos.crypt_keys import CryptKeys, UnreadToken
from asyncevents_core.domain.event import EVENT_NAME
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.original import (
    OriginalSubscription,
    UnreadableRow,
    tenant_of_store,
)
from asyncevents_core.showing import shown

TABLE: Final = "async_event_subscriber"
"""Its name; a shop may have a prefix in front of it."""
NEEDED: Final = (
    *("subscription_id", "event_name", "recipient_url", "verification_token"),
    *("status", "metadata"),
)
"""Columns that every release of the original has. Others are `subscribed_at` and `store_id`."""
NO_KEY: Final = "without the shop's key its token cannot be decrypted"
_FLAGS: Final = {"0": False, "1": True}
_NUMBER: Final = re.compile("[0-9]{1,19}")
_NO_TIME: Final = ("", "0000-00-00 00:00:00")


@frozen(kw_only=True)
class Row:
    """A row as a dump has it: texts by the names of columns, None for NULL."""

    where: str
    values: Mapping[str, str | None]


def read_row(row: Row, keys: CryptKeys | None) -> OriginalSubscription | UnreadableRow:
    """Return the subscription in a row, its token decrypted if there are `keys`."""
    number = row.values["subscription_id"] or ""
    if _NUMBER.fullmatch(number) is None:
        return UnreadableRow(
            where=row.where, number=None, reason=f"subscription_id: {shown(number)} is no id"
        )
    try:
        return _read(row, int(number), keys)
    except _WrongValue as error:
        return UnreadableRow(where=row.where, number=int(number), reason=str(error))


class _WrongValue(Exception):
    """A value that cannot be; the text names the column."""


def _read(row: Row, number: int, keys: CryptKeys | None) -> OriginalSubscription:
    values = row.values
    # Trailing spaces say nothing to the original's database, and were not meant by anybody.
    name = (values["event_name"] or "").strip()
    if EVENT_NAME.fullmatch(name) is None:
        raise _WrongValue(f"event_name: {shown(name)} is no name of an event")
    status = values["status"]
    if status not in _FLAGS:
        raise _WrongValue(f"status: {shown(status)} is neither 0 nor 1")
    secret, unread = _token(values["verification_token"], keys)
    return OriginalSubscription(
        where=row.where,
        number=number,
        event_name=name,
        target=(values["recipient_url"] or "").strip(),
        metadata=(values["metadata"] or "").strip(),
        tenant=_tenant(values.get("store_id")),
        enabled=_FLAGS[status],
        subscribed_at=_instant(values.get("subscribed_at")),
        secret=secret,
        unread=unread,
    )


def _tenant(store: str | None) -> str | None:
    try:
        return None if store is None else tenant_of_store(store)
    except ValueError as error:
        raise _WrongValue(f"store_id: {shown(store)}, {error}") from None


def _instant(text: str | None) -> int | None:
    """Return a time, which Magento keeps in UTC, in microseconds since 1970."""
    if text is None or text in _NO_TIME:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _WrongValue(f"subscribed_at: {shown(text)} is no time") from None
    return micros((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _token(token: str | None, keys: CryptKeys | None) -> tuple[str | None, str | None]:
    """Return the secret, or why it is not known."""
    if not token:
        return None, "it has no token"
    if keys is None:
        return None, NO_KEY
    try:
        return keys.decrypt(token), None
    except UnreadToken as error:
        return None, f"its token cannot be decrypted: {error}"
