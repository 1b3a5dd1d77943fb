"""Make, revoke and check API tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import asdict

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.allowance import ANY, SinkAllowance, TenantSinks, tenant_allowances
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.domain.limits import LONGEST_TOKEN_NAME, text_mistake
from asyncevents_core.domain.token import ApiToken, new_token, read_token
from asyncevents_core.engine.managing.rights import check_rights, require_rights
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
    sinks: Mapping[str, SinkAllowance] | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; return its row, and the text that is shown once and kept nowhere.

    It expires after `days`; None: never. `known` are the resources of the event definitions.
    `sinks` bound what it may subscribe, beside what its tenant may. Raises `InvalidValue`, and
    `AccessDenied` for what `by` itself may not: a resource, another tenant, other sinks.
    """
    if mistake := text_mistake(name, LONGEST_TOKEN_NAME):
        raise InvalidValue(f"name {mistake}", field="name")
    check_rights(resources, tenant, known=known, what="a token")
    require_rights(by, resources, tenant, to="make such a token", what="tokens")
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
            sinks=sinks,
            created_at=tx.now(),
            expires_at=None if days is None else tx.now() + micros(days * 86_400),
        )
        tx.access.insert_token(made)
        bound = None if sinks is None else {one: asdict(sinks[one]) for one in sinks}
        details = {"name": name, "resources": kept, "days": days, "sinks": bound}
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


def bounds(
    sinks: Sequence[str],
    targets: Sequence[str],
    privileges: Sequence[str],
    *,
    known: Collection[str],
) -> Mapping[str, SinkAllowance] | None:
    """Return what bounds a token to these sinks, target patterns and privileges.

    Without sinks the others are about any; None where nothing is given. Raises `InvalidValue` for
    a sink that is not `known`, and for what is no pattern.
    """
    if not sinks and not targets and not privileges:
        return None
    for one in sinks:
        if one not in known:
            raise InvalidValue(
                f"no sink {one!r}{suggestion(one, known)}: there are {', '.join(sorted(known))}",
                field="sinks",
            )
    try:
        allowed = SinkAllowance(targets=tuple(targets) or (ANY,), privileges=tuple(privileges))
    except ValueError as error:
        raise InvalidValue(str(error), field="sinks") from error
    return dict.fromkeys(sinks or (ANY,), allowed)


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


def authenticate(ledger: Ledger, text: str, tenants: TenantSinks) -> Actor | None:
    """Return whom a token stands for; None if it is unknown, expired or revoked.

    `tenants` say what a token of a tenant may subscribe.
    """
    sent = read_token(text)
    if sent is None:
        return None
    found, now = ledger.read(lambda view: (view.access.token(sent.id), view.now()))
    if found is None or not sent.fits(found.digest) or not found.is_valid(now):
        return None
    if found.used_at is None or now - found.used_at > micros(_TOUCH_EVERY):
        ledger.run(lambda tx: tx.access.touch_token(found.id))
    return Actor(
        who=f"token {found.name} {found.id}",
        resources=frozenset(found.resources),
        tenant=found.tenant,
        allowances=(*tenant_allowances(found.tenant, tenants), *found.allowances),
    )
