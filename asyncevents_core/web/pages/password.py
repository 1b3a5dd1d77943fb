"""Change one's own password."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Template

from asyncevents_core.domain.user import SHORTEST_PASSWORD
from asyncevents_core.engine.managing.sessions import SignedIn
from asyncevents_core.engine.managing.users import change_own_password
from asyncevents_core.errors import InvalidValue, SignInRefused
from asyncevents_core.web.access import RESOURCE, SIGNED_IN
from asyncevents_core.web.api.parameters import GivenBackend
from asyncevents_core.web.pages.form import form_of
from asyncevents_core.web.pages.frame import Frame, GivenFrame, done, shown
from asyncevents_core.web.pages.people import address_of

_PATH: Final = "/password"
_SIGNED_IN: Final[dict[str, object]] = {RESOURCE: SIGNED_IN}
_WRONG: Final = 422


@frozen(kw_only=True)
class OwnPassword:
    """The form; `wrong_current` and `wrong_new` say what is wrong with its fields.

    `asks_current`: not whoever has come by a link, and has perhaps forgotten it.
    """

    asks_current: bool
    shortest: int = SHORTEST_PASSWORD
    wrong_current: str = ""
    wrong_new: str = ""


@get(_PATH, opt=_SIGNED_IN, sync_to_thread=False)
def ask(frame: GivenFrame) -> Template:
    """Show the form."""
    return shown(frame, "password.html", _page(_own(frame)))


@post(_PATH, opt=_SIGNED_IN, status_code=303)
async def change(
    request: Request[Any, Any, Any], backend: GivenBackend, frame: GivenFrame
) -> Response[Any]:
    """Change it; other sessions end."""
    person = _own(frame)
    form = await form_of(request)
    if form.get("new") != form.get("again"):
        wrong = _page(person, wrong_new="These are two different passwords.")
        return shown(frame, "password.html", wrong, status=_WRONG)
    try:
        await backend.run(
            change_own_password,
            backend.ledger,
            backend.runtime.password_hasher,
            person,
            current=form.get("current"),
            new=form.get("new"),
            address=address_of(request),
        )
    except InvalidValue as error:
        wrong = _page(person, wrong_new=str(error))
    except SignInRefused as error:
        wrong = _page(person, wrong_current=str(error))
    else:
        return done(frame, _PATH, "Your password is changed. Your other sessions have ended.")
    return shown(frame, "password.html", wrong, status=_WRONG)


HANDLERS: Final = [ask, change]


def _own(frame: Frame) -> SignedIn:
    """Return who is signed in. Raises `NotFoundException` for those without a password here."""
    person = frame.person
    if person is None or person.user_id is None:
        raise NotFoundException
    return person


def _page(person: SignedIn, *, wrong_current: str = "", wrong_new: str = "") -> OwnPassword:
    return OwnPassword(
        asks_current=not person.by_new_link,
        wrong_current=wrong_current,
        wrong_new=wrong_new,
    )
