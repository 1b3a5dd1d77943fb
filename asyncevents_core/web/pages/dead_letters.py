"""Dead letters: what could not be delivered, and events whose service failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from litestar import Request, get
from litestar.response import Template

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import DeadLetter
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import BeforeUuid, GivenActor, GivenBackend
from asyncevents_core.web.pages.frame import GivenFrame, shown
from asyncevents_core.web.pages.listing import PER_PAGE, Asked, asked_of

PATH: Final = "/dead-letters"
FIELDS: Final = ("event_name", "subscription_id", "reason", "since", "until", "replayed")
"""What the list can be filtered by, and what a replay of all of it takes."""


@frozen(kw_only=True)
class DeadLetters:
    """A page of dead letters, newest first."""

    rows: Sequence[DeadLetter]
    asked: Asked
    older: str | None
    reasons: Sequence[str] = tuple(DeadReason)

    @property
    def fields(self) -> Mapping[str, str]:
        """The filter, for the link that replays all of these."""
        return {name: self.asked.get(name) for name in FIELDS}

    def path(self, one: DeadLetter) -> str:
        """Return where it is shown what became of one: its trace, or the event that failed."""
        kind = "events" if one.subscription_id is None else "traces"
        return f"/{kind}/{one.id}"


@get(PATH, opt=needs(Resource.LOGS_LIST))
async def list_(
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
    before: BeforeUuid = None,
) -> Template:
    """List the dead letters that the address asks for."""
    asked = asked_of(request, PATH)
    wanted = dead_filter(asked, actor)
    rows = await backend.read(
        lambda view: view.dead_letters.page(wanted, limit=PER_PAGE + 1, before=before)
    )
    kept = rows[:PER_PAGE]
    older = asked.link(frame, {"before": kept[-1].id}) if len(rows) > PER_PAGE else None
    view = DeadLetters(rows=kept, asked=asked, older=older)
    return shown(frame, "dead_letters.html", view)


HANDLERS: Final = [list_]


def dead_filter(asked: Asked, actor: Actor) -> DeadFilter:
    """Return which dead letters are asked for, of those that are the actor's to see."""
    reason = asked.get("reason")
    return DeadFilter(
        event_name=asked.get("event_name") or None,
        subscription_id=asked.number("subscription_id"),
        reason=DeadReason(reason) if reason in set(DeadReason) else None,
        since=asked.time("since"),
        until=asked.time("until"),
        replayed=asked.get("replayed") == "yes",
        tenant=actor.tenant,
    )
