"""Which subscriptions want an event by its content, and how many events they did not want."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from attrs import define, evolve, field

from asyncevents_core.domain.event import Event
from asyncevents_core.domain.filtering.event_filter import EventFilter
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.filtering.stored import canonical
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.subscription import LONGEST_FILTER_ERROR, FilterCounts, Subscription
from asyncevents_core.errors import FilterFailed, InvalidFilter, MissingExtra
from asyncevents_core.ports.filters import FilterCompiler

logger = logging.getLogger("asyncevents.filters")


@define
class ContentFilters:
    """Asks the filters of subscriptions. Belongs to one thread.

    Each is compiled once, and again when its subscription changes. What one does not let pass, and
    what it fails on, is counted until somebody takes the counts. Without a `compiler` there are no
    filters here.
    """

    _compiler: FilterCompiler | None
    _compiled: dict[int, EventFilter] = field(factory=dict, init=False)
    _counts: dict[int, FilterCounts] = field(factory=dict, init=False)

    @property
    def any(self) -> bool:
        """Whether a subscription has a filter."""
        return bool(self._compiled)

    def prepared(self, subscription: Subscription) -> Subscription:
        """Compile the filter of a subscription that is new or was changed; return the subscription.

        One whose filter cannot be used here is unreadable then: it gets every event, its attempts
        fail and say why, and nothing is lost because of what is not installed.
        """
        self.forget(subscription.id)
        if subscription.filter is None:
            return subscription
        try:
            if self._compiler is None:
                raise InvalidFilter("nothing here knows filters")
            self._compiled[subscription.id] = self._compiler.compile(canonical(subscription.filter))
        except (InvalidFilter, MissingExtra) as error:
            return evolve(subscription, unreadable=f"its filter cannot be used: {error}")
        return subscription

    def forget(self, subscription_id: int) -> None:
        """Forget the filter of a subscription."""
        self._compiled.pop(subscription_id, None)

    def passing(
        self, event: Event, subscriptions: Sequence[Subscription]
    ) -> Sequence[Subscription]:
        """Return the subscriptions whose filter lets an event pass, and those without one.

        The event has its body, which is parsed once, and only where a filter needs that.
        """
        compiled = self._compiled
        if not compiled or not any(one.id in compiled for one in subscriptions):
            return subscriptions
        view = EventView(event.body or b"")
        return [
            one for one in subscriptions if one.id not in compiled or self._passes(one.id, view)
        ]

    def take_counts(self) -> Mapping[int, FilterCounts]:
        """Return what was counted since the last time, by subscription, and begin anew."""
        counts, self._counts = self._counts, {}
        return counts

    def put_back(self, counts: Mapping[int, FilterCounts]) -> None:
        """Count again what could not be written."""
        for number, one in counts.items():
            self._counts[number] = one + self._counts.get(number, FilterCounts())

    def _passes(self, number: int, view: EventView) -> bool:
        try:
            view.begin()
            if self._compiled[number].lets_pass(view):
                return True
        except FilterFailed as error:
            self._count(number, FilterCounts(failed=1, error=_short(str(error))))
        except Exception as error:
            logger.exception("a filter failed", extra={"subscription": number})
            reason = f"bug in the filter: {type(error).__name__}: {error}"
            self._count(number, FilterCounts(failed=1, error=_short(reason)))
        else:
            self._count(number, FilterCounts(filtered=1))
        return False

    def _count(self, number: int, counts: FilterCounts) -> None:
        self._counts[number] = self._counts.get(number, FilterCounts()) + counts


def _short(text: str) -> str:
    return storable(text, LONGEST_FILTER_ERROR)
