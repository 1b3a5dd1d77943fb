"""Who asks for a page, and whether it may be shown to them."""

from __future__ import annotations

import secrets
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from asyncevents_core.domain.user import Source
from asyncevents_core.engine.managing.sessions import SignedIn, session_of
from asyncevents_core.settings.schema import Settings
from asyncevents_core.web.access import PUBLIC, RESOURCE, SIGNED_IN, UNBOUND
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.backend import Backend
from asyncevents_core.web.pages.form import form_of
from asyncevents_core.web.pages.proxy import vouched_for
from asyncevents_core.web.patience import patience_of

Connection = ASGIConnection[Any, Any, Any, Any]

COOKIE: Final = "asyncevents_session"
CSRF_FIELD: Final = "csrf"
_CSRF_HEADER: Final = "x-csrf-token"
_UNATTENDED: Final = "x-unattended"
"""What pages send when they refresh themselves: nobody need be there."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})


class NotSignedIn(Exception):
    """Nobody is signed in: the answer is the page to do so."""


async def signed_in(connection: Connection) -> SignedIn | None:
    """Return who is signed in; None: nobody.

    Whom others vouch for is signed in as long as they do. Raises a `Problem` as `vouched_for`.
    """
    text = connection.cookies.get(COOKIE)
    if not text:
        return None
    backend: Backend = connection.app.state.backend
    settings = backend.runtime.settings
    found = await backend.call(
        lambda: session_of(
            backend.ledger,
            text,
            tenants=settings.tenant_sinks,
            groups=settings.web_groups,
            idle=settings.web_session_idle,
            unattended=_UNATTENDED in connection.headers,
        ),
        address_of(connection),
        patience_of(connection.scope, settings.web_request_timeout, receive=None),
    )
    if found is None or not _is_vouched_for(connection, found, settings):
        return None
    return found


def address_of(connection: Connection) -> str:
    """Return the address of the client; "" where it has none."""
    return "" if connection.client is None else connection.client.host


def _is_vouched_for(connection: Connection, found: SignedIn, settings: Settings) -> bool:
    """Tell whether those who vouched for somebody still do."""
    if found.source is Source.OPENID:
        return bool(settings.web_openid)
    if found.source is not Source.PROXY:
        return True
    named = vouched_for(connection, settings)
    return named is not None and (named.name, named.groups) == (found.name, found.groups)


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
        require_own_page(connection)
        await _require_token(connection, found.csrf)


def signed_in_of(request: Request[Any, Any, Any]) -> SignedIn | None:
    """Return who is signed in, as `guard` found out; None on pages for everybody."""
    found: SignedIn | None = request.scope["state"].get("signed_in")
    return found


def require_own_page(request: Request[Any, Any, Any]) -> None:
    """Raise a `Problem` (403) for what another site's page has sent."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in _OWN_SITES:
        raise Problem(403, "another site's page sent this, so it was not done")
    if site is None and origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(403, "a page of another address sent this, so it was not done")


async def _require_token(request: Request[Any, Any, Any], csrf: str) -> None:
    """Raise a `Problem` (403) for a form without the session's token."""
    sent = request.headers.get(_CSRF_HEADER) or (await form_of(request)).get(CSRF_FIELD)
    if not secrets.compare_digest(sent.encode(), csrf.encode()):
        raise Problem(403, "this form is too old: go back, load the page anew, and send it again")
