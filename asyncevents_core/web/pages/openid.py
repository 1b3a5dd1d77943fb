"""Sign in by an OpenID provider: lead to it, and hear what it says when the browser is back."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from attrs import asdict
from litestar import Request, Response, get
from litestar.datastructures import Cookie
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from asyncevents_core.adapters.openid import Flow, OpenIdProvider
from asyncevents_core.domain.user import Source
from asyncevents_core.errors import SignInRefused
from asyncevents_core.web.pages.frame import BASE, Frame, GivenFrame, absolute
from asyncevents_core.web.pages.listing import inside
from asyncevents_core.web.pages.proxy import VouchedFor
from asyncevents_core.web.pages.sign_in import (
    FOR_ALL,
    PATH,
    backend_of,
    begin,
    is_https,
    refused,
)

_PATH: Final = f"{PATH}/openid"
_BACK: Final = f"{_PATH}/back"
_COOKIE: Final = "asyncevents_openid"
_KEPT_FOR: Final = 600
"""Seconds that somebody has for signing in at the provider."""


@get(_PATH, opt=FOR_ALL)
async def leave(request: Request[Any, Any, Any], frame: GivenFrame) -> Response[Any]:
    """Lead to the provider. The browser keeps what shows that it was asked from here."""
    wanted = inside(request.query_params.get("next", ""), "/")
    try:
        address, flow = await _provider(request).begin(_back(request, frame))
    except SignInRefused as error:
        return refused(request, frame, error, wanted)
    answer = Redirect(address, status_code=302)
    kept = json.dumps({**asdict(flow), "next": wanted}).encode()
    answer.set_cookie(_cookie(request, frame, base64.urlsafe_b64encode(kept).decode(), _KEPT_FOR))
    return answer


@get(_BACK, opt=FOR_ALL)
async def return_(request: Request[Any, Any, Any], frame: GivenFrame) -> Response[Any]:
    """Sign in whom the provider vouches for."""
    flow, wanted = _kept(request)
    answer: Response[Any]
    try:
        query = {name: str(value) for name, value in request.query_params.items()}
        found = await _provider(request).finish(query, flow, _back(request, frame))
    except SignInRefused as error:
        answer = refused(request, frame, error, wanted)
    else:
        known = backend_of(request).runtime.settings.web_groups
        groups = tuple(sorted(set(found.groups) & known.keys()))
        named = VouchedFor(name=found.name, groups=groups)
        answer = await begin(request, frame, named, Source.OPENID, wanted)
    answer.set_cookie(_cookie(request, frame, "", 0))
    return answer


HANDLERS: Final = [leave, return_]


def _provider(request: Request[Any, Any, Any]) -> OpenIdProvider:
    found: OpenIdProvider | None = request.app.state.openid
    if found is None:
        raise NotFoundException
    return found


def _back(request: Request[Any, Any, Any], frame: Frame) -> str:
    """Return the address to which the provider sends the browser back."""
    return absolute(request, frame, _BACK)


def _cookie(request: Request[Any, Any, Any], frame: Frame, value: str, max_age: int) -> Cookie:
    return Cookie(
        key=_COOKIE,
        value=value,
        max_age=max_age,
        path=f"{frame.root}{BASE}{_PATH}",
        httponly=True,
        secure=is_https(request),
        samesite="lax",
    )


def _kept(request: Request[Any, Any, Any]) -> tuple[Flow | None, str]:
    """Return what the browser has kept; it comes from there, so anything may be in it."""
    try:
        found = json.loads(base64.urlsafe_b64decode(request.cookies.get(_COOKIE, "")))
        flow = Flow(
            state=str(found["state"]), nonce=str(found["nonce"]), verifier=str(found["verifier"])
        )
        return flow, inside(str(found["next"]), "/")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None, "/"
