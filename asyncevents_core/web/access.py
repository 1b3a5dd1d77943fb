"""Who asks: the bearer token of a request, and whether it may use the route."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.engine.managing.tokens import authenticate
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.backend import Backend

Connection = ASGIConnection[Any, Any, Any, Any]

RESOURCE: Final = "resource"
"""Key of a route's options: the `Resource` that it needs, or `PUBLIC`."""
PUBLIC: Final = "public"
UNBOUND: Final = "unbound"
"""Key of a route's options: True where it is about the whole installation, not a tenant."""

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
    if resource is None or not actor.may(resource):
        raise Problem(
            403,
            f"you need the resource {resource}: make a token with --resource {resource}",
            kind="access-denied",
        )
    if handler.opt.get(UNBOUND) and actor.tenant is not None:
        raise Problem(
            403,
            f"you are bound to tenant {actor.tenant!r}: this is about all tenants",
            kind="access-denied",
        )


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
    actor = await backend.run(authenticate, backend.ledger, text.strip())
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
