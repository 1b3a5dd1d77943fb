"""What every page has around its own part: navigation, who is signed in, notices."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from attrs import asdict, frozen
from litestar import Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.engine.managing.sessions import SignedIn
from asyncevents_core.web.files import PAGES, version_of
from asyncevents_core.web.pages.people import signed_in_of

BASE: Final = "/admin"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_NOTICE: Final = "asyncevents_notice"
_LONGEST_NOTICE: Final = 1_000
_SEE_OTHER: Final = 303


@frozen(kw_only=True)
class Entry:
    """A page in the navigation, for those who have its resource.

    `unbound`: it is about the whole installation, not for people who are bound to a tenant.
    """

    path: str
    title: str
    resource: Resource
    unbound: bool = False


ENTRIES: Final[Sequence[Entry]] = (
    Entry(path="/", title="Dashboard", resource=Resource.LOGS_LIST),
    Entry(path="/events", title="Events", resource=Resource.LOGS_LIST),
    Entry(path="/subscriptions", title="Subscriptions", resource=Resource.VIEW),
    Entry(path="/logs", title="Log", resource=Resource.LOGS_LIST),
    Entry(path="/dead-letters", title="Dead letters", resource=Resource.LOGS_LIST),
    Entry(path="/replays", title="Replays", resource=Resource.LOGS_REPLAY),
    Entry(path="/event-definitions", title="Event definitions", resource=Resource.VIEW),
    Entry(path="/configuration", title="Configuration", resource=Resource.MANAGE, unbound=True),
    Entry(path="/plugins", title="Plugins", resource=Resource.MANAGE, unbound=True),
    Entry(path="/tokens", title="Tokens", resource=Resource.MANAGE, unbound=True),
    Entry(path="/users", title="People", resource=Resource.MANAGE, unbound=True),
    Entry(path="/audit", title="Audit log", resource=Resource.MANAGE),
)
"""The navigation, in its order."""


@frozen(kw_only=True)
class Notice:
    """What was done, or not, said once on the next page. `kind` is "done" or "failed"."""

    text: str
    kind: str = "done"


@frozen(kw_only=True)
class Frame:
    """The frame of one page, for one request.

    `root` is where the application is mounted, "" by itself. `asked` is the path and query of the
    request, below `BASE`. `now` is microseconds since the epoch, by this process' clock.
    """

    root: str
    asked: str
    actor: Actor | None
    person: SignedIn | None
    csrf: str
    notice: Notice | None
    now: int

    @property
    def entries(self) -> Sequence[Entry]:
        """The pages that whoever is signed in may see."""
        actor = self.actor
        if actor is None:
            return ()
        bound = actor.tenant is not None
        return [one for one in ENTRIES if actor.may(one.resource) and not (one.unbound and bound)]

    def may(self, resource: str) -> bool:
        """Tell whether whoever is signed in has a resource."""
        return self.actor is not None and self.actor.may(resource)

    def is_at(self, path: str) -> bool:
        """Tell whether the page asked for is at a path, or below it."""
        asked = self.asked.partition("?")[0]
        return asked == path or (path != "/" and asked.startswith(f"{path}/"))

    def url(self, path: str, query: Mapping[str, object] | None = None) -> str:
        """Return the link to a page; what is None or empty in `query` is left out."""
        kept = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        return f"{self.root}{BASE}{quote(path)}" + (f"?{urlencode(kept)}" if kept else "")

    def link(self, inside: str) -> str:
        """Return the link to a path and query below the pages' own."""
        return f"{self.root}{BASE}{inside}"

    def static(self, name: str) -> str:
        """Return the link to a file of `static`."""
        return f"{self.root}{BASE}/static/{name}?v={version_of(PAGES)}"


GivenFrame = NamedDependency[Frame]


def provide_frame(request: Request[Any, Any, Any]) -> Frame:
    """Return the frame of a request's page."""
    found = signed_in_of(request)
    root = request.scope.get("root_path", "").rstrip("/")
    path = request.scope["path"].removeprefix(root).removeprefix(BASE) or "/"
    query = request.scope.get("query_string", b"").decode("latin-1")
    return Frame(
        root=root,
        asked=f"{path}?{query}" if query else path,
        actor=None if found is None else found.actor,
        person=found,
        csrf="" if found is None else found.csrf,
        notice=_notice(request.cookies.get(_NOTICE)),
        now=time.time_ns() // 1_000,
    )


def absolute(request: Request[Any, Any, Any], frame: Frame, path: str) -> str:
    """Return the address of a page, with scheme and host as the browser has asked for them."""
    return f"{request.url.scheme}://{request.url.netloc}{frame.url(path)}"


def shown(frame: Frame, template: str, view: object, *, status: int = 200) -> Template:
    """Return a page: `template` in the frame, which sees `view` and `frame`."""
    cookies = [] if frame.notice is None else [_cookie(frame.root, "", max_age=0)]
    return Template(
        template_name=template,
        context={"frame": frame, "view": view},
        status_code=status,
        cookies=cookies,
    )


def done(frame: Frame, path: str, text: str, *, kind: str = "done") -> Redirect:
    """Return the way to a page, which will say what was done. `path` is below `BASE`."""
    notice = Notice(text=text[:_LONGEST_NOTICE], kind=kind)
    value = base64.urlsafe_b64encode(json.dumps(asdict(notice)).encode()).decode()
    return Redirect(
        f"{frame.root}{BASE}{path}",
        status_code=_SEE_OTHER,
        cookies=[_cookie(frame.root, value, max_age=60)],
    )


def _cookie(root: str, value: str, *, max_age: int) -> Cookie:
    return Cookie(
        key=_NOTICE,
        value=value,
        max_age=max_age,
        path=f"{root}{BASE}",
        httponly=True,
        samesite="lax",
    )


def _notice(sent: str | None) -> Notice | None:
    """Return the notice in a cookie; it comes from the browser, so anything may be in it."""
    if not sent:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(sent))
        text, kind = str(found["text"]), str(found["kind"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Notice(text=text[:_LONGEST_NOTICE], kind="failed" if kind == "failed" else "done")
