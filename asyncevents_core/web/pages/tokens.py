"""The tokens of the REST API: made, and revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen
from litestar import Request, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import ALL, PUBLISH_SOME, Resource
from asyncevents_core.domain.limits import LONGEST_DAYS, LONGEST_TOKEN_NAME
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.engine.managing.tokens import create_token, revoke_token
from asyncevents_core.errors import InvalidValue, NotFound
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, Uuid
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages.confirming import Confirmation
from asyncevents_core.web.pages.filters import sentence
from asyncevents_core.web.pages.form import Form, form_of
from asyncevents_core.web.pages.frame import Frame, GivenFrame, done, shown
from asyncevents_core.web.pages.listing import PER_PAGE, Asked, asked_of

PATH: Final = "/tokens"
_HOUR: Final = f"{PATH}/hour"
_HOUR_IN_DAYS: Final = 1 / 24


@frozen(kw_only=True)
class Tokens:
    """A page of the tokens, newest first, the form for one, and what is wrong with it by field."""

    rows: Sequence[ApiToken]
    newer: str | None
    older: str | None
    now: int
    resources: Sequence[str]
    form: Form
    errors: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class MadeToken:
    """A token that was made: its text is shown this once."""

    token: ApiToken
    text: str


@get(PATH, opt=needs(Resource.MANAGE, unbound=True))
async def list_(
    request: Request[Any, Any, Any], backend: GivenBackend, frame: GivenFrame
) -> Template:
    """List the tokens, revoked and expired ones too."""
    asked = asked_of(request, PATH)
    return shown(frame, "tokens.html", await _tokens(backend, frame, asked, Form(), {}))


@post(PATH, opt=needs(Resource.MANAGE, unbound=True))
async def create(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Make a token and show it once; or the form again with what is wrong."""
    form = await form_of(request)
    try:
        made, text = await backend.run(
            lambda: create_token(
                backend.ledger,
                name=form.text("name"),
                resources=[*form.all("resource"), *_publish_some(form.text("publish"))],
                tenant=form.text("tenant") or None,
                days=_days(form.text("days")),
                known=event_resources(backend),
                by=actor,
            )
        )
    except InvalidValue as error:
        asked = asked_of(request, PATH)
        errors = {error.field: sentence(str(error))}
        view = await _tokens(backend, frame, asked, form, errors)
        return shown(frame, "tokens.html", view, status=400)
    return shown(frame, "token_made.html", MadeToken(token=made, text=text))


@get(_HOUR, opt=needs(Resource.MANAGE, unbound=True), sync_to_thread=False)
def ask_for_an_hour(frame: GivenFrame) -> Template:
    """Ask whether to make a token for trying out the REST API."""
    asking = Confirmation(
        title="Make a token for an hour?",
        sentences=["It may what you may. The description of the REST API is used with it."],
        action=frame.url(_HOUR),
        button="Make the token",
        back=frame.url(PATH),
        danger=False,
    )
    return shown(frame, "confirm.html", asking)


@post(_HOUR, opt=needs(Resource.MANAGE, unbound=True))
async def make_for_an_hour(backend: GivenBackend, actor: GivenActor, frame: GivenFrame) -> Template:
    """Make a token that may what whoever is signed in may, and show it once."""
    name = f"an hour of {'' if frame.person is None else frame.person.name}"
    made, text = await backend.run(
        lambda: create_token(
            backend.ledger,
            name=name[:LONGEST_TOKEN_NAME],
            # WEB_GROUPS may name resources of events that are not there any more.
            resources=[
                *(one for one in all_resources(backend) if one in actor.resources),
                *sorted(one for one in actor.resources if one.startswith(PUBLISH_SOME)),
            ],
            tenant=None,
            days=_HOUR_IN_DAYS,
            known=event_resources(backend),
            by=actor,
        )
    )
    return shown(frame, "token_made.html", MadeToken(token=made, text=text))


@get(f"{PATH}/{{token_id:uuid}}/revoke", opt=needs(Resource.MANAGE, unbound=True))
async def ask_to_revoke(token_id: Uuid, backend: GivenBackend, frame: GivenFrame) -> Template:
    """Ask whether to revoke a token."""
    found = await backend.read(lambda view: view.access.token(token_id))
    if found is None:
        raise NotFound(f"there is no token {token_id}")
    asking = Confirmation(
        title=f"Revoke the token {found.name}?",
        sentences=["Whoever uses it is refused from now on. This cannot be undone."],
        action=frame.url(f"{PATH}/{token_id}/revoke"),
        button="Revoke",
        back=frame.url(PATH),
        danger=True,
    )
    return shown(frame, "confirm.html", asking)


@post(f"{PATH}/{{token_id:uuid}}/revoke", opt=needs(Resource.MANAGE, unbound=True))
async def revoke(
    token_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Revoke a token."""
    await backend.run(revoke_token, backend.ledger, token_id, by=actor)
    return done(frame, PATH, "The token is revoked.")


HANDLERS: Final = [list_, create, ask_for_an_hour, make_for_an_hour, ask_to_revoke, revoke]


def event_resources(backend: RequestBackend) -> Sequence[str]:
    """Return the resources of the event definitions."""
    return sorted(backend.runtime.catalog.resources)


def all_resources(backend: RequestBackend) -> Sequence[str]:
    """Return every resource that a token or a user can have."""
    return [*(one.value for one in Resource), *event_resources(backend), ALL]


async def _tokens(
    backend: RequestBackend, frame: Frame, asked: Asked, form: Form, errors: Mapping[str, str]
) -> Tokens:
    def query(view: LedgerView) -> tuple[Sequence[ApiToken], int]:
        return view.access.tokens(), view.now()

    every, now = await backend.read(query)
    first, last = (asked.page - 1) * PER_PAGE, asked.page * PER_PAGE
    return Tokens(
        rows=every[::-1][first:last],
        newer=asked.link(frame, {"page": asked.page - 1}) if asked.page > 1 else None,
        older=asked.link(frame, {"page": asked.page + 1}) if len(every) > last else None,
        now=now,
        resources=[one for one in all_resources(backend) if frame.may(one)],
        form=form,
        errors=errors,
    )


def _publish_some(events: str) -> Sequence[str]:
    """Return the resource to publish these events; none where there is no text."""
    return [f"{PUBLISH_SOME}{events}"] if events else []


def _days(text: str) -> float | None:
    if not text:
        return None
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= LONGEST_DAYS:
        raise InvalidValue(f"it is a number of days, up to {LONGEST_DAYS}", field="days")
    return days
