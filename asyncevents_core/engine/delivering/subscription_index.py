"""Which subscriptions receive an event: cached, and never older than the claim's transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field

from asyncevents_core.domain.event import OPERATIONAL
from asyncevents_core.domain.event_pattern import EventPattern
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.engine.delivering.filtering import ContentFilters
from asyncevents_core.errors import InvalidValue
from asyncevents_core.ports.ledger import LedgerTransaction

logger = logging.getLogger("asyncevents.subscriptions")

_MOST_KEPT: Final = 1_000
"""Subscriptions of one event that are kept together; to find more takes less than to use them."""
_ANSWERS_KEPT: Final = 10_000
_ANY: Final = "*"
"""In place of a level, of patterns that may begin with any."""


class _Receivers:
    """The enabled subscriptions to one name or pattern; what is reached is kept."""

    def __init__(self) -> None:
        self._by_tenant: dict[str | None, dict[int, Subscription]] = {}
        self._of_tenant: dict[str | None, tuple[Subscription, ...]] = {}
        self._all: tuple[Subscription, ...] | None = None

    def put(self, subscription: Subscription) -> None:
        self._by_tenant.setdefault(subscription.tenant, {})[subscription.id] = subscription
        self._forget(subscription.tenant)

    def remove(self, subscription: Subscription) -> None:
        of_tenant = self._by_tenant.get(subscription.tenant, {})
        of_tenant.pop(subscription.id, None)
        if not of_tenant:
            self._by_tenant.pop(subscription.tenant, None)
        self._forget(subscription.tenant)

    @property
    def is_empty(self) -> bool:
        return not self._by_tenant

    def reached(self, tenant: str | None) -> tuple[Subscription, ...]:
        if tenant is not None:
            everybodys = self._of(None)
            # Not kept for each tenant: everybody's may be many, and tenants too.
            return everybodys + self._of(tenant) if tenant in self._by_tenant else everybodys
        if self._all is None:
            self._all = tuple(one for some in self._by_tenant.values() for one in some.values())
        return self._all

    def _of(self, tenant: str | None) -> tuple[Subscription, ...]:
        kept = self._of_tenant.get(tenant)
        if kept is None:
            kept = self._of_tenant[tenant] = tuple(self._by_tenant.get(tenant, {}).values())
        return kept

    def _forget(self, tenant: str | None) -> None:
        self._of_tenant.pop(tenant, None)
        self._all = None


@define
class _Candidates:
    """The patterns that a name may match: by the names in them, and by how they begin."""

    _by_name: dict[str, set[EventPattern]] = field(factory=dict)
    _by_level: dict[str, set[EventPattern]] = field(factory=dict)

    def add(self, pattern: EventPattern) -> None:
        for places, key in self._places(pattern):
            places.setdefault(key, set()).add(pattern)

    def remove(self, pattern: EventPattern) -> None:
        for places, key in self._places(pattern):
            places[key].discard(pattern)
            if not places[key]:
                del places[key]

    def of(self, name: str) -> set[EventPattern]:
        nobody: set[EventPattern] = set()
        level = name.partition(".")[0]
        found = (self._by_name.get(name), self._by_level.get(level), self._by_level.get(_ANY))
        return nobody.union(*(some for some in found if some is not None))

    def _places(self, pattern: EventPattern) -> Iterable[tuple[dict[str, set[EventPattern]], str]]:
        """Return where a pattern stands, once each."""
        levels = {one.partition(".")[0] for one in pattern.wanted if one not in pattern.names}
        yield from ((self._by_name, name) for name in pattern.names)
        yield from (
            (self._by_level, key) for key in {_ANY if "*" in one else one for one in levels}
        )


@define
class _Patterns:
    """The subscriptions to patterns. A pattern that may match is compared with a name once.

    Answers are kept until a subscription to a pattern changes, but not those that are long.
    """

    _receivers: dict[EventPattern, _Receivers] = field(factory=dict)
    _candidates: _Candidates = field(factory=_Candidates)
    _matching: dict[str, Sequence[tuple[EventPattern, _Receivers]]] = field(factory=dict)
    _reached: dict[tuple[str, str | None, Sequence[str]], tuple[Subscription, ...]] = field(
        factory=dict
    )

    def __bool__(self) -> bool:
        return bool(self._receivers)

    def put(self, pattern: EventPattern, subscription: Subscription) -> None:
        receivers = self._receivers.get(pattern)
        if receivers is None:
            receivers = self._receivers[pattern] = _Receivers()
            self._candidates.add(pattern)
            self._matching.clear()
        receivers.put(subscription)
        self._reached.clear()

    def remove(self, pattern: EventPattern, subscription: Subscription) -> None:
        receivers = self._receivers.get(pattern)
        if receivers is None:
            return
        receivers.remove(subscription)
        if receivers.is_empty:
            del self._receivers[pattern]
            self._candidates.remove(pattern)
            self._matching.clear()
        self._reached.clear()

    def reached(
        self, name: str, tenant: str | None, resources: Sequence[str]
    ) -> tuple[Subscription, ...]:
        asked = (name, tenant, resources)
        kept = self._reached.get(asked)
        if kept is None:
            kept = self._find(name, tenant, resources)
            if len(kept) <= _MOST_KEPT:
                if len(self._reached) >= _ANSWERS_KEPT:
                    self._reached.clear()
                self._reached[asked] = kept
        return kept

    def _find(
        self, name: str, tenant: str | None, resources: Sequence[str]
    ) -> tuple[Subscription, ...]:
        matching = self._matching.get(name)
        if matching is None:
            matching = self._matching[name] = [
                (pattern, self._receivers[pattern])
                for pattern in sorted(self._candidates.of(name), key=_text)
                if pattern.matches(name)
            ]
        return tuple(
            one
            for pattern, receivers in matching
            for one in receivers.reached(tenant)
            if not resources or name in pattern.names or one.may_get(resources)
        )


def _text(pattern: EventPattern) -> str:
    return pattern.text


class SubscriptionIndex:
    """The subscriptions by event and by id. Belongs to one thread.

    Every change to a subscription increments the epoch in its own transaction; `refresh`
    reads the epoch inside the claim's transaction, so a subscription committed before an
    event was published always matches it.
    """

    def __init__(self, content: ContentFilters | None = None) -> None:
        """Prepare the filters of subscriptions in `content`; without it there are none."""
        self._content = content or ContentFilters(None)
        self._epoch: int | None = None
        self._by_event: dict[str, _Receivers] = {}
        self._patterns = _Patterns()
        self._by_id: dict[int, Subscription] = {}
        self._rates: dict[int, float] = {}

    @property
    def rates(self) -> Mapping[int, float]:
        """The limits of subscriptions that have one, in deliveries a second."""
        return self._rates

    def refresh(self, tx: LedgerTransaction) -> None:
        """Load what has changed since the last time, if the epoch says that something has."""
        epoch = tx.subscriptions.epoch()
        if epoch == self._epoch:
            return
        if self._epoch is None:
            changed = tx.subscriptions.all()
        else:
            changed = tx.subscriptions.changed(since=self._epoch)
        for subscription in changed:
            self._put(subscription)
        self._epoch = epoch

    def matches(
        self, event_name: str, tenant: str | None, resources: Sequence[str] = ()
    ) -> Sequence[Subscription]:
        """Return the enabled subscriptions that receive such an event, by its name and tenant.

        One without a tenant reaches all of them, unless it is about the framework itself; one of
        tenant T those of T, and those without.
        `resources` are what the event needs: who subscribed a pattern gets what it may get.
        """
        receivers = self._by_event.get(event_name)
        found = () if receivers is None else receivers.reached(tenant)
        if self._patterns:
            found += self._patterns.reached(event_name, tenant, resources)
        if tenant is None and event_name.startswith(OPERATIONAL):
            # What is about no tenant is about the whole installation: no affair of tenants.
            return [one for one in found if one.tenant is None]
        return found

    def get(self, subscription_id: int) -> Subscription | None:
        """Return a subscription, disabled ones too; None if it is deleted."""
        return self._by_id.get(subscription_id)

    def _put(self, subscription: Subscription) -> None:
        number = subscription.id
        old = self._by_id.pop(number, None)
        if old is not None:
            self._remove(old)
        self._rates.pop(number, None)
        if subscription.status is SubscriptionStatus.DELETED:
            self._content.forget(number)
            return
        subscription = self._content.prepared(subscription)
        self._by_id[number] = subscription
        if subscription.unreadable is not None:
            logger.error(
                "a subscription cannot be delivered to: its attempts fail until that is mended",
                extra={"subscription": number, "error": subscription.unreadable},
            )
        if subscription.rate_limit:
            self._rates[number] = subscription.rate_limit
        if subscription.status is SubscriptionStatus.ENABLED:
            self._add(subscription)

    def _add(self, subscription: Subscription) -> None:
        try:
            pattern = subscription.pattern
        except InvalidValue as error:
            # Written by another release, or by hand.
            logger.error(
                "a subscription gets nothing: its event cannot be read",
                extra={"subscription": subscription.id, "error": str(error)},
            )
            return
        name = pattern.name
        if name is None:
            self._patterns.put(pattern, subscription)
        else:
            self._by_event.setdefault(name, _Receivers()).put(subscription)

    def _remove(self, subscription: Subscription) -> None:
        try:
            pattern = subscription.pattern
        except InvalidValue:
            return
        name = pattern.name
        if name is None:
            self._patterns.remove(pattern, subscription)
        elif name in self._by_event:
            self._by_event[name].remove(subscription)
