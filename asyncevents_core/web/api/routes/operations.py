"""Operations: configuration, status, the audit log, tokens."""

from __future__ import annotations

from typing import Final

from litestar import delete, get, patch
from litestar.params import JSONBody

from asyncevents_core.domain.access import AuditEntry, Resource
from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.engine.managing.configuration import set_run_time_values
from asyncevents_core.engine.managing.tokens import revoke_token
from asyncevents_core.engine.upkeep.diagnosis import diagnose
from asyncevents_core.forms import StatusForm, TokenForm
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.settings.run_time import ConfiguredValue, configured
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.keyset import page
from asyncevents_core.web.api.parameters import BeforeUuid, GivenActor, GivenBackend, Limit, Uuid
from asyncevents_core.web.api.problems import documented
from asyncevents_core.web.api.schemas.bodies import ConfigurationBody
from asyncevents_core.web.api.schemas.catalog import (
    AuditItem,
    AuditPage,
    ConfigurationItem,
    ConfigurationList,
    TokenList,
)
from asyncevents_core.web.api.strict_body import StrictBody

_OPERATIONS: Final = ["operations"]


@get(
    "/configuration",
    opt=needs(Resource.MANAGE, unbound=True),
    responses=documented(),
    tags=_OPERATIONS,
    summary="Read what can be changed at run time",
)
async def read_configuration(backend: GivenBackend) -> ConfigurationList:
    """Read the values that can be changed at run time, and where each comes from."""
    found = await backend.run(configured, backend.runtime.settings, backend.ledger)
    return ConfigurationList(items=[_configuration(one) for one in found])


@patch(
    "/configuration",
    opt=needs(Resource.MANAGE, unbound=True),
    dto=StrictBody[ConfigurationBody],
    return_dto=None,
    responses=documented(400),
    tags=_OPERATIONS,
    summary="Change values at run time",
)
async def change_configuration(
    data: JSONBody[ConfigurationBody], backend: GivenBackend, actor: GivenActor
) -> ConfigurationList:
    """Set values, all or none of them; null goes back to the setting. Workers hear in seconds."""
    await backend.run(set_run_time_values, backend.ledger, data.values, by=actor)
    found = await backend.run(configured, backend.runtime.settings, backend.ledger)
    return ConfigurationList(items=[_configuration(one) for one in found])


@get(
    "/status",
    opt=needs(Resource.MANAGE, unbound=True),
    responses=documented(),
    tags=_OPERATIONS,
    summary="Read the backlog, the workers, and what is wrong",
)
async def status(backend: GivenBackend) -> StatusForm:
    """Read what is open, how late the oldest is, how far the index, which workers are alive."""
    return StatusForm.of(
        await backend.run(
            diagnose,
            backend.ledger,
            backend.runtime.broker,
            indexing=backend.runtime.indexer is not None,
        )
    )


@get(
    "/audit",
    opt=needs(Resource.MANAGE),
    responses=documented(400),
    tags=_OPERATIONS,
    summary="Read who changed what, and when",
)
async def audit(
    backend: GivenBackend,
    actor: GivenActor,
    limit: Limit = 50,
    before: BeforeUuid = None,
) -> AuditPage:
    """Read the audit log, newest first; of a bound token's tenant only."""
    rows = await backend.read(
        lambda view: view.access.audit(limit=limit + 1, before=before, tenant=actor.tenant)
    )
    shown, after = page(rows, limit, lambda one: one.id)
    return AuditPage(items=[_audit(one) for one in shown], next=after)


@get(
    "/tokens",
    opt=needs(Resource.MANAGE, unbound=True),
    responses=documented(),
    tags=_OPERATIONS,
    summary="List API tokens",
)
async def tokens(backend: GivenBackend) -> TokenList:
    """List the tokens, revoked and expired ones too; `asyncevents token create` makes them."""

    def read(view: LedgerView) -> tuple[list[ApiToken], int]:
        return list(view.access.tokens()), view.now()

    found, now = await backend.read(read)
    return TokenList(items=[TokenForm.of(one, now) for one in found])


@delete(
    "/tokens/{token_id:uuid}",
    opt=needs(Resource.MANAGE, unbound=True),
    responses=documented(404),
    tags=_OPERATIONS,
    summary="Revoke an API token",
)
async def revoke(token_id: Uuid, backend: GivenBackend, actor: GivenActor) -> None:
    """Revoke a token: it is refused from now on."""
    await backend.run(revoke_token, backend.ledger, token_id, by=actor)


HANDLERS: Final = [
    read_configuration,
    change_configuration,
    status,
    audit,
    tokens,
    revoke,
]


def _configuration(one: ConfiguredValue) -> ConfigurationItem:
    return ConfigurationItem(
        name=one.name,
        value=one.value,
        origin=one.origin,
        setting=one.setting,
        setting_origin=one.setting_origin,
        changed_by=one.changed_by,
        changed_at=None if one.changed_at is None else to_datetime(one.changed_at),
    )


def _audit(one: AuditEntry) -> AuditItem:
    return AuditItem(
        id=one.id,
        at=to_datetime(one.at),
        who=one.who,
        action=one.action,
        subject=one.subject,
        tenant=one.tenant,
        details=dict(one.details),
    )
