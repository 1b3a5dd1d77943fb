"""The dashboard, and what is wrong around it: the first page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen
from litestar import get
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.counts import shown_count
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.problem import Problem
from asyncevents_core.domain.statistics import MINUTE
from asyncevents_core.domain.trace import Fate
from asyncevents_core.engine.upkeep.dashboard import Dashboard
from asyncevents_core.engine.upkeep.diagnosis import problems_around
from asyncevents_core.engine.upkeep.status import Status
from asyncevents_core.web.access import RESOURCE, SIGNED_IN, needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend
from asyncevents_core.web.api.problems import Problem as Refusal
from asyncevents_core.web.pages import charts
from asyncevents_core.web.pages.charts import Chart
from asyncevents_core.web.pages.filters import duration, number, percent
from asyncevents_core.web.pages.frame import Frame, GivenFrame, shown
from asyncevents_core.web.pages.listing import time_of

PATH: Final = "/"
AROUND: Final = "/problems"
_LOGS: Final = "/logs"
_DEAD_LETTERS: Final = "/dead-letters"
_NEVER: Final = "–"  # noqa: RUF001 - there is no number


@frozen(kw_only=True)
class Figure:
    """One number: what it is, how much, where the rows behind it are, and a word on it."""

    name: str
    value: str
    href: str
    more: str = ""


@frozen(kw_only=True)
class View:
    """The dashboard as its template shows it.

    `whole`: to somebody who may see workers and what is wrong, too.
    """

    found: Dashboard
    searchable: bool
    whole: bool
    _frame: Frame = field(alias="frame")

    @property
    def status(self) -> Status | None:
        """Workers and index, for those who may see them."""
        return self.found.status if self.whole else None

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong, for those who can do something about it."""
        return self.found.problems if self.whole else ()

    @property
    def chart(self) -> Chart:
        """The attempts of the last hour by minute."""
        return charts.of_minutes(
            "Attempts a minute in the last hour", self.found.minutes, self._between
        )

    @property
    def last_hour(self) -> Sequence[Figure]:
        """What was sent in the last hour."""
        found, times = self.found, self.found.times
        delivered = found.count(Fate.DELIVERED)
        rate = found.success_rate
        median, most = times.quantile(0.5), times.quantile(0.95)
        return [
            Figure(
                name="Deliveries a minute",
                value=number(round(delivered / max(1, len(found.minutes)), 1)),
                href=self._since_hour(success="true"),
                more=f"{number(delivered)} in {len(found.minutes)} min",
            ),
            Figure(
                name="Attempts that delivered",
                value=_NEVER if rate is None else percent(rate),
                href=self._since_hour(success="false"),
                more=f"{number(found.attempts - delivered)} did not",
            ),
            Figure(
                name="Time to delivery",
                value=_NEVER if median is None else duration(median),
                href=self._since_hour(success="true"),
                more="half of them within it" if most is None else f"95 % within {duration(most)}",
            ),
        ]

    @property
    def open(self) -> Sequence[Figure]:
        """What is not over."""
        backlog = self.found.backlog
        due = backlog.waiting_due + backlog.parked
        oldest = self.found.oldest_due_seconds
        figures = [
            Figure(
                name="Events to fan out",
                value=number(backlog.events_open + backlog.events_resolving),
                href=self._frame.url("/events", {"state": "open"}),
                more=f"{number(backlog.events_due)} due",
            ),
            Figure(
                name="Deliveries due",
                value=number(due),
                href=self._deliveries(DeliveryState.WAITING),
                more=f"the oldest for {duration(oldest)}" if oldest else "nothing is late",
            ),
            Figure(
                name="Retries scheduled",
                value=number(backlog.waiting_later),
                href=self._retrying(),
                more=f"{number(backlog.leased)} attempts under way",
            ),
            Figure(
                name="Held",
                value=number(backlog.held),
                href=self._deliveries(DeliveryState.HELD),
                more="for disabled subscriptions",
            ),
            Figure(
                name="Dead letters",
                value=number(backlog.dead + backlog.events_failed),
                href=self._frame.url(_DEAD_LETTERS),
                more="can be sent again",
            ),
        ]
        return figures if self.status is None else [*figures, self._index(self.status)]

    def failures_of(self, subscription_id: int) -> str:
        """Return the link to the failures of a subscription."""
        return self._logs({"subscription_id": subscription_id, "success": "false"})

    def attempts_of(self, subscription_id: int) -> str:
        """Return the link to the attempts of a subscription."""
        return self._logs({"subscription_id": subscription_id})

    def _index(self, status: Status) -> Figure:
        aside = status.index_set_aside
        return Figure(
            name="Not in the search index yet",
            value=shown_count(status.index_waiting, exact=status.index_exact),
            href=self._logs({}),
            more=f"{number(aside)} refused by it" if aside else "attempts",
        )

    def _deliveries(self, state: DeliveryState) -> str:
        return self._frame.url("/deliveries", {"state": state})

    def _logs(self, query: Mapping[str, object]) -> str:
        return self._frame.url(_LOGS, query)

    def _between(self, since: int, until: int) -> str:
        return self._logs({"since": time_of(since), "until": time_of(until)})

    def _since_hour(self, *, success: str) -> str:
        since = self.found.minutes[0].at if self.found.minutes else self.found.now - MINUTE
        return self._logs({"since": time_of(since), "success": success})

    def _retrying(self) -> str:
        wanted = {"search": "fate:retrying"} if self.searchable else {"success": "false"}
        return self._logs(wanted)


@frozen(kw_only=True)
class Around:
    """What is wrong around: with the database and the broker."""

    problems: Sequence[Problem]


@get(PATH, opt={RESOURCE: SIGNED_IN})
async def show(backend: GivenBackend, actor: GivenActor, frame: GivenFrame) -> Template | Redirect:
    """Show the dashboard, of a tenant's to those who are bound to it.

    Those who may not see the log are led to the first page that they may see.
    """
    if not actor.may(Resource.LOGS_LIST):
        if not frame.entries:
            raise Refusal(403, "you have no resource that any page needs: ask for one")
        return Redirect(frame.url(frame.entries[0].path))
    view = View(
        found=await backend.run(backend.dashboards.of, actor.tenant),
        searchable=backend.runtime.indexer is not None,
        whole=actor.tenant is None and actor.may(Resource.MANAGE),
        frame=frame,
    )
    return shown(frame, "dashboard.html", view)


@get(AROUND, opt=needs(Resource.MANAGE, unbound=True))
async def around(backend: GivenBackend, frame: GivenFrame) -> Template:
    """Show what is wrong with the database and the broker; it may take some seconds to find out."""
    problems = await backend.run(problems_around, backend.ledger, backend.runtime.broker)
    return shown(frame, "problems.html", Around(problems=problems))


HANDLERS: Final = [show, around]
