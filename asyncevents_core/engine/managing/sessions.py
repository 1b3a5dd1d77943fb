"""Sign in, stay signed in, sign out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.allowance import TenantSinks, tenant_allowances
from asyncevents_core.domain.credential import Credential
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.user import (
    LONGEST_SESSION,
    GroupRights,
    Session,
    Source,
    User,
    network_of,
    new_session_text,
    read_link_code,
    read_session_text,
    rights_of,
    user_name_mistake,
)
from asyncevents_core.engine.managing.sign_in import (
    changed_meanwhile,
    check_password,
    forget_guess,
    wrong,
)
from asyncevents_core.errors import SignInRefused
from asyncevents_core.ports.hasher import PasswordHasher
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

_NEW: Final = 3_600.0
_TOUCH_EVERY: Final = 60.0
"""A session's last use is noted once in so many seconds."""


@frozen(kw_only=True)
class SignedIn:
    """Whoever is signed in. Forms carry `csrf`, so that other sites cannot send them.

    `user_id` is None for whom a proxy or an OpenID provider vouches; `groups` are then theirs.
    `by_new_link`: they came by a link within the last hour, and may have forgotten their password.
    """

    session_id: UUID
    actor: Actor
    name: str
    csrf: str = field(repr=False)
    source: Source
    user_id: UUID | None = None
    groups: tuple[str, ...] = ()
    by_new_link: bool = False


def sign_in(
    ledger: Ledger, hasher: PasswordHasher, *, name: str, password: str, address: str
) -> str:
    """Begin a session by a password; return the text of its cookie.

    `address` is the client's. Raises `SignInRefused`, which says how long to wait.
    """
    user = check_password(ledger, hasher, name=name, password=password, address=address)
    renewed = hasher.hash(password) if hasher.is_outdated(user.password_hash) else None
    text = new_session_text()
    csrf = secrets.token_urlsafe(32)

    def work(tx: LedgerTransaction) -> bool:
        if tx.users.has_session(text.id):  # this transaction has run before, and was committed
            return True
        if changed_meanwhile(tx, user):
            return False
        if renewed is not None:
            tx.users.set_password(user.id, renewed, changed=False)
        forget_guess(tx, user, address)
        tx.users.note_sign_in(user.id, network_of(address))
        _insert(tx, text, csrf, name=user.name, source=Source.PASSWORD, user_id=user.id)
        return True

    if not ledger.run(work):
        raise wrong()
    return text.text


def sign_in_by_link(ledger: Ledger, code: str, *, address: str) -> str:
    """Begin a session by a link, which is used up; return the text of its cookie.

    `address` is the client's. Raises `SignInRefused`.
    """
    sent = read_link_code(code)
    text = new_session_text()
    csrf = secrets.token_urlsafe(32)

    def work(tx: LedgerTransaction) -> bool:
        if tx.users.has_session(text.id):  # this transaction has run before, and was committed
            return True
        link = None if sent is None else tx.users.take_link(sent.id)
        if link is None or sent is None or not sent.fits(link.digest):
            return False
        user = tx.users.lock(link.user_id)
        if user is None or user.disabled_at is not None or link.expires_at <= tx.now():
            return False
        tx.users.note_sign_in(user.id, network_of(address))
        _insert(tx, text, csrf, name=user.name, source=Source.LINK, user_id=user.id)
        return True

    if not ledger.run(work):
        raise SignInRefused(
            "this link was used, or is older than 10 minutes: ask for another one "
            "(`asyncevents user link NAME`)"
        )
    return text.text


def begin_session(ledger: Ledger, *, name: str, source: Source, groups: Sequence[str]) -> str:
    """Begin a session of somebody for whom others vouch; return the text of its cookie.

    `groups` are those that the settings know. Raises `SignInRefused` for what is no name.
    """
    if mistake := user_name_mistake(name):
        raise SignInRefused(f"the name that the {source} gives {mistake}")
    text = new_session_text()
    csrf = secrets.token_urlsafe(32)
    kept = tuple(sorted(set(groups)))
    ledger.run(lambda tx: _insert(tx, text, csrf, name=name, source=source, groups=kept))
    return text.text


def session_of(
    ledger: Ledger,
    text: str,
    *,
    tenants: TenantSinks,
    groups: Mapping[str, GroupRights],
    idle: float,
    unattended: bool = False,
) -> SignedIn | None:
    """Return whose session it is; None where there is none, or it is over.

    What they may do is read anew each time. A session is over after `idle` seconds without use,
    or when its user is disabled or deleted. `tenants` say what people of a tenant may subscribe,
    `groups` what the people of a group may do. What is `unattended`, such as a page that refreshes
    itself, is no use.
    """
    sent = read_session_text(text)
    if sent is None:
        return None
    found, now = ledger.read(lambda view: (view.users.session(sent.id), view.now()))
    if found is None:
        return None
    session, user = found
    if not sent.fits(session.digest) or session.is_over(now, idle):
        return None
    actor = _actor(session, user, tenants, groups)
    if actor is None:
        return None
    if not unattended and now - session.seen_at > micros(_TOUCH_EVERY):
        ledger.run(lambda tx: tx.users.touch_session(session.id))
    return SignedIn(
        session_id=session.id,
        actor=actor,
        name=session.name,
        csrf=session.csrf,
        source=session.source,
        user_id=session.user_id,
        groups=session.groups,
        by_new_link=session.source is Source.LINK and now - session.created_at < micros(_NEW),
    )


def sign_out(ledger: Ledger, text: str) -> None:
    """End a session, if there is one with this text."""
    sent = read_session_text(text)
    if sent is None:
        return
    found = ledger.read(lambda view: view.users.session(sent.id))
    if found is not None and sent.fits(found[0].digest):
        ledger.run(lambda tx: tx.users.delete_session(sent.id))


def _insert(
    tx: LedgerTransaction,
    text: Credential,
    csrf: str,
    *,
    name: str,
    source: Source,
    user_id: UUID | None = None,
    groups: tuple[str, ...] = (),
) -> None:
    tx.users.insert_session(
        Session(
            id=text.id,
            digest=text.digest,
            user_id=user_id,
            name=name,
            source=source,
            groups=groups,
            csrf=csrf,
            expires_at=tx.now() + micros(LONGEST_SESSION),
        )
    )


def _actor(
    session: Session,
    user: User | None,
    tenants: TenantSinks,
    groups: Mapping[str, GroupRights],
) -> Actor | None:
    """Return whom a session stands for; None: nobody any more."""
    if session.user_id is not None:
        if user is None or user.disabled_at is not None:
            return None
        rights = GroupRights(resources=user.resources, tenant=user.tenant)
        who = user.who
    else:
        found = rights_of(session.groups, groups)
        if found is None:
            return None
        rights, who = found, f"{session.source} {session.name}"
    return Actor(
        who=who,
        resources=frozenset(rights.resources),
        tenant=rights.tenant,
        allowances=tenant_allowances(rights.tenant, tenants),
    )
