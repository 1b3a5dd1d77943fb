"""Contract of the ledger's traces: deliveries with all that happened to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from uuid import UUID

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.trace import EventDelivery, OpenDelivery, Trace


class TracesView(ABC):
    """Reads of traces. With `tenant` only of deliveries for that tenant's subscriptions."""

    @abstractmethod
    def of_delivery(
        self, delivery_id: UUID, *, tenant: str | None = None, most: int | None = None
    ) -> Trace | None:
        """Return the trace of a delivery, its attempts in order of their claims.

        With `most` it has so many attempts: the oldest half and the newest half of them.
        """

    @abstractmethod
    def of_event(
        self, event_id: UUID, *, limit: int, after: UUID | None = None, tenant: str | None = None
    ) -> Sequence[Trace]:
        """Return the traces of an event's deliveries, oldest first.

        Page on with `after` = the id of the last delivery.
        """

    @abstractmethod
    def deliveries_of(
        self, event_id: UUID, *, limit: int, after: UUID | None = None, tenant: str | None = None
    ) -> Sequence[EventDelivery]:
        """Return the same deliveries as `of_event`, without what happened to them."""

    @abstractmethod
    def open_deliveries(
        self,
        state: DeliveryState,
        *,
        limit: int,
        subscription_id: int | None = None,
        tenant: str | None = None,
    ) -> Sequence[OpenDelivery]:
        """Return the first deliveries in a state that is not the end of them, by due time.

        With `subscription_id` only of that subscription. What it reads does not grow with the
        deliveries of others, but with the number of a tenant's subscriptions.
        """
