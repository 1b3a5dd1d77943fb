"""Tools that read the log, as the routes of the REST API do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from attrs import field, frozen, validators

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.limits import LARGEST_ID
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import LogFilter, Trace
from asyncevents_core.errors import NotFound
from asyncevents_core.forms import DeadLetterForm, TraceForm
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.ports.sink import EXAMPLE, HELP
from asyncevents_core.web.api.keyset import page
from asyncevents_core.web.api.parameters import checked_name, instant
from asyncevents_core.web.api.schemas.as_it_is import as_it_is
from asyncevents_core.web.api.schemas.log import DeadLetterPage, LogPage, TracePage, found_page
from asyncevents_core.web.mcp.door import Door
from asyncevents_core.web.mcp.tool import Tool, uuid_of

Reason = Literal["exhausted", "permanent", "poison", "service"]

_MOST: Final = 100
_MOST_DELIVERIES: Final = 20
_LIMIT_HELP: Final = f"How many at most, up to {_MOST}."
_LIMITS: Final = validators.and_(validators.ge(1), validators.le(_MOST))


@frozen(kw_only=True)
class SearchArguments:
    """What to search for."""

    query: str = field(
        validator=validators.max_len(4096),
        metadata={
            HELP: "A query in Lucene's syntax over attempts and payloads: success:false AND "
            "data.data.id:42. Quote values with spaces or colons.",
            EXAMPLE: "success:false AND started_at:>now-1d",
        },
    )
    limit: int = field(default=20, validator=_LIMITS, metadata={HELP: _LIMIT_HELP})
    before: int | None = field(
        default=None,
        validator=validators.optional(validators.and_(validators.ge(1), validators.le(LARGEST_ID))),
        metadata={HELP: "The `next` of the page before, for the next page."},
    )


class SearchLog(Tool[SearchArguments]):
    """Attempts that a query finds."""

    name = "search_log"
    title = "Search the log of deliveries"
    about = (
        "Search all attempts to deliver an event, newest first: by event_name, target, success, "
        "http_status, started_at, tenant, and every field of the payload as data.…; a value "
        "without a field is searched everywhere in the payload. `uuid` of a hit can be traced."
    )
    resources = (Resource.LOGS_LIST,)
    arguments = SearchArguments

    async def answer(self, arguments: SearchArguments, door: Door) -> LogPage:
        """See `Tool`."""
        backend, wanted = door.backend, LogFilter(tenant=door.actor.tenant)
        found = await backend.run(
            lambda: backend.search.page(
                arguments.query, wanted, limit=arguments.limit, before=arguments.before
            )
        )
        return found_page(found)


@frozen(kw_only=True)
class TraceArguments:
    """What to trace."""

    id: str = field(
        validator=validators.max_len(100),
        metadata={HELP: "The UUID of a delivery or of an event, or the log_id of an attempt."},
    )


class TraceTool(Tool[TraceArguments]):
    """One delivery, or all of an event's."""

    name = "trace"
    title = "Trace a delivery or an event"
    about = (
        "Read everything that happened to a delivery, or to the deliveries of an event: each "
        "attempt with its answer, the payload that was sent, replays, and when it is due again."
    )
    resources = (Resource.LOGS_TRACE,)
    arguments = TraceArguments

    async def answer(self, arguments: TraceArguments, door: Door) -> TracePage:
        """See `Tool`."""
        tenant, text = door.actor.tenant, arguments.id.strip()

        def query(view: LedgerView) -> Sequence[Trace]:
            identifier = _identifier(view, text, tenant)
            one = view.traces.of_delivery(identifier, tenant=tenant)
            if one is not None:
                return [one]
            return view.traces.of_event(identifier, limit=_MOST_DELIVERIES + 1, tenant=tenant)

        found = await door.backend.read(query)
        if not found:
            raise NotFound(f"no delivery and no event with deliveries {text}")
        shown, following = page(found, _MOST_DELIVERIES, lambda one: one.delivery.id)
        return TracePage(items=[TraceForm.of(one, as_it_is) for one in shown], next=following)


def _identifier(view: LedgerView, text: str, tenant: str | None) -> UUID:
    """Return the id of what is meant. Raises `NotFound`."""
    try:
        return UUID(text)
    except ValueError:
        # Perhaps it is a number.
        pass
    if text.isascii() and text.isdigit() and int(text) <= LARGEST_ID:
        for row in view.log.rows([int(text)], tenant=tenant):
            return row.attempt.delivery_id
    raise NotFound(f"{text!r} is neither a UUID nor the log_id of an attempt")


@frozen(kw_only=True)
class DeadLetterArguments:
    """Which dead letters are meant: all conditions that are given hold."""

    event_name: str | None = field(default=None, metadata={HELP: "Of this event only."})
    reason: Reason | None = field(default=None, metadata={HELP: "Given up for this only."})
    since: str | None = field(
        default=None, metadata={HELP: "From then on: a date or a time in ISO 8601."}
    )
    until: str | None = field(default=None, metadata={HELP: "Until then, as since."})
    limit: int = field(default=20, validator=_LIMITS, metadata={HELP: _LIMIT_HELP})
    before: str | None = field(
        default=None, metadata={HELP: "The `next` of the page before, for the next page."}
    )


class DeadLetters(Tool[DeadLetterArguments]):
    """What was given up."""

    name = "dead_letters"
    title = "List dead letters"
    about = (
        "List deliveries that were given up, and events whose service failed, newest first; "
        "without those that were replayed. `uuid` can be traced, and replayed."
    )
    resources = (Resource.LOGS_LIST,)
    arguments = DeadLetterArguments

    async def answer(self, arguments: DeadLetterArguments, door: Door) -> DeadLetterPage:
        """See `Tool`."""
        wanted = DeadFilter(
            event_name=checked_name("event_name", arguments.event_name),
            reason=None if arguments.reason is None else DeadReason(arguments.reason),
            since=instant("since", arguments.since),
            until=instant("until", arguments.until),
            tenant=door.actor.tenant,
        )
        before = None if arguments.before is None else uuid_of("before", arguments.before)
        rows = await door.backend.read(
            lambda view: view.dead_letters.page(wanted, limit=arguments.limit + 1, before=before)
        )
        shown, after = page(rows, arguments.limit, lambda one: one.id)
        return DeadLetterPage(items=[DeadLetterForm.of(one) for one in shown], next=after)
