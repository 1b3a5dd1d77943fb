"""A new secret for a subscription, beside the old one for a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen
from litestar import Request, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.secret import SecretKind, kind_of, receiver_secret
from asyncevents_core.domain.subscription import OlderSecret, Subscription
from asyncevents_core.engine.managing.rotation import end_older_secrets, rotate_secret
from asyncevents_core.engine.managing.subscriptions import visible
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, RowId, row_id
from asyncevents_core.web.pages.form import form_of
from asyncevents_core.web.pages.frame import GivenFrame, done, shown
from asyncevents_core.web.pages.subscription_form import PATH, MadeSubscription

_SECRET: Final = f"{PATH}/{{subscription_id:int}}/secret"
_OLDER: Final = f"{PATH}/{{subscription_id:int}}/older-secrets"
_HOUR: Final = 3600.0
_OVERLAPS: Final[dict[str, tuple[str, float | None]]] = {
    "0": ("no time: they end at once", 0.0),
    "1h": ("an hour", _HOUR),
    "24h": ("a day", 24 * _HOUR),
    "7d": ("a week", 7 * 24 * _HOUR),
    "forever": ("as long as nobody ends them", None),
}
_USUAL: Final = "24h"
_KINDS: Final = (
    (SecretKind.SYMMETRIC, "Symmetric (HMAC-SHA256): the recipient has the same secret"),
    (SecretKind.ED25519, "Key pair (ed25519): the recipient has the public key only"),
)


@frozen(kw_only=True)
class SecretPage:
    """What a new secret may be, and for how long older ones go on."""

    subscription: Subscription
    kind: SecretKind
    kinds: Sequence[tuple[SecretKind, str]] = _KINDS
    overlaps: Sequence[tuple[str, str]] = tuple((key, text) for key, (text, _) in _OVERLAPS.items())
    usual: str = _USUAL

    @property
    def older(self) -> Sequence[OlderSecret]:
        """The older ones that sign, too."""
        now = time.time_ns() // 1000
        return [one for one in self.subscription.older_secrets if one.is_active(now)]


@get(_SECRET, opt=needs(Resource.CREATE))
async def ask(
    subscription_id: RowId, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Ask how to replace the secret of a subscription."""
    number = row_id(subscription_id)
    found = await backend.read(lambda view: view.subscriptions.get(number))
    one = visible(found, number, actor)
    kind = SecretKind.SYMMETRIC if one.secret is None else kind_of(one.secret)
    return shown(frame, "secret.html", SecretPage(subscription=one, kind=kind))


@post(_SECRET, opt=needs(Resource.CREATE))
async def replace(
    subscription_id: RowId,
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
) -> Template:
    """Give a subscription a new secret, and show it this once."""
    form = await form_of(request)
    _, overlap = _OVERLAPS.get(form.text("overlap"), _OVERLAPS["0"])
    kind = SecretKind(form.text("kind")) if form.text("kind") in set(SecretKind) else None
    number = row_id(subscription_id)
    runtime = backend.runtime
    changed = await backend.run(
        lambda: rotate_secret(
            runtime.ledger,
            runtime.catalog,
            number,
            overlap=overlap,
            kind=kind,
            check=runtime.check_subscription,
            by=actor,
            observers=runtime.observers,
        )
    )
    view = MadeSubscription(
        subscription=changed,
        secret=receiver_secret(changed.secret or ""),
        title="The secret is replaced",
    )
    return shown(frame, "subscription_made.html", view)


@post(_OLDER, opt=needs(Resource.CREATE))
async def end_older(
    subscription_id: RowId, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Let only the newest secret sign."""
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
    return done(frame, f"{PATH}/{number}", "Only the newest secret signs from now on.")


HANDLERS: Final = [ask, replace, end_older]
