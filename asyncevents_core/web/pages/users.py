"""The people who sign in with a password: made, let in, kept out, deleted.

Nobody changes their own account here: who disables or deletes it by mistake is outside, and for
one's own password the current one is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from attrs import field, frozen
from litestar import Request, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.user import SHORTEST_PASSWORD, User
from asyncevents_core.engine.managing.users import (
    LINK_LASTS,
    create_link,
    create_user,
    delete_user,
    set_disabled,
    set_password,
)
from asyncevents_core.errors import InvalidValue, NotFound
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, Uuid
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages.confirming import Confirmation
from asyncevents_core.web.pages.filters import sentence
from asyncevents_core.web.pages.form import Form, form_of
from asyncevents_core.web.pages.frame import Frame, GivenFrame, absolute, done, shown
from asyncevents_core.web.pages.listing import PER_PAGE, Asked, asked_of
from asyncevents_core.web.pages.sign_in import LINK_PATH
from asyncevents_core.web.pages.tokens import all_resources, event_resources

PATH: Final = "/users"
_ONE: Final = f"{PATH}/{{user_id:uuid}}"
_WHO: Final = needs(Resource.MANAGE, unbound=True)
_WRONG: Final = 400
_MINUTE: Final = 60


@frozen(kw_only=True)
class Person:
    """A user as the list shows them.

    `own`: it is whoever is signed in. `mine`: whoever is signed in may do all that they may, and so
    may change them.
    """

    user: User
    own: bool
    mine: bool


@frozen(kw_only=True)
class People:
    """A page of the users, the form for another one, and what is wrong with it by field.

    `newer` and `older` are links to the pages before and after. `vouched`: there are people who
    sign in elsewhere, and are not listed.
    """

    rows: Sequence[Person]
    newer: str | None
    older: str | None
    resources: Sequence[str]
    vouched: bool
    form: Form
    errors: Mapping[str, str] = field(factory=dict)
    shortest: int = SHORTEST_PASSWORD


@frozen(kw_only=True)
class OtherPassword:
    """The form for another password of a user, and what is wrong with it by field."""

    user: User
    errors: Mapping[str, str] = field(factory=dict)
    shortest: int = SHORTEST_PASSWORD


@frozen(kw_only=True)
class MadeLink:
    """A link that signs a user in: it is shown this once."""

    user: User
    link: str
    minutes: float = LINK_LASTS / _MINUTE


@get(PATH, opt=_WHO)
async def list_(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """List the users, disabled ones too."""
    asked = asked_of(request, PATH)
    return shown(frame, "users.html", await _people(backend, actor, frame, asked, Form(), {}))


@post(PATH, opt=_WHO)
async def create(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template | Redirect:
    """Make a user; or show the form again with what is wrong."""
    form = await form_of(request)
    try:
        made = await backend.run(
            lambda: create_user(
                backend.ledger,
                backend.runtime.password_hasher,
                name=form.text("name"),
                password=_password(form),
                resources=form.all("resource"),
                tenant=form.text("tenant") or None,
                known=event_resources(backend),
                by=actor,
            )
        )
    except InvalidValue as error:
        first = Asked(path=PATH, given={})
        view = await _people(backend, actor, frame, first, form, _errors(error))
        return shown(frame, "users.html", view, status=_WRONG)
    return done(frame, PATH, f"{made.name} can sign in now.")


@get(f"{_ONE}/password", opt=_WHO)
async def ask_for_password(user_id: Uuid, backend: GivenBackend, frame: GivenFrame) -> Template:
    """Show the form for another password."""
    user = await _other(backend, frame, user_id)
    return shown(frame, "user_password.html", OtherPassword(user=user))


@post(f"{_ONE}/password", opt=_WHO)
async def change_password(
    user_id: Uuid,
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
) -> Template | Redirect:
    """Set another password; or show the form again with what is wrong."""
    user = await _other(backend, frame, user_id)
    form = await form_of(request)
    try:
        await backend.run(
            lambda: set_password(
                backend.ledger,
                backend.runtime.password_hasher,
                name=user.name,
                password=_password(form),
                by=actor,
            )
        )
    except InvalidValue as error:
        view = OtherPassword(user=user, errors=_errors(error))
        return shown(frame, "user_password.html", view, status=_WRONG)
    return done(frame, PATH, f"{user.name} has another password, and is signed out.")


@get(f"{_ONE}/disable", opt=_WHO)
async def ask_to_disable(user_id: Uuid, backend: GivenBackend, frame: GivenFrame) -> Template:
    """Ask whether to disable a user."""
    user = await _other(backend, frame, user_id)
    return _ask(
        frame,
        user,
        "disable",
        "Their sessions and links end, and they cannot sign in until somebody enables them again.",
        danger=True,
    )


@post(f"{_ONE}/disable", opt=_WHO)
async def disable(
    user_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Disable a user."""
    user = await _other(backend, frame, user_id)
    changed = await backend.run(set_disabled, backend.ledger, user.name, True, by=actor)
    return done(frame, PATH, f"{user.name} is disabled{'' if changed else ' already'}.")


@get(f"{_ONE}/enable", opt=_WHO)
async def ask_to_enable(user_id: Uuid, backend: GivenBackend, frame: GivenFrame) -> Template:
    """Ask whether to enable a user."""
    user = await _other(backend, frame, user_id)
    return _ask(frame, user, "enable", "They can sign in again, with the same password as before.")


@post(f"{_ONE}/enable", opt=_WHO)
async def enable(
    user_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Enable a user."""
    user = await _other(backend, frame, user_id)
    changed = await backend.run(set_disabled, backend.ledger, user.name, False, by=actor)
    return done(frame, PATH, f"{user.name} is enabled{'' if changed else ' already'}.")


@get(f"{_ONE}/delete", opt=_WHO)
async def ask_to_delete(user_id: Uuid, backend: GivenBackend, frame: GivenFrame) -> Template:
    """Ask whether to delete a user."""
    user = await _other(backend, frame, user_id)
    return _ask(
        frame,
        user,
        "delete",
        "Their sessions and links end. What they did stays in the audit log. "
        "This cannot be undone.",
        danger=True,
    )


@post(f"{_ONE}/delete", opt=_WHO)
async def delete(
    user_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Delete a user."""
    user = await _other(backend, frame, user_id)
    await backend.run(delete_user, backend.ledger, user.name, by=actor)
    return done(frame, PATH, f"{user.name} is deleted.")


@get(f"{_ONE}/link", opt=_WHO)
async def ask_for_link(user_id: Uuid, backend: GivenBackend, frame: GivenFrame) -> Template:
    """Ask whether to make a link."""
    user = await _other(backend, frame, user_id)
    return _ask(
        frame,
        user,
        "link",
        f"It signs {user.name} in without a password, once, within {LINK_LASTS / _MINUTE:g} "
        "minutes. Whoever has it can use it: send it where only they read it.",
    )


@post(f"{_ONE}/link", opt=_WHO)
async def make_link(
    user_id: Uuid,
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
) -> Template:
    """Make a link, and show it this once."""
    user = await _other(backend, frame, user_id)
    code = await backend.run(create_link, backend.ledger, user.name, by=actor)
    link = absolute(request, frame, f"{LINK_PATH}/{code}")
    return shown(frame, "user_link.html", MadeLink(user=user, link=link))


HANDLERS: Final = [
    list_,
    create,
    ask_for_password,
    change_password,
    ask_to_disable,
    disable,
    ask_to_enable,
    enable,
    ask_to_delete,
    delete,
    ask_for_link,
    make_link,
]

_QUESTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "disable": ("Disable {}?", "Disable"),
    "enable": ("Enable {}?", "Enable"),
    "delete": ("Delete {}?", "Delete"),
    "link": ("Make a link that signs {} in?", "Make the link"),
}
"""What is asked before each action, and what its button says."""


def _ask(frame: Frame, user: User, action: str, what: str, *, danger: bool = False) -> Template:
    title, button = _QUESTIONS[action]
    asking = Confirmation(
        title=title.format(user.name),
        sentences=[what],
        action=frame.url(f"{PATH}/{user.id}/{action}"),
        button=button,
        back=frame.url(PATH),
        danger=danger,
    )
    return shown(frame, "confirm.html", asking)


async def _other(backend: RequestBackend, frame: Frame, user_id: UUID) -> User:
    """Return a user who is somebody else. Raises `NotFound`, and a `Problem` (409) for oneself."""
    found = await backend.read(lambda view: view.users.get(user_id))
    if found is None:
        raise NotFound(f"there is no user {user_id}")
    if _is_own(frame, found):
        raise Problem(
            409,
            "this is you: for your own password there is the page Change password; the rest is "
            "done by somebody else or with `asyncevents user`, so that nobody shuts themselves out "
            "by mistake",
        )
    return found


def _is_own(frame: Frame, user: User) -> bool:
    return frame.person is not None and frame.person.user_id == user.id


async def _people(
    backend: RequestBackend,
    actor: Actor,
    frame: Frame,
    asked: Asked,
    form: Form,
    errors: Mapping[str, str],
) -> People:
    users = await backend.read(lambda view: view.users.all())
    first = (asked.page - 1) * PER_PAGE
    more = len(users) > first + PER_PAGE
    return People(
        newer=asked.link(frame, {"page": asked.page - 1}) if asked.page > 1 else None,
        older=asked.link(frame, {"page": asked.page + 1}) if more else None,
        rows=[
            Person(user=one, own=_is_own(frame, one), mine=all(map(actor.may, one.resources)))
            for one in users[first : first + PER_PAGE]
        ],
        # Nobody can give what they do not have.
        resources=[one for one in all_resources(backend) if actor.may(one)],
        vouched=bool(backend.runtime.settings.web_groups),
        form=form,
        errors=errors,
    )


def _password(form: Form) -> str:
    """Return the password that was typed twice. Raises `InvalidValue`."""
    password = form.get("password")
    if password != form.get("again"):
        raise InvalidValue("these are two different passwords", field="again")
    return password


def _errors(error: InvalidValue) -> Mapping[str, str]:
    return {error.field: sentence(str(error))}
