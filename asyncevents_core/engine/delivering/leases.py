"""What a claim takes: leases of deliveries, events whose service is to be called, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.delivery import Claim, Delivery
from asyncevents_core.domain.event import Event, EventDefinition
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.engine.delivering.filtering import ContentFilters
from asyncevents_core.engine.delivering.looking import Looks
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.engine.delivering.subscription_index import SubscriptionIndex
from asyncevents_core.engine.shared.exceptions import reason_of, traceback_of
from asyncevents_core.errors import (
    InvalidPayload,
    ServiceArguments,
    ServiceFailed,
    UnknownEvent,
)
from asyncevents_core.ports.filters import FilterCompiler
from asyncevents_core.ports.resolver import Definitions

_NOT_DEFINED: Final = "(not defined)"
"""In place of the resources of an event that has no definition."""


@frozen(kw_only=True)
class Claimant:
    """Who claims, and what it goes by. Belongs to one thread, as its index does."""

    owner: UUID
    policy: Policy
    definitions: Definitions
    filters: FilterCompiler | None = None
    content: ContentFilters = field(init=False)
    subscriptions: SubscriptionIndex = field(init=False)
    looks: Looks = field(factory=Looks)

    @content.default
    def _make_content(self) -> ContentFilters:
        return ContentFilters(self.filters)

    @subscriptions.default
    def _make_index(self) -> SubscriptionIndex:
        return SubscriptionIndex(self.content)

    def receivers(self, event: Event) -> Sequence[Subscription]:
        """Return the subscriptions that receive an event, which has its body."""
        return self.content.passing(event, self.matches(event))

    def matches(self, event: Event) -> Sequence[Subscription]:
        """Return the subscriptions that receive an event, as far as its name and tenant say."""
        try:
            resources = self.definitions.get(event.name).resources
        except UnknownEvent:
            # Nobody knows what it needs: a pattern that is bound to resources does not reach it.
            resources = (_NOT_DEFINED,)
        return self.subscriptions.matches(event.name, event.tenant, resources)


@frozen(kw_only=True)
class Lease:
    """A delivery that belongs to this worker, with all that an attempt needs."""

    delivery: Delivery
    subscription: Subscription
    event: Event
    leased_at: int
    alone: bool = False

    @property
    def claim(self) -> Claim:
        """The fence of this lease."""
        return Claim(id=self.delivery.id, claim_no=self.delivery.claims)


@frozen(kw_only=True)
class Resolving:
    """An event whose service this worker has to call. `definition` None: data is at hand.

    `alone`: no other event is resolving in this process until it is over.
    """

    event: Event
    definition: EventDefinition | None
    alone: bool = False

    @property
    def claim(self) -> Claim:
        """The fence of this claim."""
        return Claim(id=self.event.id, claim_no=self.event.claims)


@frozen(kw_only=True)
class Resolved:
    """What a service returned: `data` as JSON text, or `error` (`final`: do not retry).

    `traceback` says where in the service the error comes from, if it is one of its own.
    `unstarted`: it was not called, and any worker may take the event.
    """

    resolving: Resolving
    data: bytes | None = field(default=None, repr=False)
    error: str | None = None
    traceback: str | None = field(default=None, repr=False)
    final: bool = False
    unstarted: bool = False

    @classmethod
    def failed(cls, resolving: Resolving, error: BaseException) -> Self:
        """Return what is kept of an exception: `final` where the arguments are to blame."""
        if isinstance(error, ServiceArguments | InvalidPayload):
            return cls(resolving=resolving, error=reason_of(error), final=True)
        if isinstance(error, ServiceFailed) and error.traceback is not None:
            # What it was in its own process.
            return cls(resolving=resolving, error=str(error), traceback=error.traceback)
        return cls(resolving=resolving, error=reason_of(error), traceback=traceback_of(error))


@frozen(kw_only=True)
class FailedEvent:
    """An event that was given up, and why."""

    id: UUID
    name: str
    tenant: str | None
    error: str


@frozen(kw_only=True)
class Claimed:
    """What was claimed, valid once its transaction is committed. Two of them can be added."""

    leases: tuple[Lease, ...] = ()
    """Deliveries to attempt now."""
    resolving: tuple[Resolving, ...] = ()
    """Events whose service is to be called now."""
    dead: tuple[Delivery, ...] = ()
    """Deliveries that were given up as poison."""
    failed: tuple[FailedEvent, ...] = ()
    """Events that were given up."""
    parked: frozenset[int] = frozenset()
    """Subscriptions that have new parked deliveries."""
    emptied: frozenset[int] = frozenset()
    """Subscriptions that have no parked deliveries left."""
    lines: frozenset[str] = frozenset()
    """Lines that have events parked."""
    emptied_lines: frozenset[str] = frozenset()
    """Lines that have no parked events left."""
    left_waiting: bool = False
    """More deliveries are due than were taken."""
    more_held: bool = False
    """More held deliveries may go on than were released."""
    more_events: bool = False
    """More events are due, which no hand-off brought, than were taken."""
    wants_alone: bool = False
    """A delivery waits until this process has nothing else under way."""
    events: int = 0
    """How many events were claimed; those that were parked are claimed later."""
    stale: int = 0
    """How many ids of hand-offs were of events that others have claimed, or that are unknown."""

    @property
    def runs_alone(self) -> bool:
        """Whether a delivery was taken, or waits, that must have the process for itself."""
        return self.wants_alone or any(lease.alone for lease in self.leases)

    def __add__(self, other: Claimed) -> Claimed:
        return Claimed(
            leases=self.leases + other.leases,
            resolving=self.resolving + other.resolving,
            dead=self.dead + other.dead,
            failed=self.failed + other.failed,
            parked=self.parked | other.parked,
            emptied=self.emptied | other.emptied,
            lines=self.lines | other.lines,
            emptied_lines=self.emptied_lines | other.emptied_lines,
            left_waiting=self.left_waiting or other.left_waiting,
            more_held=self.more_held or other.more_held,
            more_events=self.more_events or other.more_events,
            wants_alone=self.wants_alone or other.wants_alone,
            events=self.events + other.events,
            stale=self.stale + other.stale,
        )
