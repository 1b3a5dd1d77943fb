"""Sign in with a password, by a link or by a proxy; sign out."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from attrs import evolve, frozen
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect, Template

from asyncevents_core.domain.user import LONGEST_SESSION, Source, rights_of
from asyncevents_core.engine.managing import sessions
from asyncevents_core.errors import SignInRefused
from asyncevents_core.settings.schema import Settings
from asyncevents_core.web.access import PUBLIC, RESOURCE, SIGNED_IN
from asyncevents_core.web.backend import Backend, RequestBackend
from asyncevents_core.web.pages.form import form_of
from asyncevents_core.web.pages.frame import BASE, Frame, GivenFrame, done, shown
from asyncevents_core.web.pages.listing import inside
from asyncevents_core.web.pages.people import (
    COOKIE,
    address_of,
    require_own_page,
    signed_in,
)
from asyncevents_core.web.pages.proxy import VouchedFor, vouched_for
from asyncevents_core.web.patience import patience_of

PATH: Final = "/sign-in"
LINK_PATH: Final = f"{PATH}/link"
FOR_ALL: Final[dict[str, object]] = {RESOURCE: PUBLIC}
_SEE_OTHER: Final = 303
_FORBIDDEN: Final = 403
_WRONG: Final = 422
_TOO_MANY: Final = 429
_HTTPS: Final = "https"


@frozen(kw_only=True)
class SignIn:
    """The page where people sign in. `next` is the path below `BASE` where they want to go.

    `refusal` says why they were not signed in, `openid` whether there is a provider.
    """

    next: str
    openid: bool
    name: str = ""
    refusal: str = ""


@frozen(kw_only=True)
class ByLink:
    """The page of a link, whose button uses it."""

    code: str


@get(PATH, opt=FOR_ALL)
async def ask(request: Request[Any, Any, Any], frame: GivenFrame) -> Response[Any]:
    """Ask who it is; whom a proxy vouches for is signed in at once."""
    wanted = _wanted(request.query_params.get("next", ""))
    backend = backend_of(request)
    settings = backend.runtime.settings
    named = vouched_for(request, settings)
    if named is not None:
        return await begin(request, frame, named, Source.PROXY, wanted)
    if await signed_in(request) is not None:
        return Redirect(frame.link(wanted), status_code=_SEE_OTHER)
    return shown(frame, "sign-in.html", _page(settings, wanted))


@post(PATH, opt=FOR_ALL, status_code=_SEE_OTHER)
async def enter(request: Request[Any, Any, Any], frame: GivenFrame) -> Response[Any]:
    """Sign in with a name and a password."""
    require_own_page(request)
    form = await form_of(request)
    wanted = _wanted(form.get("next"))
    backend = backend_of(request)
    name = form.text("name")
    try:
        text = await backend.run(
            sessions.sign_in,
            backend.ledger,
            backend.runtime.password_hasher,
            name=name,
            password=form.get("password"),
            address=address_of(request),
        )
    except SignInRefused as error:
        page = _page(backend.runtime.settings, wanted, name=name, refusal=str(error))
        return _refused(frame, page, error)
    return await _entered(request, frame, text, wanted)


@get(f"{LINK_PATH}/{{code:str}}", opt=FOR_ALL, sync_to_thread=False)
def ask_by_link(frame: GivenFrame, code: FromPath[str]) -> Template:
    """Show a button: what looks at links before people do would use one up."""
    return shown(frame, "sign-in-link.html", ByLink(code=code))


@post(f"{LINK_PATH}/{{code:str}}", opt=FOR_ALL, status_code=_SEE_OTHER)
async def enter_by_link(
    request: Request[Any, Any, Any], frame: GivenFrame, code: FromPath[str]
) -> Response[Any]:
    """Sign in by a link."""
    require_own_page(request)
    backend = backend_of(request)
    try:
        text = await backend.run(
            sessions.sign_in_by_link, backend.ledger, code, address=address_of(request)
        )
    except SignInRefused as error:
        page = _page(backend.runtime.settings, "/", refusal=str(error))
        return _refused(frame, page, error)
    # Most have forgotten their password.
    return await _entered(request, frame, text, "/password")


@post("/sign-out", opt={RESOURCE: SIGNED_IN}, status_code=_SEE_OTHER)
async def leave(request: Request[Any, Any, Any], frame: GivenFrame) -> Response[Any]:
    """Sign out of here; not of the proxy or the provider that has vouched."""
    backend = backend_of(request)
    await backend.run(sessions.sign_out, backend.ledger, request.cookies.get(COOKIE, ""))
    answer: Response[Any]
    if frame.person is not None and frame.person.source is Source.PROXY:
        # The page to sign in would sign in again.
        nobody = evolve(frame, actor=None, person=None, csrf="")
        answer = shown(nobody, "signed-out.html", None)
    else:
        answer = done(frame, PATH, "You are signed out.")
    answer.set_cookie(_cookie(request, frame, "", max_age=0))
    return answer


HANDLERS: Final = [ask, enter, ask_by_link, enter_by_link, leave]


async def begin(
    request: Request[Any, Any, Any],
    frame: Frame,
    named: VouchedFor,
    source: Source,
    wanted: str,
) -> Response[Any]:
    """Sign in somebody for whom others vouch, and lead to the page that they want."""
    backend = backend_of(request)
    settings = backend.runtime.settings
    try:
        if rights_of(named.groups, settings.web_groups) is None:
            known = ", ".join(named.groups) or "none"
            raise SignInRefused(
                f"there is nothing that {named.name} may do here: an operator says in WEB_GROUPS "
                f"what their groups may, for one tenant at most (of their groups it has {known})"
            )
        text = await backend.run(
            sessions.begin_session,
            backend.ledger,
            name=named.name,
            source=source,
            groups=named.groups,
        )
    except SignInRefused as error:
        return refused(request, frame, error, wanted)
    return await _entered(request, frame, text, wanted)


def refused(
    request: Request[Any, Any, Any], frame: Frame, error: SignInRefused, wanted: str
) -> Response[Any]:
    """Return the page that says why somebody was not signed in by others."""
    settings = backend_of(request).runtime.settings
    return _refused(frame, _page(settings, wanted, refusal=str(error)), error, _FORBIDDEN)


def backend_of(request: Request[Any, Any, Any]) -> RequestBackend:
    """Return the backend of a request of somebody whom nobody knows yet."""
    backend: Backend = request.app.state.backend
    patience = patience_of(
        request.scope, backend.runtime.settings.web_request_timeout, receive=None
    )
    return backend.for_request(address_of(request), patience)


def is_https(request: Request[Any, Any, Any]) -> bool:
    """Tell whether cookies can be kept to connections that nobody reads."""
    return request.url.scheme == _HTTPS


async def _entered(
    request: Request[Any, Any, Any], frame: Frame, text: str, wanted: str
) -> Response[Any]:
    """Return the way to the page that somebody wants, with the cookie of a session of its own.

    The session that the browser had before ends: nobody shares one that they have put there.
    """
    backend = backend_of(request)
    if before := request.cookies.get(COOKIE):
        await backend.run(sessions.sign_out, backend.ledger, before)
    answer = Redirect(frame.link(wanted), status_code=_SEE_OTHER)
    answer.set_cookie(_cookie(request, frame, text, max_age=int(LONGEST_SESSION)))
    return answer


def _cookie(request: Request[Any, Any, Any], frame: Frame, text: str, *, max_age: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=text,
        max_age=max_age,
        path=f"{frame.root}{BASE}",
        httponly=True,
        secure=is_https(request),
        samesite="lax",
    )


def _page(settings: Settings, wanted: str, *, name: str = "", refusal: str = "") -> SignIn:
    return SignIn(next=wanted, openid=bool(settings.web_openid), name=name, refusal=refusal)


def _refused(
    frame: Frame, page: SignIn, error: SignInRefused, status: int = _WRONG
) -> Response[Any]:
    answer = shown(frame, "sign-in.html", page, status=_TOO_MANY if error.wait else status)
    if error.wait:
        answer.headers["Retry-After"] = str(error.wait)
    return answer


def _wanted(path: str) -> str:
    """Return where somebody wants to go, below `BASE`; not to where one signs in or out."""
    found = inside(path, "/")
    first = urlsplit(found).path.split("/")[1]
    return "/" if first in {"sign-in", "sign-out"} else found
