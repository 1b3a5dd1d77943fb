"""Who asks for a page, and whether it may be shown to them."""

from __future__ import annotations

import secrets
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from asyncevents_core.domain.access import Actor
from asyncevents_core.engine.managing.tokens import authenticate
from asyncevents_core.web.access import PUBLIC, RESOURCE, SIGNED_IN, UNBOUND
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.backend import Backend
from asyncevents_core.web.pages.form import form_of
from asyncevents_core.web.patience import Patience

Connection = ASGIConnection[Any, Any, Any, Any]

COOKIE: Final = "asyncevents_session"
CSRF_FIELD: Final = "csrf"
_CSRF_HEADER: Final = "x-csrf-token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})


@frozen(kw_only=True)
class SignedIn:
    """Whoever is signed in. Forms carry `csrf`, so that other sites cannot send them."""

    actor: Actor
    csrf: str


class NotSignedIn(Exception):
    """Nobody is signed in: the answer is the page to do so."""


async def signed_in(connection: Connection) -> SignedIn | None:
    """Return who is signed in; None: nobody."""
    text = connection.cookies.get(COOKIE)
    if not text:
        return None
    backend: Backend = connection.app.state.backend
    settings = backend.runtime.settings
    sent_by = "" if connection.client is None else connection.client.host
    actor = await backend.call(
        lambda: authenticate(backend.ledger, text, settings.tenant_sinks),
        sent_by,
        Patience(settings.web_request_timeout, receive=None),
    )
    return None if actor is None else SignedIn(actor=actor, csrf=text[-16:])


async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let the request pass, or raise `NotSignedIn` or a `Problem` (403).

    Sets who is signed in, and the actor that they are, in the request's state.
    """
    if handler.opt.get(RESOURCE) == PUBLIC:
        return
    found = await signed_in(connection)
    if found is None:
        raise NotSignedIn
    connection.scope["state"]["signed_in"] = found
    connection.scope["state"]["actor"] = found.actor
    resource = handler.opt.get(RESOURCE)
    if resource != SIGNED_IN and (resource is None or not found.actor.may(resource)):
        raise Problem(403, f"this needs the resource {resource}, which you do not have")
    if handler.opt.get(UNBOUND) and found.actor.tenant is not None:
        raise Problem(403, f"you are bound to tenant {found.actor.tenant!r}: this is about all")
    if connection.scope.get("method") not in _SAFE:
        assert isinstance(connection, Request)  # noqa: S101 - nothing else has a method
        await _require_own(connection, found.csrf)


def signed_in_of(request: Request[Any, Any, Any]) -> SignedIn | None:
    """Return who is signed in, as `guard` found out; None on pages for everybody."""
    found: SignedIn | None = request.scope["state"].get("signed_in")
    return found


async def _require_own(request: Request[Any, Any, Any], csrf: str) -> None:
    """Raise a `Problem` (403) for what another site's page has sent."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in _OWN_SITES:
        raise Problem(403, "another site's page sent this, so it was not done")
    if site is None and origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(403, "a page of another address sent this, so it was not done")
    sent = request.headers.get(_CSRF_HEADER) or (await form_of(request)).get(CSRF_FIELD)
    if not secrets.compare_digest(sent.encode(), csrf.encode()):
        raise Problem(403, "this form is too old: go back, load the page anew, and send it again")
