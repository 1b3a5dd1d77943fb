"""A new secret for a subscription, while the old one goes on to sign for a time."""

from __future__ import annotations

import time

from attrs import evolve

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.secret import SecretKind, generate_secret, kind_of
from asyncevents_core.domain.subscription import NewSubscription, Subscription
from asyncevents_core.engine.managing.subscriptions import Check, change
from asyncevents_core.errors import InvalidSecret
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.observer import NOBODY, Observers
from asyncevents_core.ports.resolver import Definitions


def rotate_secret(
    ledger: Ledger,
    definitions: Definitions,
    subscription_id: int,
    *,
    overlap: float | None,
    check: Check,
    by: Actor,
    secret: str | None = None,
    kind: SecretKind | None = None,
    observers: Observers = NOBODY,
) -> Subscription:
    """Give a subscription a new secret and return it as it is then.

    Requests are signed with the new secret and with those there are, for `overlap` seconds; None:
    until `end_older_secrets`. So a recipient has that time to learn the new one. Workers know it at
    their next claim: what they have claimed already still goes out with the old one only, for as
    long as an attempt takes. Without `secret` one is made, of a `kind`; without that, of
    the kind of the one before. Raises as `change`, and `InvalidSecret` where there is none.
    """

    def edit(old: NewSubscription) -> NewSubscription:
        if old.secret is None:
            raise InvalidSecret(
                f"subscription {subscription_id} has no secret: what it sends is not signed"
            )
        new = secret or generate_secret(kind or kind_of(old.secret))
        return old.rotated(new, now=time.time_ns() // 1000, overlap=overlap)

    return change(
        ledger, definitions, subscription_id, edit, check=check, by=by, observers=observers
    )


def end_older_secrets(
    ledger: Ledger,
    definitions: Definitions,
    subscription_id: int,
    *,
    check: Check,
    by: Actor,
    observers: Observers = NOBODY,
) -> Subscription:
    """Let only the newest secret of a subscription sign from now on; return it as it is then.

    Raises as `change`.
    """
    return change(
        ledger,
        definitions,
        subscription_id,
        lambda old: evolve(old, older_secrets=()),
        check=check,
        by=by,
        observers=observers,
    )
