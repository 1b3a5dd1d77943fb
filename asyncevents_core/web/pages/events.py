"""What was published: what became of it, and events whose service failed, opened again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import field, frozen
from litestar import Request, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.trace import EventDelivery
from asyncevents_core.engine.replaying.replay import replay_visible
from asyncevents_core.errors import NotFound
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import (
    AfterUuid,
    BeforeUuid,
    GivenActor,
    GivenBackend,
    Uuid,
)
from asyncevents_core.web.pages.frame import Frame, GivenFrame, done, shown
from asyncevents_core.web.pages.json_tree import Node, tree_of
from asyncevents_core.web.pages.listing import PER_PAGE, Asked, asked_of

PATH: Final = "/events"
_ONE: Final = f"{PATH}/{{event_id:uuid}}"

STATES: Final[Mapping[str, Collection[EventState]]] = MappingProxyType(
    {
        "open": (EventState.OPEN, EventState.RESOLVING),
        "fanned_out": (EventState.FANNED_OUT,),
        "failed": (EventState.FAILED,),
    }
)
"""What the list can be narrowed to; an event whose service runs is open, too."""


@frozen(kw_only=True)
class Events:
    """A page of what was published, newest first."""

    rows: Sequence[Event]
    asked: Asked
    older: str | None
    states: Sequence[str] = tuple(STATES)


@frozen(kw_only=True)
class EventPage:
    """One event with a page of its deliveries, oldest first; `data` is what was published."""

    event: Event
    data: Node | None
    deliveries: Sequence[EventDelivery]
    more: str | None
    _frame: Frame = field(alias="frame")

    @property
    def failed(self) -> bool:
        """Whether its service failed for good."""
        return self.event.state is EventState.FAILED


@get(PATH, opt=needs(Resource.LOGS_LIST))
async def list_(
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
    before: BeforeUuid = None,
) -> Template:
    """List what was published."""
    asked = asked_of(request, PATH)
    rows = await backend.read(
        lambda view: view.events.page(
            name=asked.get("event_name") or None,
            limit=PER_PAGE + 1,
            before=before,
            tenant=actor.tenant,
            states=STATES.get(asked.get("state")),
        )
    )
    kept = rows[:PER_PAGE]
    older = asked.link(frame, {"before": kept[-1].id}) if len(rows) > PER_PAGE else None
    return shown(frame, "events.html", Events(rows=kept, asked=asked, older=older))


@get(_ONE, opt=needs(Resource.LOGS_TRACE))
async def read(
    event_id: Uuid,
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
    after: AfterUuid = None,
) -> Template:
    """Show an event, and the deliveries that whoever asks may see."""

    def query(view: LedgerView) -> tuple[Event | None, Sequence[EventDelivery]]:
        found = view.traces.deliveries_of(
            event_id, limit=PER_PAGE + 1, after=after, tenant=actor.tenant
        )
        return view.events.get(event_id), found

    found, deliveries = await backend.read(query)
    if found is None or not actor.sees(found.tenant):
        raise NotFound(f"there is no event {event_id}; it may have been cleaned up")
    kept = deliveries[:PER_PAGE]
    more = None
    if len(deliveries) > PER_PAGE:
        more = frame.url(f"{PATH}/{event_id}", {"after": kept[-1].delivery.id})
    view = EventPage(
        event=found,
        data=await backend.run(tree_of, found.published),
        deliveries=kept,
        more=more,
        frame=frame,
    )
    return shown(frame, "event.html", view)


@post(f"{_ONE}/open", opt=needs(Resource.LOGS_REPLAY))
async def open_again(
    event_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Open an event again whose service failed: the service is called anew."""
    await backend.run(replay_visible, backend.ledger, event_id, by=actor)
    return done(frame, f"{PATH}/{event_id}", "The event is open again: its service is called anew.")


HANDLERS: Final = [list_, read, open_again]
