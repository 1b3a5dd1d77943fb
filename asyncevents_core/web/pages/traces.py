"""The trace of a delivery: all that happened to it, what was sent, and the button to send again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from attrs import field, frozen
from litestar import Response, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import AuditEntry, Resource
from asyncevents_core.domain.counts import counted
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.trace import EventDelivery, Trace
from asyncevents_core.engine.replaying.replay import replay_visible
from asyncevents_core.errors import NotFound
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, Uuid
from asyncevents_core.web.pages.frame import Frame, GivenFrame, done, shown
from asyncevents_core.web.pages.json_tree import Node, tree_of
from asyncevents_core.web.pages.listing import time_of
from asyncevents_core.web.pages.requests import ShownRequest, requests_of
from asyncevents_core.web.pages.timeline import Timeline, timeline_of

PATH: Final = "/traces"
_ONE: Final = f"{PATH}/{{delivery_id:uuid}}"
_OTHERS: Final = 20
_MOST_ATTEMPTS: Final = 50
_CHANGES: Final = 20
_LONGEST_RAW: Final = 100_000


@frozen(kw_only=True)
class TracePage:
    """A delivery as its page shows it. `others` are more deliveries of the same event.

    `changes` are what was done to its subscription since it was made, newest first.
    """

    trace: Trace
    payload: Node | None
    timeline: Timeline | None
    requests: Mapping[int, ShownRequest]
    others: Sequence[EventDelivery]
    more_others: bool
    changes: Sequence[AuditEntry]
    searchable: bool
    _frame: Frame = field(alias="frame")

    @property
    def first_newest(self) -> int | None:
        """The number of the attempt before which some are left out; None where none are."""
        attempts = self.trace.attempts
        return attempts[(len(attempts) + 1) // 2].claim_no if self.trace.left_out else None

    @property
    def log(self) -> str:
        """The link to all attempts: without a search, those of its subscription in that time."""
        trace = self.trace
        if self.searchable:
            return self._frame.url("/logs", {"search": f"uuid:{trace.delivery.id}"})
        wanted = {
            "subscription_id": trace.delivery.subscription_id,
            "since": time_of(trace.attempts[0].started_at),
            "until": time_of(trace.attempts[-1].started_at + micros(1)),
        }
        return self._frame.url("/logs", wanted)

    @property
    def raw(self) -> str:
        """The payload as it was sent, cut where it is long."""
        text = (self.trace.event.body or b"").decode("utf-8", "replace")
        return text if len(text) <= _LONGEST_RAW else f"{text[:_LONGEST_RAW]}…"

    @property
    def status(self) -> str:
        """How it stands, in words: "Retrying", where the summary does not say more."""
        if self.trace.delivery.state is DeliveryState.WAITING and self.trace.attempts:
            retries = counted(len(self.trace.attempts) + self.trace.left_out, "attempt")
            return f"Retrying after {retries}"
        return self.trace.summary

    @property
    def next_at(self) -> int | None:
        """When the next attempt is due, in microseconds; None: there is none, or it is due."""
        due = self.trace.delivery.due_at
        waits = self.trace.delivery.state is DeliveryState.WAITING
        return due if waits and due is not None and due > self._frame.now else None

    @property
    def replayable(self) -> bool:
        """Whether it can be sent again now."""
        state = self.trace.delivery.state
        return self.trace.event.body is not None and state is not DeliveryState.LEASED


@frozen(kw_only=True)
class _Read:
    """What the ledger has for the page."""

    trace: Trace
    subscription: Subscription | None
    others: Sequence[EventDelivery]
    changes: Sequence[AuditEntry]


@get(_ONE, opt=needs(Resource.LOGS_TRACE))
async def show(
    delivery_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Show a delivery."""

    def query(view: LedgerView) -> _Read | None:
        found = view.traces.of_delivery(delivery_id, tenant=actor.tenant, most=_MOST_ATTEMPTS)
        if found is None:
            return None
        siblings = view.traces.deliveries_of(found.event.id, limit=_OTHERS + 2, tenant=actor.tenant)
        return _Read(
            trace=found,
            subscription=view.subscriptions.get(found.delivery.subscription_id),
            others=[one for one in siblings if one.delivery.id != delivery_id],
            changes=view.access.changes_of(
                found.delivery.subscription_id,
                limit=_CHANGES,
                since=found.delivery.created_at,
                tenant=actor.tenant,
            )
            if actor.may(Resource.MANAGE)
            else (),
        )

    read = await backend.read(query)
    if read is None:
        raise NotFound(f"there is no delivery {delivery_id}; it may have been cleaned up")
    found, others = read.trace, read.others
    body = found.event.body
    view = TracePage(
        trace=found,
        payload=None if body is None else await backend.run(tree_of, body),
        timeline=timeline_of(found),
        requests={}
        if read.subscription is None
        else await backend.run(
            partial(
                requests_of,
                backend.runtime,
                found,
                read.subscription,
                signed=actor.may(Resource.LOGS_REPLAY),
            )
        ),
        others=others[:_OTHERS],
        more_others=len(others) > _OTHERS,
        changes=read.changes,
        searchable=backend.runtime.indexer is not None,
        frame=frame,
    )
    return shown(frame, "trace.html", view)


@get(f"{_ONE}/payload.json", opt=needs(Resource.LOGS_TRACE))
async def payload(delivery_id: Uuid, backend: GivenBackend, actor: GivenActor) -> Response[bytes]:
    """Send the payload as it was sent to the recipient."""
    found = await backend.read(
        lambda view: view.traces.of_delivery(delivery_id, tenant=actor.tenant, most=1)
    )
    if found is None or found.event.body is None:
        raise NotFound(f"the payload of delivery {delivery_id} is not there any more")
    return Response(
        found.event.body,
        media_type="application/cloudevents+json",
        headers={"Content-Disposition": f'attachment; filename="{delivery_id}.json"'},
    )


@post(f"{_ONE}/replay", opt=needs(Resource.LOGS_REPLAY))
async def replay(
    delivery_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Send it again, as a new delivery, and show that one."""
    made = await backend.run(replay_visible, backend.ledger, delivery_id, by=actor)
    return done(frame, f"{PATH}/{made}", "Sent again: this is the new delivery.")


HANDLERS: Final = [show, payload, replay]
