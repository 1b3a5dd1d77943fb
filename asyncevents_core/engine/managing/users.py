"""Make, change and delete the users who sign in to the pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.domain.user import (
    SignInLink,
    User,
    new_link_code,
    password_mistake,
    user_name_mistake,
)
from asyncevents_core.engine.managing.rights import check_rights, require_rights
from asyncevents_core.engine.managing.sessions import SignedIn
from asyncevents_core.engine.managing.sign_in import (
    changed_meanwhile,
    check_password,
    forget_guess,
    wrong,
)
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.errors import InvalidValue, NotFound
from asyncevents_core.ports.hasher import PasswordHasher
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

LINK_LASTS: Final = 600.0
"""Seconds until a link that nobody has used is of no use any more."""
_USERS: Final = "users"


def create_user(
    ledger: Ledger,
    hasher: PasswordHasher,
    *,
    name: str,
    password: str,
    resources: Sequence[str],
    tenant: str | None,
    known: Collection[str],
    by: Actor,
) -> User:
    """Make a user; return the row. `known` are the resources of the event definitions.

    Raises `InvalidValue`, also for a name that is taken, and `AccessDenied` for what `by` itself
    may not: a resource, another tenant.
    """
    if mistake := user_name_mistake(name):
        raise InvalidValue(f"name {mistake}", field="name")
    check_rights(resources, tenant, known=known, what="a user")
    require_rights(by, resources, tenant, to="make such a user", what=_USERS)
    made = User(
        id=uuid7(),
        name=name,
        password_hash=_hashed(hasher, password, name),
        resources=tuple(dict.fromkeys(resources)),
        tenant=tenant,
    )
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> User | None:
        row = evolve(made, created_at=tx.now(), password_changed_at=tx.now())
        if not tx.users.insert(row):
            return None
        _audit(tx, by, "user.create", row, entry_id, {"resources": row.resources})
        return row

    inserted = ledger.run(work)
    if inserted is None:
        raise InvalidValue(f"there is a user {name!r} already", field="name")
    return inserted


def set_password(
    ledger: Ledger, hasher: PasswordHasher, *, name: str, password: str, by: Actor
) -> None:
    """Give a user another password, and end their sessions and links.

    Raises `NotFound`, `InvalidValue`, and `AccessDenied` where the user may what `by` may not.
    """
    user = _found(ledger, name, by)
    hashed = _hashed(hasher, password, user.name)
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> None:
        if tx.users.lock(user.id) is not None:
            tx.users.set_password(user.id, hashed, changed=True)
            tx.users.delete_access(user.id)
            _audit(tx, by, "user.password", user, entry_id)

    ledger.run(work)


def change_own_password(
    ledger: Ledger,
    hasher: PasswordHasher,
    person: SignedIn,
    *,
    current: str,
    new: str,
    address: str,
) -> None:
    """Change the password of whoever is signed in, and end their other sessions and links.

    Whoever came by a link within the last hour need not know the `current` one. `address` is the
    client's. Raises `SignInRefused` where `current` is wrong, or too many tries were,
    `InvalidValue`, and `NotFound` for those who are no user.
    """
    user = _own(ledger, person)
    # Before it is a guess: whoever mistypes the new one need not wait.
    if mistake := password_mistake(new, user.name):
        raise InvalidValue(f"the password {mistake}", field="password")
    if not person.by_new_link:
        user = check_password(ledger, hasher, name=user.name, password=current, address=address)
    hashed = _hashed(hasher, new, user.name)
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> bool:
        found = tx.users.lock(user.id)
        if found is not None and found.password_hash == hashed:  # it was committed before
            return True
        if changed_meanwhile(tx, user):
            return False
        tx.users.set_password(user.id, hashed, changed=True)
        tx.users.delete_access(user.id, but=person.session_id)
        forget_guess(tx, user, address)
        _audit(tx, person.actor, "user.password", user, entry_id)
        return True

    if not ledger.run(work):
        raise wrong()


def _own(ledger: Ledger, person: SignedIn) -> User:
    user_id = person.user_id
    found = None if user_id is None else ledger.read(lambda view: view.users.get(user_id))
    if found is None:
        raise NotFound("you have no password here, which could be changed")
    return found


def set_disabled(ledger: Ledger, name: str, disabled: bool, *, by: Actor) -> bool:
    """Disable a user, which ends their sessions and links, or enable them.

    Return False where they were so already. Raises `NotFound`, `AccessDenied` as `set_password`.
    """
    user = _found(ledger, name, by)
    if (user.disabled_at is not None) is disabled:
        return False
    entry_id = uuid7()
    action = "user.disable" if disabled else "user.enable"

    def work(tx: LedgerTransaction) -> None:
        if tx.users.lock(user.id) is not None:
            tx.users.set_disabled(user.id, disabled)
            if disabled:
                tx.users.delete_access(user.id)
            _audit(tx, by, action, user, entry_id)

    ledger.run(work)
    return True


def delete_user(ledger: Ledger, name: str, *, by: Actor) -> None:
    """Delete a user for good, with sessions and links. Raises as `set_disabled`."""
    user = _found(ledger, name, by)
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> None:
        if tx.users.lock(user.id) is not None:
            tx.users.delete(user.id)
            _audit(tx, by, "user.delete", user, entry_id)

    ledger.run(work)


def create_link(ledger: Ledger, name: str, *, by: Actor) -> str:
    """Return the code of a new link by which a user signs in, once, within `LINK_LASTS`.

    Raises as `set_disabled`, and `InvalidValue` for a user who is disabled.
    """
    user = _found(ledger, name, by)
    if user.disabled_at is not None:
        raise InvalidValue(
            f"user {user.name!r} is disabled: `asyncevents user enable` first", field="name"
        )
    code = new_link_code()
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> None:
        if tx.users.lock(user.id) is not None:
            expires_at = tx.now() + micros(LINK_LASTS)
            tx.users.insert_link(
                SignInLink(id=code.id, digest=code.digest, user_id=user.id, expires_at=expires_at)
            )
            _audit(tx, by, "user.link", user, entry_id)

    ledger.run(work)
    return code.text


def _found(ledger: Ledger, name: str, by: Actor) -> User:
    """Return a user whom `by` may change: one who may no more than `by`."""
    found = ledger.read(lambda view: view.users.named(name))
    if found is None or not by.sees(found.tenant):
        raise NotFound(f"no user {name!r}: `asyncevents user list`")
    require_rights(by, found.resources, found.tenant, to="change this user", what=_USERS)
    return found


def _hashed(hasher: PasswordHasher, password: str, name: str) -> str:
    """Return the hash of a new password. Raises `InvalidValue`."""
    if mistake := password_mistake(password, name):
        raise InvalidValue(f"the password {mistake}", field="password")
    return hasher.hash(password)


def _audit(
    tx: LedgerTransaction,
    by: Actor,
    action: str,
    user: User,
    entry_id: UUID,
    details: Mapping[str, object] | None = None,
) -> None:
    audit(
        tx,
        by,
        action,
        entry_id=entry_id,
        subject=user.id,
        tenant=user.tenant,
        details={"name": user.name, **(details or {})},
    )
