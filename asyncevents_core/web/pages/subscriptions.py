"""The list of subscriptions: filtered, sorted, in pages; many are switched at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen
from litestar import Request, get, post
from litestar.response import Redirect, Stream, Template

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.counts import counted
from asyncevents_core.domain.csv_lines import csv_lines, harmless
from asyncevents_core.domain.instant import iso, to_datetime
from asyncevents_core.domain.statistics import LatestOutcomes
from asyncevents_core.domain.subscription import (
    SubscriptionColumn,
    SubscriptionFilter,
    SubscriptionOrder,
    SubscriptionStatus,
    SubscriptionSummary,
)
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, row_id
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages.charts import HealthBar
from asyncevents_core.web.pages.confirming import Confirmation
from asyncevents_core.web.pages.form import form_of
from asyncevents_core.web.pages.frame import Frame, GivenFrame, done, shown
from asyncevents_core.web.pages.listing import DAY, PER_PAGE, Asked, asked_of, inside, number_of

PATH: Final = "/subscriptions"

COLUMNS: Final = (
    *("subscription_id", "status", "event_name", "sink", "target", "tenant"),
    *("subscribed_at", "modified_at"),
)
"""Of the CSV; see docs/reference/words.md."""
_EXPORTED: Final = 1_000
_OUTCOMES: Final = 50
"""Attempts in the bar of each subscription."""
_NOTHING_READ: Final = LatestOutcomes(by_subscription={}, complete=True)
_STATUSES: Final = (SubscriptionStatus.ENABLED.value, SubscriptionStatus.DISABLED.value)


@frozen(kw_only=True)
class _Switch:
    """What can be done with many subscriptions at once, and what comes of it."""

    status: SubscriptionStatus
    verb: str
    consequence: str


_DISABLE: Final = _Switch(
    status=SubscriptionStatus.DISABLED,
    verb="Disable",
    consequence="Nothing new is delivered to them. What is open is held, and goes on when they are "
    "enabled.",
)
_SWITCHES: Final = {
    "disable": _DISABLE,
    "enable": _Switch(
        status=SubscriptionStatus.ENABLED,
        verb="Enable",
        consequence="They get what is published from now on, and what was held for them.",
    ),
}


@frozen(kw_only=True)
class Subscriptions:
    """One page of the list. `count` is how many the filter matches in all.

    `health` has the latest outcomes of those that had any in the last day. If it is not
    `complete`, so many were sent in that day that quiet subscriptions may be missing.
    """

    rows: Sequence[SubscriptionSummary]
    count: int
    health: Mapping[int, HealthBar]
    complete: bool
    asked: Asked
    order: SubscriptionOrder
    sinks: Sequence[str]
    newer: str | None
    older: str | None
    _frame: Frame = field(alias="frame")

    @property
    def sink_choices(self) -> Sequence[tuple[str, str]]:
        """The sinks to filter by."""
        return [(one, one) for one in self.sinks]

    @property
    def range(self) -> str:
        """Which of them are on this page: 51-100 of 230."""
        first = (self.asked.page - 1) * PER_PAGE + 1
        return f"{first}–{first + len(self.rows) - 1} of {self.count}"  # noqa: RUF001

    def sorted(self, key: str) -> str:
        """Return what ``aria-sort`` says of a column."""
        if self.order.column != key:
            return "none"
        return "descending" if self.order.descending else "ascending"

    def arrow(self, key: str) -> str:
        """Return the arrow in the head of a column."""
        return {"none": "", "descending": "↓", "ascending": "↑"}[self.sorted(key)]

    def link(self, key: str) -> str:
        """Return the link that sorts by a column; by the same one the other way round."""
        again = self.order.column == key and not self.order.descending
        changed = {"sort": key, "direction": "desc" if again else "asc", "page": None}
        return self.asked.link(self._frame, changed)


@get(PATH, opt=needs(Resource.VIEW))
async def list_(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Show the subscriptions that the filters in the address match."""
    asked = asked_of(request, PATH)
    wanted, order = _filter(asked, actor), _order(asked)

    def query(view: LedgerView) -> tuple[Sequence[SubscriptionSummary], int, LatestOutcomes]:
        offset = (asked.page - 1) * PER_PAGE
        rows = view.subscriptions.page(wanted, order, limit=PER_PAGE, offset=offset)
        ids = [one.id for one in rows]
        health = _NOTHING_READ
        if sees_log:
            health = view.statistics.health(ids, since=view.now() - DAY, each=_OUTCOMES)
        return rows, view.subscriptions.count(wanted), health

    sees_log = actor.may(Resource.LOGS_LIST)
    rows, count, health = await backend.read(query)
    more = count > asked.page * PER_PAGE
    view = Subscriptions(
        rows=rows,
        count=count,
        health={
            one: HealthBar(outcomes=outcomes, room=_OUTCOMES)
            for one, outcomes in health.by_subscription.items()
        },
        complete=health.complete,
        asked=asked,
        order=order,
        sinks=backend.runtime.sinks.names(),
        newer=asked.link(frame, {"page": asked.page - 1}) if asked.page > 1 else None,
        older=asked.link(frame, {"page": asked.page + 1}) if more else None,
        frame=frame,
    )
    return shown(frame, "subscriptions.html", view)


@get(f"{PATH}.csv", opt=needs(Resource.VIEW))
async def export(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor
) -> Stream:
    """Send all that the address asks for, as CSV."""
    asked = asked_of(request, PATH)
    wanted, order = _filter(asked, actor), _order(asked)
    return Stream(
        _csv_of(backend, wanted, order),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="subscriptions.csv"'},
    )


@get(f"{PATH}/status", opt=needs(Resource.SAVE))
async def ask_to_switch(request: Request[Any, Any, Any], frame: GivenFrame) -> Template | Redirect:
    """Ask whether to enable or disable the chosen subscriptions."""
    asked = asked_of(request, f"{PATH}/status")
    chosen = _SWITCHES.get(asked.get("action"), _DISABLE)
    ids = _chosen(asked.get("subscription_id").split(","))
    back = inside(asked.get("back"), PATH)
    if not ids:
        return done(frame, back, "Nothing was chosen, so nothing changed.", kind="failed")
    asking = Confirmation(
        title=f"{chosen.verb} {counted(len(ids), 'subscription')}?",
        sentences=[chosen.consequence],
        action=frame.url(f"{PATH}/status"),
        button=chosen.verb,
        back=frame.link(back),
        danger=chosen is _DISABLE,
        fields=[
            ("action", asked.get("action")),
            ("back", back),
            *(("subscription_id", str(one)) for one in ids),
        ],
    )
    return shown(frame, "confirm.html", asking)


@post(f"{PATH}/status", opt=needs(Resource.SAVE))
async def switch(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Enable or disable the chosen subscriptions, and say how many of them were not so before."""
    form = await form_of(request)
    chosen = _SWITCHES.get(form.get("action"), _DISABLE)
    ids = _chosen(form.all("subscription_id"))
    changed = await backend.run(
        set_status,
        backend.ledger,
        ids,
        chosen.status,
        by=actor,
        definitions=backend.runtime.catalog,
        observers=backend.runtime.observers,
    )
    text = f"{counted(len(changed), 'subscription')} {chosen.status}."
    if already := len(ids) - len(changed):
        text += f" {counted(already, 'subscription')} already {'was' if already == 1 else 'were'}."
    return done(frame, inside(form.get("back"), PATH), text)


HANDLERS: Final = [list_, export, ask_to_switch, switch]


def _chosen(texts: Sequence[str]) -> Sequence[int]:
    numbers = (number_of(one) for one in texts)
    return sorted({row_id(one) for one in numbers if one is not None})


async def _csv_of(
    backend: RequestBackend, wanted: SubscriptionFilter, order: SubscriptionOrder
) -> AsyncIterator[bytes]:
    """Yield subscriptions as lines, a page at a time."""
    yield csv_lines([COLUMNS])
    offset = 0
    while rows := await backend.anew().read(_part(wanted, order, offset)):
        yield csv_lines([_row(one) for one in rows])
        offset += len(rows)


def _part(
    wanted: SubscriptionFilter, order: SubscriptionOrder, offset: int
) -> Callable[[LedgerView], Sequence[SubscriptionSummary]]:
    """Return what reads the next few of an export."""
    return lambda view: view.subscriptions.page(wanted, order, limit=_EXPORTED, offset=offset)


def _row(one: SubscriptionSummary) -> Sequence[object]:
    changed = None if one.modified_at is None else iso(to_datetime(one.modified_at))
    texts = (one.event_name, one.sink, one.target, one.tenant or "")
    times = (iso(to_datetime(one.subscribed_at)), changed)
    return (one.id, one.status.value, *map(harmless, texts), *times)


def _filter(asked: Asked, actor: Actor) -> SubscriptionFilter:
    """Return what the address asks for, of what is the actor's to see."""
    status = asked.get("status")
    until = asked.day("until")
    return SubscriptionFilter(
        event_name=asked.get("event_name") or None,
        target=asked.get("target") or None,
        sink=asked.get("sink") or None,
        tenant=actor.tenant or asked.get("tenant") or None,
        status=SubscriptionStatus(status) if status in _STATUSES else None,
        since=asked.day("since"),
        until=None if until is None else until + DAY,
    )


def _order(asked: Asked) -> SubscriptionOrder:
    column = asked.get("sort")
    if column not in set(SubscriptionColumn):
        return SubscriptionOrder()
    return SubscriptionOrder(
        column=SubscriptionColumn(column), descending=asked.get("direction") == "desc"
    )
