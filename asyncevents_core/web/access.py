"""Who asks: the bearer token of a request, and whether it may use the route."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.engine.managing.tokens import authenticate
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.backend import Backend
from asyncevents_core.web.patience import patience_of

Connection = ASGIConnection[Any, Any, Any, Any]

RESOURCE: Final = "resource"
"""Key of a route's options: the `Resource` that it needs, or one of the three below."""
PUBLIC: Final = "public"
"""In place of a resource: nobody is asked who they are."""
SIGNED_IN: Final = "signed in"
"""In place of a resource: a page for everybody who is signed in."""
AUTHENTICATED: Final = "authenticated"
"""In place of a resource: what is asked for decides which one it needs."""
UNBOUND: Final = "unbound"
"""Key of a route's options: True where it is about the whole installation, not a tenant."""

_JSON: Final = re.compile(r"application/[a-z0-9.-]+\+json")
_LONGEST_NAME: Final = 100

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="asyncevents"'}


def needs(resource: Resource, *, unbound: bool = False) -> dict[str, object]:
    """Return the options of a route that needs a resource."""
    return {RESOURCE: resource.value, UNBOUND: unbound}


async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let the request pass, or raise a `Problem` (401, 403). Sets the actor in its state.

    OPTIONS, which tells the methods of a route, passes.
    """
    if connection.scope.get("method") == "OPTIONS":
        return
    resource = handler.opt.get(RESOURCE)
    if resource == PUBLIC:
        return
    actor = await _actor(connection)
    connection.scope["state"]["actor"] = actor
    if resource is None or (resource != AUTHENTICATED and not actor.may_partly(resource)):
        raise Problem(
            403,
            f"you need the resource {resource}: make a token with --resource {resource}",
            kind="access-denied",
        )
    _require_json(connection)
    if handler.opt.get(UNBOUND) and actor.tenant is not None:
        raise Problem(
            403,
            f"you are bound to tenant {actor.tenant!r}: this is about all tenants",
            kind="access-denied",
        )


def _require_json(connection: Connection) -> None:
    """Raise a `Problem` (415) for a body of another kind; clients of the original say none."""
    sent = connection.headers.get("content-type", "")
    kind = sent.partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not _JSON.fullmatch(kind):
        raise Problem(415, f"bodies are application/json, not {kind[:_LONGEST_NAME]}")


def actor_of(request: Request[Any, Any, Any]) -> Actor:
    """Return who asks; `guard` has found out."""
    found = request.scope["state"]["actor"]
    assert isinstance(found, Actor)  # noqa: S101
    return found


async def _actor(connection: Connection) -> Actor:
    scheme, _, text = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Problem(
            401,
            "send `Authorization: Bearer …` with a token that `asyncevents token create` made",
            kind="token-missing",
            headers=_CHALLENGE,
        )
    backend: Backend = connection.app.state.backend
    settings = backend.runtime.settings
    sent_by = "" if connection.client is None else connection.client.host
    actor = await backend.call(
        lambda: authenticate(backend.ledger, text.strip(), settings.tenant_sinks),
        sent_by,
        patience_of(connection.scope, settings.web_request_timeout, receive=None),
    )
    if actor is None:
        raise Problem(
            401,
            "this token is unknown, expired or revoked",
            kind="token-invalid",
            headers={
                "WWW-Authenticate": f'{_CHALLENGE["WWW-Authenticate"]}, error="invalid_token"'
            },
        )
    return actor
