"""Make, revoke and check API tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from asyncevents_core.domain.access import ALL, Actor, Resource
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.domain.limits import LONGEST_TOKEN_NAME, tenant_mistake, text_mistake
from asyncevents_core.domain.token import ApiToken, new_token, read_token
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.errors import InvalidValue, NotFound, suggestion
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

_TOUCH_EVERY: Final = 60.0
"""A token's last use is noted once in so many seconds."""


def create_token(
    ledger: Ledger,
    *,
    name: str,
    resources: Sequence[str],
    tenant: str | None,
    days: float | None,
    known: Collection[str],
    by: Actor,
) -> tuple[ApiToken, str]:
    """Make a token; return its row, and the text that is shown once and kept nowhere.

    It expires after `days`; None: never. `known` are the resources of the event definitions.
    Raises `InvalidValue`, and `AccessDenied` for a resource that `by` does not have.
    """
    _check(name, resources, tenant, known)
    by.require(resources, to="make such a token")
    text = new_token()
    entry_id = uuid7()
    kept = tuple(dict.fromkeys(resources))

    def work(tx: LedgerTransaction) -> ApiToken:
        made = ApiToken(
            id=text.id,
            digest=text.digest,
            name=name,
            resources=kept,
            tenant=tenant,
            created_at=tx.now(),
            expires_at=None if days is None else tx.now() + micros(days * 86_400),
        )
        tx.access.insert_token(made)
        details = {"name": name, "resources": kept, "days": days}
        audit(
            tx,
            by,
            "token.create",
            entry_id=entry_id,
            subject=made.id,
            tenant=tenant,
            details=details,
        )
        return made

    return ledger.run(work), text.text


def revoke_token(ledger: Ledger, token_id: UUID, *, by: Actor) -> None:
    """Revoke a token: it is refused from now on. Raises `NotFound`."""
    found = ledger.read(lambda view: view.access.token(token_id))
    if found is None or found.revoked_at is not None:
        raise NotFound(f"no token {token_id} that is not revoked: `asyncevents token list`")
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> None:
        if tx.access.revoke_token(token_id):
            audit(
                tx,
                by,
                "token.revoke",
                entry_id=entry_id,
                subject=token_id,
                tenant=found.tenant,
                details={"name": found.name},
            )

    ledger.run(work)


def authenticate(ledger: Ledger, text: str) -> Actor | None:
    """Return whom a token stands for; None if it is unknown, expired or revoked."""
    sent = read_token(text)
    if sent is None:
        return None
    found, now = ledger.read(lambda view: (view.access.token(sent.id), view.now()))
    if found is None or not found.fits(sent.digest) or not found.is_valid(now):
        return None
    if found.used_at is None or now - found.used_at > micros(_TOUCH_EVERY):
        ledger.run(lambda tx: tx.access.touch_token(found.id))
    return Actor(
        who=f"token {found.name} {found.id}",
        resources=frozenset(found.resources),
        tenant=found.tenant,
    )


def _check(name: str, resources: Sequence[str], tenant: str | None, known: Collection[str]) -> None:
    if mistake := text_mistake(name, LONGEST_TOKEN_NAME):
        raise InvalidValue(f"name {mistake}", field="name")
    if mistake := tenant_mistake(tenant):
        raise InvalidValue(f"tenant {mistake}", field="tenant")
    if not resources:
        raise InvalidValue("a token needs at least one resource", field="resources")
    own = [one.value for one in Resource]
    all_known = {*own, ALL, *known}
    for one in resources:
        if one not in all_known:
            raise InvalidValue(
                f"no resource {one!r}{suggestion(one, all_known)}: asyncevents has "
                f"{', '.join([*own, ALL])}, the events {', '.join(sorted(known)) or 'none'}",
                field="resources",
            )
