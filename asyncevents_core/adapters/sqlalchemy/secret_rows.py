"""Row operations on what subscriptions keep encrypted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy.schema import subscription
from asyncevents_core.adapters.sqlalchemy.statements import Statements, chunked
from asyncevents_core.errors import SecretKeysError
from asyncevents_core.ports.secrets import KeptSecret, KeyAge

_WORST_FIRST = (KeyAge.MISSING, KeyAge.OLDER, KeyAge.NEWEST)
_ENCRYPTED = (subscription.c.secret, subscription.c.options)
_KEPT = (
    select(subscription.c.id, *_ENCRYPTED)
    .where(or_(*(column.is_not(None) for column in _ENCRYPTED)))
    .order_by(subscription.c.id)
)


class SecretRows(Statements):
    """See `SecretOperations`. `_cipher` has the keys."""

    _cipher: Cipher

    def renew_secrets(self, ids: Collection[int]) -> set[int]:
        renewed: set[int] = set()
        for some in chunked(sorted(ids)):
            found = self._connection.execute(_KEPT.where(subscription.c.id.in_(some)))
            renewed |= {row.id for row in found.all() if self._renew(row)}
        return renewed

    def _renew(self, row: Row[Any, Any, Any]) -> bool:
        tokens = _tokens(row)
        try:
            made = {name: self._cipher.renew(token) for name, token in tokens.items()}
        except SecretKeysError:
            return False
        changed = {name: token for name, token in made.items() if token != tokens[name]}
        if not changed:
            return False
        # Nothing is locked before: what another transaction wrote meanwhile is not overwritten.
        unchanged = [subscription.c[name] == tokens[name] for name in changed]
        statement = update(subscription).where(subscription.c.id == row.id, *unchanged)
        return self._connection.execute(statement.values(changed)).rowcount == 1


def kept(connection: Connection, cipher: Cipher, *, after: int, limit: int) -> Sequence[KeptSecret]:
    """See `SecretQueries.kept_secrets`."""
    statement = _KEPT.where(subscription.c.id > after).limit(limit)
    return [
        KeptSecret(
            subscription_id=row.id,
            key=min(map(cipher.age, _tokens(row).values()), key=_WORST_FIRST.index),
        )
        for row in connection.execute(statement)
    ]


def _tokens(row: Row[Any, Any, Any]) -> dict[str, str]:
    both = {column.name: row._mapping[column.name] for column in _ENCRYPTED}
    return {name: token for name, token in both.items() if token is not None}
