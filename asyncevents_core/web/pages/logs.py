"""The log: filtered or searched, in the columns that are wanted, as CSV, sent again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, field, frozen
from litestar import Request, get
from litestar.response import Stream, Template

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.query.doubts import Doubt
from asyncevents_core.domain.query.fields import FIELDS
from asyncevents_core.domain.trace import LogFilter, LogRow
from asyncevents_core.engine.searching.pages import page_of_log
from asyncevents_core.engine.searching.telling import told
from asyncevents_core.errors import (
    AsyncEventsError,
    IndexUnavailable,
    InvalidQuery,
    MissingExtra,
    SearchOff,
    SearchTimeout,
)
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.export import csv_of, exported
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend
from asyncevents_core.web.api.problems import Problem, problem_of
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages.frame import Frame, GivenFrame, shown
from asyncevents_core.web.pages.listing import PER_PAGE, Asked, asked_of

PATH: Final = "/logs"

COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "log_id": "ID",
        "started_at": "Started",
        "event_name": "Event",
        "fate": "Fate",
        "response": "Response",
        "duration": "Duration",
        "uuid": "Delivery",
        "attempt": "Attempt",
        "http_status": "HTTP status",
        "detail": "Detail",
        "subscription_id": "Subscription",
        "sink": "Sink",
        "target": "Target",
        "tenant": "Tenant",
        "event_id": "Event ID",
        "delivery_state": "Delivery state",
    }
)
"""What the log can show, and the titles of these columns."""
_FIRST_COLUMNS: Final = (
    *("log_id", "started_at", "event_name", "fate"),
    *("response", "duration", "uuid"),
)
_EXAMPLES: Final = (
    ("data.data.increment_id:CK100", "one value of the payload"),
    ("success:false AND started_at:>now-1h", "what failed in the last hour"),
    ("event_name:sales.* AND response:timeout", "parts of names, words of responses"),
    ("attempt:>3", "what was tried more than three times"),
)


@frozen(kw_only=True)
class WrongQuery:
    """Where a query cannot be understood, and why."""

    before: str
    at: str
    after: str
    why: str

    @classmethod
    def of(cls, error: InvalidQuery) -> WrongQuery:
        """Return it for an error; at the end of a query nothing stands at the place."""
        query, place = error.query, error.position
        why = f"expected {error.expected}" + (f", found {error.found}" if error.found else "")
        at, after = query[place : place + 1], query[place + 1 :]
        return cls(before=query[:place], at=at, after=after, why=why)


@frozen(kw_only=True)
class Logs:
    """One page of the log. `told` says how many there are; `wrong` why nothing was searched."""

    rows: Sequence[LogRow]
    asked: Asked
    columns: Sequence[str]
    searchable: bool
    told: str | None = None
    doubts: Sequence[Doubt] = ()
    wrong: WrongQuery | None = None
    failed: Problem | None = None
    older: str | None = None
    fields: Sequence[str] = tuple(FIELDS)
    examples: Sequence[tuple[str, str]] = _EXAMPLES
    titles: Mapping[str, str] = COLUMNS
    _frame: Frame = field(alias="frame")

    @property
    def first(self) -> str | None:
        """The link to the newest; None on the page that has them."""
        return self.asked.link(self._frame, {"before": None}) if self.asked.get("before") else None

    @property
    def live(self) -> bool:
        """Whether the page refreshes itself."""
        return self.asked.get("live") == "1"

    def link(self, changed: Mapping[str, object]) -> str:
        """Return the link to this page with some of its query changed."""
        return self.asked.link(self._frame, changed)

    @property
    def csv(self) -> str:
        """The link to all of them as CSV."""
        return self._frame.url(f"{PATH}.csv", self.asked.given)

    @property
    def by_time(self) -> str:
        """The link to all of them by time."""
        return self._frame.url(f"{PATH}/by-time", self.asked.given)

    @property
    def query(self) -> str:
        """All that is asked for as one query, to send again what it finds."""
        return as_query(self.asked)


@get(PATH, opt=needs(Resource.LOGS_LIST))
async def list_(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Show the attempts that the address asks for, newest first."""
    asked = asked_of(request, PATH)
    empty = Logs(
        rows=(),
        asked=asked,
        columns=[one for one in COLUMNS if one in _columns(asked)],
        searchable=backend.runtime.indexer is not None,
        frame=frame,
    )
    read = _searched if asked.get("search") else _listed
    view = await backend.run(read, backend, empty, filter_of(asked, actor))
    return shown_with(frame, "logs.html", view, view.failed)


@get(f"{PATH}.csv", opt=needs(Resource.LOGS_LIST))
async def export(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor
) -> Stream:
    """Send all that the address asks for, as CSV."""
    asked = asked_of(request, PATH)
    payload = asked.get("payload") == "yes"
    batches = await exported(
        backend, asked.get("search") or None, filter_of(asked, actor), payload=payload
    )
    return Stream(
        csv_of(batches, payload=payload),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="log.csv"'},
    )


HANDLERS: Final = [list_, export]

UNANSWERED: Final = (SearchOff, SearchTimeout, IndexUnavailable, MissingExtra)
"""Why a search is not answered, whatever it asks for: the page says so."""


def failure_of(error: AsyncEventsError) -> Problem:
    """Return what a page says of a search that failed; what only operators mend is logged."""
    found = problem_of(error, {})
    if found is None:
        raise error
    return found


def shown_with(frame: Frame, template: str, view: object, failed: Problem | None) -> Template:
    """Return a page on which something failed: its status says that it may be there later."""
    if failed is None or failed.status != HTTPStatus.SERVICE_UNAVAILABLE:
        return shown(frame, template, view)
    page = shown(frame, template, view, status=failed.status)
    page.headers.update(failed.headers or {})
    return page


def as_query(asked: Asked) -> str:
    """Return what is asked of the log as one query: the search and the other filters."""
    parts = [f"({asked.get('search')})"] if asked.get("search") else []
    if name := asked.get("event_name"):
        parts.append(f'event_name:"{_quoted(name)}"')
    if (number := asked.number("subscription_id")) is not None:
        parts.append(f"subscription_id:{number}")
    if asked.get("success") in _SUCCESSES:
        parts.append(f"success:{asked.get('success')}")
    since, until = asked.time_text("since"), asked.time_text("until")
    if since or until:
        parts.append(f"started_at:[{since or '*'} TO {until or '*'}}}")
    return parts[0][1:-1] if len(parts) == 1 and asked.get("search") else " AND ".join(parts)


_SUCCESSES: Final = {"true": True, "false": False}


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _columns(asked: Asked) -> Sequence[str]:
    return asked.get("columns").split(",") if asked.get("columns") else _FIRST_COLUMNS


def filter_of(asked: Asked, actor: Actor) -> LogFilter:
    """Return what a log's address asks for, of what is the actor's to see."""
    return LogFilter(
        subscription_id=asked.number("subscription_id"),
        event_name=asked.get("event_name") or None,
        tenant=actor.tenant,
        delivered=_SUCCESSES.get(asked.get("success")),
        since=asked.time("since"),
        until=asked.time("until"),
    )


def _listed(backend: RequestBackend, empty: Logs, wanted: LogFilter) -> Logs:
    """Read a page from the ledger."""
    before = empty.asked.number("before")
    rows = backend.ledger.read(
        lambda view: page_of_log(view, wanted, limit=PER_PAGE + 1, before=before)
    )
    kept = rows[:PER_PAGE]
    older = kept[-1].log_id if len(rows) > PER_PAGE else None
    return evolve(empty, rows=kept, older=_older(empty, older))


def _searched(backend: RequestBackend, empty: Logs, wanted: LogFilter) -> Logs:
    """Search for a page. What is wrong with the search is a part of the page."""
    text, before = empty.asked.get("search"), empty.asked.number("before")
    try:
        search = backend.search
        found = search.page(text, wanted, limit=PER_PAGE, before=before)
        doubts = search.reading(text).doubts if before is None else ()
    except InvalidQuery as error:
        return evolve(empty, wrong=WrongQuery.of(error))
    except UNANSWERED as error:
        return evolve(empty, failed=failure_of(error))
    older = _older(empty, found.next)
    return evolve(empty, rows=found.rows, told=told(found), doubts=doubts, older=older)


def _older(empty: Logs, before: int | None) -> str | None:
    return None if before is None else empty.link({"before": before, "live": None})
