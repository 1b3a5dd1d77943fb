"""Users: people who sign in, their sessions, and who guesses passwords."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, delete, select, tuple_, update

from asyncevents_core.adapters.sqlalchemy.insertions import Upsert
from asyncevents_core.adapters.sqlalchemy.schema import (
    guesses,
    sign_in_link,
    user,
    user_network,
    user_session,
)
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.domain.guessing import Guesses
from asyncevents_core.domain.user import Session, SignInLink, Source, User, folded_name
from asyncevents_core.ports.ledger.users import Users, UsersView

_LOCK: Final = Upsert(key=("key",), changes=("key",))
_SEEN: Final = Upsert(key=("user_id", "network"), changes=("seen_at",))


class SqlUsers(Noun, Users):
    """See `Users`."""

    def insert(self, new: User) -> bool:
        self._sql.insert(user, [_user_values(new, self._sql.now())])
        # Whoever inserts the same name meanwhile waits above until this transaction has ended.
        statement = select(user.c.id).where(user.c.folded_name == folded_name(new.name))
        found = self._sql.dialect.lock_waiting(statement)
        return bool(self._sql.execute(found).scalar_one() == new.id)

    def lock(self, user_id: UUID) -> User | None:
        statement = self._sql.dialect.lock_waiting(select(user).where(user.c.id == user_id))
        row = self._sql.execute(statement).one_or_none()
        return None if row is None else _to_user(row)

    def set_password(self, user_id: UUID, password_hash: str, *, changed: bool) -> None:
        values: dict[str, object] = {"password_hash": password_hash}
        if changed:
            values["password_changed_at"] = self._sql.now()
        self._sql.execute(update(user).where(user.c.id == user_id).values(values))

    def set_disabled(self, user_id: UUID, disabled: bool) -> None:
        at = self._sql.now() if disabled else None
        self._sql.execute(update(user).where(user.c.id == user_id).values(disabled_at=at))

    def delete(self, user_id: UUID) -> None:
        self.delete_access(user_id)
        self._sql.execute(delete(user_network).where(user_network.c.user_id == user_id))
        self._sql.execute(delete(user).where(user.c.id == user_id))

    def note_sign_in(self, user_id: UUID, network: str | None) -> None:
        now = self._sql.now()
        self._sql.execute(update(user).where(user.c.id == user_id).values(signed_in_at=now))
        if network is not None:
            values = {"user_id": user_id, "network": network, "seen_at": now}
            self._sql.insert(user_network, [values], _SEEN)

    def is_known(self, user_id: UUID, network: str, *, since: int) -> bool:
        statement = (
            select(user_network.c.seen_at >= since)
            .where(user_network.c.user_id == user_id)
            .where(user_network.c.network == network)
        )
        return bool(self._sql.execute(statement).scalar_one_or_none())

    def insert_session(self, session: Session) -> None:
        self._sql.insert(user_session, [_session_values(session, self._sql.now())])

    def has_session(self, session_id: UUID) -> bool:
        statement = select(user_session.c.id).where(user_session.c.id == session_id)
        return self._sql.execute(statement).scalar_one_or_none() is not None

    def touch_session(self, session_id: UUID) -> None:
        self._sql.execute(
            update(user_session)
            .where(user_session.c.id == session_id)
            .values(seen_at=self._sql.now())
        )

    def delete_session(self, session_id: UUID) -> None:
        self._sql.execute(delete(user_session).where(user_session.c.id == session_id))

    def delete_access(self, user_id: UUID, *, but: UUID | None = None) -> None:
        statement = delete(user_session).where(user_session.c.user_id == user_id)
        if but is not None:
            statement = statement.where(user_session.c.id != but)
        self._sql.execute(statement)
        self._sql.execute(delete(sign_in_link).where(sign_in_link.c.user_id == user_id))

    def insert_link(self, link: SignInLink) -> None:
        values = {
            "id": link.id,
            "digest": link.digest,
            "user_id": link.user_id,
            "expires_at": link.expires_at,
        }
        self._sql.insert(sign_in_link, [values])

    def take_link(self, link_id: UUID) -> SignInLink | None:
        statement = select(sign_in_link).where(sign_in_link.c.id == link_id)
        row = self._sql.execute(self._sql.dialect.lock_waiting(statement)).one_or_none()
        if row is None:
            return None
        self._sql.execute(delete(sign_in_link).where(sign_in_link.c.id == link_id))
        return _to_link(row)

    def lock_guesses(self, key: bytes) -> Guesses:
        new = Guesses(key=key)
        # There is a row then, and it is locked, so that nobody deletes it: of two that come first
        # at once the second waits here.
        self._sql.insert(guesses, [_guesses_values(new)], _LOCK)
        statement = select(guesses).where(guesses.c.key == key)
        return _to_guesses(self._sql.execute(self._sql.dialect.lock_waiting(statement)).one())

    def put_guesses(self, changed: Guesses) -> None:
        values = _guesses_values(changed)
        self._sql.execute(update(guesses).where(guesses.c.key == changed.key).values(values))

    def forget_guesses(self, key: bytes) -> None:
        self._sql.execute(delete(guesses).where(guesses.c.key == key))

    def delete_sessions(self, *, unseen_since: int, limit: int) -> int:
        now = self._sql.now()
        return (
            self._delete(user_session, user_session.c.expires_at <= now, limit)
            + self._delete(user_session, user_session.c.seen_at <= unseen_since, limit)
            + self._delete(sign_in_link, sign_in_link.c.expires_at <= now, limit)
        )

    def delete_networks(self, *, before: int, limit: int) -> int:
        return self._delete(user_network, user_network.c.seen_at < before, limit)

    def delete_guesses(self, *, before: int, most: int, limit: int) -> int:
        surplus = select(guesses.c.seen_at).order_by(guesses.c.seen_at.desc()).offset(most).limit(1)
        newest = self._sql.execute(surplus).scalar_one_or_none()
        last = before - 1 if newest is None else max(before - 1, newest)
        return self._delete(guesses, guesses.c.seen_at <= last, limit)

    def _delete(self, table: Table, condition: ColumnElement[bool], limit: int) -> int:
        """Delete rows for which a condition holds, but those that others have locked."""
        key = list(table.primary_key)
        found = self._sql.dialect.lock(select(*key).where(condition).limit(limit))
        rows = self._sql.execute(found).all()
        if rows:
            wanted = _any_of(key, rows)
            self._sql.execute(delete(table).where(wanted))
        return len(rows)


class SqlUsersView(Noun, UsersView):
    """See `UsersView`."""

    def get(self, user_id: UUID) -> User | None:
        return self._one(user.c.id == user_id)

    def named(self, name: str) -> User | None:
        return self._one(user.c.folded_name == folded_name(name))

    def _one(self, condition: ColumnElement[bool]) -> User | None:
        row = self._sql.execute(select(user).where(condition)).one_or_none()
        return None if row is None else _to_user(row)

    def all(self) -> Sequence[User]:
        found = self._sql.execute(select(user).order_by(user.c.folded_name))
        return [_to_user(row) for row in found]

    def session(self, session_id: UUID) -> tuple[Session, User | None] | None:
        statement = select(user_session).where(user_session.c.id == session_id)
        row = self._sql.execute(statement).one_or_none()
        if row is None:
            return None
        session = _to_session(row)
        return session, None if session.user_id is None else self.get(session.user_id)


def _any_of(key: Sequence[Any], rows: Sequence[Row[Any]]) -> ColumnElement[bool]:
    """Return the condition that a row is one of these, by a key of one column or several."""
    if len(key) == 1:
        return key[0].in_([row[0] for row in rows])  # type: ignore[no-any-return]
    return tuple_(*key).in_([tuple(row) for row in rows])


def _user_values(new: User, now: int) -> dict[str, Any]:
    return {
        "id": new.id,
        "name": new.name,
        "folded_name": folded_name(new.name),
        "password_hash": new.password_hash,
        "resources": json.dumps(new.resources),
        "tenant": new.tenant,
        "created_at": now,
        "disabled_at": new.disabled_at,
        "password_changed_at": now,
        "signed_in_at": new.signed_in_at,
    }


def _to_user(row: Row[Any]) -> User:
    values = row._mapping
    return User(
        id=values["id"],
        name=values["name"],
        password_hash=values["password_hash"],
        resources=tuple(json.loads(values["resources"])),
        tenant=values["tenant"],
        created_at=values["created_at"],
        disabled_at=values["disabled_at"],
        password_changed_at=values["password_changed_at"],
        signed_in_at=values["signed_in_at"],
    )


def _session_values(new: Session, now: int) -> dict[str, Any]:
    return {
        "id": new.id,
        "digest": new.digest,
        "user_id": new.user_id,
        "name": new.name,
        "source": new.source.value,
        "groups": json.dumps(new.groups),
        "csrf": new.csrf,
        "created_at": now,
        "seen_at": now,
        "expires_at": new.expires_at,
    }


def _to_session(row: Row[Any]) -> Session:
    values = row._mapping
    return Session(
        id=values["id"],
        digest=bytes(values["digest"]),
        user_id=values["user_id"],
        name=values["name"],
        source=Source(values["source"]),
        groups=tuple(json.loads(values["groups"])),
        csrf=values["csrf"],
        created_at=values["created_at"],
        seen_at=values["seen_at"],
        expires_at=values["expires_at"],
    )


def _to_link(row: Row[Any]) -> SignInLink:
    return SignInLink(
        id=row.id, digest=bytes(row.digest), user_id=row.user_id, expires_at=row.expires_at
    )


def _guesses_values(one: Guesses) -> dict[str, Any]:
    return {
        "key": one.key,
        "number": one.count,
        "since": one.since,
        "wait_until": one.wait_until,
        "last": one.last,
        "seen_at": one.seen_at,
    }


def _to_guesses(row: Row[Any]) -> Guesses:
    values = row._mapping
    return Guesses(
        key=bytes(values["key"]),
        count=values["number"],
        since=values["since"],
        wait_until=values["wait_until"],
        last=values["last"],
        seen_at=values["seen_at"],
    )
