"""Tries a filter on events that were published: which of them it would have let pass."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.event import Event
from asyncevents_core.domain.event_pattern import EventPattern
from asyncevents_core.domain.filtering.event_filter import EventFilter
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.filtering.stored import FilterSource, canonical
from asyncevents_core.domain.query.doubts import Doubt
from asyncevents_core.errors import FilterFailed, InvalidFilter
from asyncevents_core.ports.filters import FilterCompiler
from asyncevents_core.ports.ledger import Ledger, LedgerView

MOST: Final = 1_000
"""Events that a filter is tried on: the latest."""
_PAGE: Final = 250
_MOST_LOOKED_AT: Final = 20_000
"""Events, of other names and tenants too, after which nothing older is looked for."""


class TrialVerdict(enum.StrEnum):
    """What a filter says of an event."""

    PASSES = "passes"
    FILTERED = "filtered"
    FAILED = "failed"


@frozen(kw_only=True)
class TriedEvent:
    """An event, when it was published (microseconds), and what the filter says of it.

    `reason` is why the filter fails on it.
    """

    event_id: UUID
    event_name: str
    published_at: int
    verdict: TrialVerdict
    reason: str | None = None


@frozen(kw_only=True)
class FilterTrial:
    """What became of a filter on the latest events, newest first.

    `doubts` are what in the filter is probably meant otherwise.
    """

    events: Sequence[TriedEvent]
    doubts: Sequence[Doubt] = ()

    def count(self, verdict: TrialVerdict) -> int:
        """Return how many events it says that of."""
        return sum(one.verdict == verdict for one in self.events)

    @property
    def reason(self) -> str | None:
        """Why it fails on the latest event on which it does."""
        return next((one.reason for one in self.events if one.reason is not None), None)


def checked_filter(compiler: FilterCompiler, filter: object) -> FilterSource:
    """Return a filter in the form in which it is kept.

    Raises `InvalidFilter`, also for what probably lets more pass than is meant, and `MissingExtra`.
    """
    source = canonical(filter)
    compiler.compile(source)
    for doubt in compiler.doubts(source):
        if doubt.widens:
            text = source if isinstance(source, str) else ""
            position = doubt.position if text else None
            raise InvalidFilter(f"“{doubt.found}”: {doubt.hint}", source=text, position=position)
    return source


def try_filter(
    ledger: Ledger,
    compiler: FilterCompiler,
    pattern: EventPattern,
    filter: object,
    *,
    tenant: str | None = None,
) -> FilterTrial:
    """Try a filter on the latest events that a subscription to `pattern` would have received.

    `tenant` is that of the subscription. Events that wait for their service have no payload yet
    and are left out. Changes nothing. Raises `InvalidFilter`, `MissingExtra`, `LedgerError`.
    """
    source = canonical(filter)
    compiled = compiler.compile(source)
    tried: list[TriedEvent] = []
    for page in _pages(ledger, pattern, tenant):
        tried += [_try(compiled, event, body) for event, body in page]
        if len(tried) >= MOST:
            break
    return FilterTrial(events=tried[:MOST], doubts=compiler.doubts(source))


def _pages(
    ledger: Ledger, pattern: EventPattern, tenant: str | None
) -> Iterator[Sequence[tuple[Event, bytes]]]:
    """Yield the events that are meant, with their bodies, newest first."""
    before: UUID | None = None
    for _ in range(_MOST_LOOKED_AT // _PAGE):

        def read(
            view: LedgerView, before: UUID | None = before
        ) -> tuple[Sequence[Event], Sequence[Event], Mapping[UUID, bytes]]:
            found = view.events.page(name=pattern.name, limit=_PAGE, before=before)
            meant = [one for one in found if _is_meant(one, pattern, tenant)]
            return found, meant, view.events.bodies([one.id for one in meant])

        found, meant, bodies = ledger.read(read)
        yield [(one, bodies[one.id]) for one in meant if one.id in bodies]
        if len(found) < _PAGE:
            return
        before = found[-1].id


def _is_meant(event: Event, pattern: EventPattern, tenant: str | None) -> bool:
    for_tenant = tenant is None or event.tenant in (None, tenant)
    return for_tenant and pattern.matches(event.name)


def _try(compiled: EventFilter, event: Event, body: bytes) -> TriedEvent:
    verdict, reason = TrialVerdict.FILTERED, None
    try:
        view = EventView(body)
        view.begin()
        if compiled.lets_pass(view):
            verdict = TrialVerdict.PASSES
    except FilterFailed as error:
        verdict, reason = TrialVerdict.FAILED, str(error)
    return TriedEvent(
        event_id=event.id,
        event_name=event.name,
        published_at=event.created_at,
        verdict=verdict,
        reason=reason,
    )
