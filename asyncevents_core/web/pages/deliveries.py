"""Deliveries that are not over: what waits, is under way, or is held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen
from litestar import Request, get
from litestar.response import Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.trace import OpenDelivery
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend
from asyncevents_core.web.pages.frame import GivenFrame, shown
from asyncevents_core.web.pages.listing import Asked, asked_of

PATH: Final = "/deliveries"
_MOST: Final = 100
_STATES: Final = (DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.HELD)


@frozen(kw_only=True)
class Deliveries:
    """The first of the open deliveries in a state, by due time; `more`: there are others."""

    rows: Sequence[OpenDelivery]
    asked: Asked
    state: DeliveryState
    more: bool
    states: Sequence[DeliveryState] = _STATES


@get(PATH, opt=needs(Resource.LOGS_LIST))
async def list_(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """List the open deliveries that the address asks for: those that wait, unless it says so."""
    asked = asked_of(request, PATH)
    wanted = asked.get("state")
    state = DeliveryState(wanted) if wanted in _STATES else DeliveryState.WAITING
    rows = await backend.read(
        lambda view: view.traces.open_deliveries(
            state,
            limit=_MOST + 1,
            subscription_id=asked.number("subscription_id"),
            tenant=actor.tenant,
        )
    )
    view = Deliveries(rows=rows[:_MOST], asked=asked, state=state, more=len(rows) > _MOST)
    return shown(frame, "deliveries.html", view)


HANDLERS: Final = [list_]
