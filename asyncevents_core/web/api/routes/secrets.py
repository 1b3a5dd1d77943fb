"""Secrets of subscriptions: a new one beside the old, and public keys for recipients."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, delete, get, post
from litestar.params import JSONBody

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.secret import SecretKind, kind_of, public_jwk, receiver_secret
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.engine.managing.rotation import end_older_secrets, rotate_secret
from asyncevents_core.forms import SubscriptionForm
from asyncevents_core.web.access import PUBLIC, RESOURCE, needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, RowId, row_id
from asyncevents_core.web.api.problems import documented
from asyncevents_core.web.api.schemas.rotation import Rotated, Rotation
from asyncevents_core.web.api.strict_body import StrictBody

TAG: Final = ["subscriptions"]
_ONE: Final = "/async_event/{subscription_id:int}"
_FRESH: Final = {"Cache-Control": "public, max-age=300"}
"""A recipient that caches the keys learns of a new one in time, if secrets overlap for longer."""


@post(
    f"{_ONE}/rotate_secret",
    opt=needs(Resource.CREATE),
    status_code=200,
    dto=StrictBody[Rotation],
    return_dto=None,
    responses=documented(400, 404),
    tags=TAG,
    summary="Give a subscription a new secret",
)
async def rotate(
    subscription_id: RowId, data: JSONBody[Rotation], backend: GivenBackend, actor: GivenActor
) -> Rotated:
    """Sign with a new secret from now on, and with those there are for `overlap` seconds, too.

    The answer has the receiver's form of the new secret, this once.
    """
    runtime = backend.runtime
    number = row_id(subscription_id)
    changed = await backend.run(
        lambda: rotate_secret(
            runtime.ledger,
            runtime.catalog,
            number,
            overlap=data.overlap,
            secret=data.secret,
            kind=None if data.kind is None else SecretKind(data.kind),
            check=runtime.check_subscription,
            by=actor,
            observers=runtime.observers,
        )
    )
    form = SubscriptionForm.of(changed, {})
    return Rotated(
        subscription_id=changed.id,
        receiver_secret=receiver_secret(changed.secret or ""),
        older_secrets_until=form.older_secrets_until,
    )


@delete(
    f"{_ONE}/older_secrets",
    opt=needs(Resource.CREATE),
    responses=documented(404),
    tags=TAG,
    summary="End the older secrets of a subscription",
)
async def end_older(subscription_id: RowId, backend: GivenBackend, actor: GivenActor) -> None:
    """Sign with the newest secret only, from now on."""
    runtime = backend.runtime
    number = row_id(subscription_id)
    await backend.run(
        lambda: end_older_secrets(
            runtime.ledger,
            runtime.catalog,
            number,
            check=runtime.check_subscription,
            by=actor,
            observers=runtime.observers,
        )
    )


@get(
    f"{_ONE}/jwks.json",
    opt={RESOURCE: PUBLIC},
    tags=TAG,
    summary="The public keys of a subscription",
)
async def read_keys(subscription_id: RowId, backend: GivenBackend) -> Response[dict[str, Any]]:
    """Return the keys with which a recipient verifies, as a JSON Web Key Set (RFC 7517).

    For everybody: public keys are no secret. There are some where requests are signed with
    ed25519; of what does not exist there are none, as of what has a symmetric secret.
    """
    number = row_id(subscription_id)
    found = await backend.read(lambda view: view.subscriptions.get(number))
    return Response({"keys": _keys(found)}, headers=_FRESH)


HANDLERS: Final = [rotate, end_older]
PUBLIC_HANDLERS: Final = [read_keys]


def _keys(found: Subscription | None) -> list[dict[str, str]]:
    if found is None or found.status is SubscriptionStatus.DELETED:
        return []
    # Those that have ended, too: what they signed may still be on its way.
    secrets = [found.secret, *(one.secret for one in found.older_secrets)]
    return [
        public_jwk(one) for one in secrets if one is not None and kind_of(one) is SecretKind.ED25519
    ]
