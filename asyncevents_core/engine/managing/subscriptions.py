"""Make and change subscriptions: checked, allowed, audited."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import evolve, frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.event_pattern import read_pattern, require_matched
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.limits import LARGEST_ID
from asyncevents_core.domain.secret import receiver_secret, weakness
from asyncevents_core.domain.subscription import (
    NewSubscription,
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.engine.managing.subscription_audit import differences, plain_fields
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.engine.shared.idempotency import do_idempotently
from asyncevents_core.errors import (
    AccessDenied,
    IdempotencyConflict,
    InvalidValue,
    NotFound,
    SecretKeysError,
)
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.observer import NOBODY, Observers, SubscriptionChanged
from asyncevents_core.ports.resolver import Definitions
from asyncevents_core.showing import shown

logger = logging.getLogger("asyncevents.subscriptions")

CANCEL_BATCH: Final = 500
_UNREAD: Final = "(not decrypted)"
"""Stands for a secret that no key decrypts, while the subscription is changed."""


@frozen
class Checked:
    """A subscription that its sink accepts, as it is kept.

    `privileges` are what of the operator's its deliveries would use: see `SinkType.privileges`.
    """

    subscription: NewSubscription
    privileges: tuple[str, ...] = ()


Check = Callable[[NewSubscription], Checked]
"""Raises where a sink is unknown, or refuses the target or the options."""


def subscribe(
    ledger: Ledger,
    definitions: Definitions,
    subscription: NewSubscription,
    *,
    check: Check,
    by: Actor,
    idempotency: IdempotentRequest | None = None,
    observers: Observers = NOBODY,
) -> Subscription:
    """Insert a subscription and return it; with `idempotency`, or the one that was made before.

    Raises `UnknownEvent`, `UnknownName`, `InvalidTarget`, `InvalidOptions`, `InvalidSecret`,
    `SecretKeysError`, `AccessDenied`, `IdempotencyConflict`.
    """
    subscription = allowed(definitions, subscription, check=check, by=by)
    entry_id = uuid7()
    # Without a key one of our own: a commit whose fate is unknown is run again.
    request = idempotency or IdempotentRequest.of(by.who, str(entry_id), b"")

    def insert(tx: LedgerTransaction) -> str:
        return str(insert_audited(tx, subscription, by=by, entry_id=entry_id))

    def work(tx: LedgerTransaction) -> Subscription:
        made = int(do_idempotently(tx, request, lambda: insert(tx)))
        try:
            return visible(tx.subscriptions.lock_one(made), made, by)
        except NotFound:
            raise IdempotencyConflict(
                f"this idempotency key made subscription {made}, which was deleted since: "
                "send a new key to make another one"
            ) from None

    made = ledger.run(work)
    _warn_of_weakness(made)
    _tell(made.id, made.status, observers)
    return made


def allowed(
    definitions: Definitions, subscription: NewSubscription, *, check: Check, by: Actor
) -> NewSubscription:
    """Return a new subscription as it is kept, if `by` may have it; nothing is written.

    It has a secret if its sink signs. Raises as `subscribe`.
    """
    checked = _checked(definitions, evolve(subscription, granted=by.granted), check)
    _allow_sink(checked, by)
    require_resources(definitions, [checked.subscription], by)
    _allow_tenant(checked.subscription.tenant, by)
    return checked.subscription


def insert_audited(
    tx: LedgerTransaction,
    subscription: NewSubscription,
    *,
    by: Actor,
    entry_id: UUID,
    subscribed_at: int | None = None,
    details: Mapping[str, object] | None = None,
) -> int:
    """Insert what `allowed` returned and return its id; `details` are what the audit says besides.

    `subscribed_at`: when it was made elsewhere, in microseconds; None: now.
    """
    made = tx.subscriptions.insert(subscription, subscribed_at=subscribed_at)
    signed = subscription.secret is not None
    audit(
        tx,
        by,
        "subscription.create",
        entry_id=entry_id,
        subject=made,
        tenant=subscription.tenant,
        details={**plain_fields(subscription), "signed": signed, **(details or {})},
    )
    return made


def change(
    ledger: Ledger,
    definitions: Definitions,
    subscription_id: int,
    edit: Callable[[NewSubscription], NewSubscription],
    *,
    check: Check,
    by: Actor,
    observers: Observers = NOBODY,
) -> Subscription:
    """Let `edit` change a subscription and return it as it is then.

    `edit` sees the subscription as it is and returns what it is to be; it may be called again
    where the database asks for that. Where nothing changes, nothing is written; where only the
    status does, nothing is checked: what cannot be delivered any more can be disabled. Raises as
    `subscribe`, and `NotFound`.
    """
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> tuple[Subscription, NewSubscription | None]:
        found = visible(tx.subscriptions.lock_one(subscription_id), subscription_id, by)
        old = _to_change(found)
        new = _without_older(old, edit(old))
        if new == old:
            return found, None
        status_only = evolve(new, status=old.status) == old
        if not status_only:
            _refuse_unread(found, old, new)
            checked = _checked(definitions, _granted(old, new, by), check)
            new = checked.subscription
            if _where(new) != _where(old):
                _allow_sink(checked, by)
        require_resources(definitions, [old, new], by)
        _allow_tenant(new.tenant, by)
        if status_only:
            tx.subscriptions.set_status([subscription_id], new.status)
        else:
            tx.subscriptions.update(subscription_id, new)
        audit(
            tx,
            by,
            "subscription.change",
            entry_id=entry_id,
            subject=subscription_id,
            tenant=new.tenant,
            details=differences(old, new),
        )
        return visible(tx.subscriptions.lock_one(subscription_id), subscription_id, by), old

    subscription, before = ledger.run(work)
    if before is not None:
        if subscription.secret != before.secret:
            _warn_of_weakness(subscription)
        _tell(subscription.id, subscription.status, observers)
    return subscription


def _tell(subscription_id: int, status: SubscriptionStatus, observers: Observers) -> None:
    """Tell observers of a change that is committed."""
    observers.tell(SubscriptionChanged(subscription_id=subscription_id, status=status))


def _to_change(found: Subscription) -> NewSubscription:
    # Something else than None, which asks for a new secret or for none.
    old = found.as_new()
    return evolve(old, secret=_UNREAD) if "secret" in found.unread else old


def _without_older(old: NewSubscription, new: NewSubscription) -> NewSubscription:
    """End older secrets where the secret is replaced without a word about them."""
    replaced = new.secret != old.secret and new.older_secrets == old.older_secrets
    return evolve(new, older_secrets=()) if replaced else new


def _refuse_unread(found: Subscription, old: NewSubscription, new: NewSubscription) -> None:
    """Raise `SecretKeysError` where a change would write away what it cannot read."""
    kept = [name for name in found.unread if getattr(new, name) == getattr(old, name)]
    if kept:
        raise SecretKeysError(
            f"subscription {found.id}: {found.unreadable}; or give it new {' and '.join(kept)} in "
            "the same change"
        )


def set_status(
    ledger: Ledger,
    ids: Collection[int],
    status: SubscriptionStatus,
    *,
    by: Actor,
    definitions: Definitions | None = None,
    observers: Observers = NOBODY,
) -> Sequence[int]:
    """Enable, disable or delete subscriptions, all or none; return those that were not so before.

    Disabling holds their open deliveries until they are enabled; workers release them then.
    Deleting cancels them and keeps the log. `definitions` say which resources of events `by`
    needs; None: `by` is trusted. Raises `NotFound` (deleted ones are not found), `AccessDenied`.
    """
    wanted = sorted(set(ids))
    entry_ids = {one: uuid7() for one in wanted}

    def work(tx: LedgerTransaction) -> list[int]:
        found = [visible(tx.subscriptions.lock_one(one), one, by) for one in wanted]
        if definitions is not None:
            require_resources(definitions, found, by)
        changed = [one for one in found if one.status is not status]
        if not changed:
            return []
        tx.subscriptions.set_status([one.id for one in changed], status)
        for one in changed:
            audit(
                tx,
                by,
                _ACTIONS[status],
                entry_id=entry_ids[one.id],
                subject=one.id,
                tenant=one.tenant,
            )
        return [one.id for one in changed]

    changed = ledger.run(work)
    for subscription_id in changed:
        _tell(subscription_id, status, observers)
    if status is SubscriptionStatus.DELETED:
        for one in wanted:
            _cancel(ledger, one)
    return changed


_ACTIONS: Final = {
    SubscriptionStatus.ENABLED: "subscription.enable",
    SubscriptionStatus.DISABLED: "subscription.disable",
    SubscriptionStatus.DELETED: "subscription.delete",
}


def _cancel(ledger: Ledger, subscription_id: int) -> None:
    while ledger.run(lambda tx: tx.deliveries.cancel(subscription_id, limit=CANCEL_BATCH)):
        continue


def visible(found: Subscription | None, subscription_id: int, by: Actor) -> Subscription:
    """Return what was found for an id if `by` may know of it, and it is not deleted.

    Raises `NotFound`, the same for what there is not and for what is another tenant's.
    """
    gone = found is None or found.status is SubscriptionStatus.DELETED
    if found is None or gone or not by.sees(found.tenant):
        raise no_subscription(subscription_id)
    return found


def require_subscription_id(subscription_id: object) -> None:
    """Raise TypeError for what is no whole number, `NotFound` for one that is nobody's id."""
    if not isinstance(subscription_id, int) or isinstance(subscription_id, bool):
        raise TypeError(
            "change_subscription takes the id of a subscription, a whole number, "
            f"not {shown(subscription_id)}"
        )
    if not 0 <= subscription_id <= LARGEST_ID:
        raise no_subscription(subscription_id)


def no_subscription(subscription_id: int) -> NotFound:
    """Return the error of an id that no subscription has."""
    return NotFound(
        f"no subscription {shown(subscription_id)}: `asyncevents subscriptions list` shows those "
        "there are"
    )


def _checked(definitions: Definitions, subscription: NewSubscription, check: Check) -> Checked:
    pattern = read_pattern(subscription.event_name)
    for name in pattern.names:
        definitions.get(name)
    require_matched(pattern, definitions.names())
    for secret in (subscription.secret, *(one.secret for one in subscription.older_secrets)):
        if secret is not None:
            receiver_secret(secret)
    granted = None if pattern.name is not None else subscription.granted
    return check(evolve(subscription, event_name=pattern.text, granted=granted))


def _granted(old: NewSubscription, new: NewSubscription, by: Actor) -> NewSubscription:
    """Return a changed subscription with what its pattern may reach from now on.

    Another target, say, must not get what whoever names it may not get; another pattern gets what
    whoever wrote it may get.
    """
    bounds = [by.granted] if new.event_name != old.event_name else [by.granted, old.granted]
    given = [one for one in bounds if one is not None]
    return evolve(new, granted=frozenset.intersection(*given) if given else None)


def _warn_of_weakness(made: Subscription) -> None:
    """Say that a secret is weak, where it was just given: the original's clients send such."""
    if made.secret is not None and (why := weakness(made.secret)):
        logger.warning("a verification token is weak", extra={"subscription": made.id, "why": why})


def require_resources(
    definitions: Definitions, subscriptions: Iterable[NewSubscription | Subscription], by: Actor
) -> None:
    """Raise `AccessDenied` unless `by` has all resources of the events of these subscriptions.

    An event that is defined no more has none: its subscriptions can be cleared away.
    """
    names = {name for one in subscriptions for name in reached_names(definitions, one)}
    for name in sorted(names):
        by.require(definitions.get(name).resources, to=f"subscribe to {name}")


def reached_names(definitions: Definitions, one: NewSubscription | Subscription) -> Sequence[str]:
    """Return the names of the defined events that a subscription gets, sorted."""
    try:
        pattern = read_pattern(one.event_name)
    except InvalidValue:
        # Written by another release: it gets nothing.
        return ()
    return [
        name
        for name in pattern.among(definitions.names())
        if name in pattern.names
        or one.granted is None
        or one.granted.issuperset(definitions.get(name).resources)
    ]


def _allow_sink(checked: Checked, by: Actor) -> None:
    wanted = checked.subscription
    by.require_sink(wanted.sink, wanted.target, checked.privileges)


def _where(one: NewSubscription) -> tuple[object, ...]:
    """Return what allowances are about; whoever allowed that once, lets the rest be changed."""
    return one.sink, one.target, dict(one.options)


def _allow_tenant(tenant: str | None, by: Actor) -> None:
    if not by.sees(tenant):
        of = "all tenants" if tenant is None else f"tenant {tenant!r}"
        raise AccessDenied(f"you are bound to tenant {by.tenant!r}: not to {of}")
