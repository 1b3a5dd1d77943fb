"""Contract of the ledger's deliveries; `outcomes` ends them, `traces` reads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from uuid import UUID

from asyncevents_core.domain.delivery import DeadReason, Delivery, DeliveryState


class Deliveries(ABC):
    """Deliveries in a transaction."""

    @abstractmethod
    def insert(self, deliveries: Sequence[Delivery]) -> None:
        """Insert them; those whose (event, subscription, replay request) is there are passed over.

        `existing` tells which were kept.
        """

    @abstractmethod
    def fan_out(self, deliveries: Sequence[Delivery], event_ids: Collection[UUID]) -> None:
        """Both in one: `insert` deliveries, and `mark_fanned_out` their events, which are locked.

        A database may do it in one round trip.
        """

    @abstractmethod
    def existing(self, ids: Collection[UUID]) -> set[UUID]:
        """Return those of the delivery ids that exist."""

    @abstractmethod
    def lock_due(self, *, limit: int, expired: bool, since: int = 0) -> list[Delivery]:
        """Lock unparked deliveries that are due, oldest first: waiting, and leased if `expired`.

        Only those that have been due since `since` or later.
        """

    @abstractmethod
    def lock_expired(self, owner: UUID, *, limit: int) -> list[Delivery]:
        """Lock leased deliveries of an owner whose lease has run out, oldest first."""

    @abstractmethod
    def has_expired(self, owner: UUID) -> bool:
        """Tell whether an owner has leases that have run out, those that others locked too."""

    @abstractmethod
    def lock_parked(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        """Lock waiting, parked deliveries of a subscription that are due, oldest first."""

    @abstractmethod
    def lock_held(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        """Lock held deliveries of a subscription."""

    @abstractmethod
    def lock_one(self, delivery_id: UUID) -> Delivery | None:
        """Lock one delivery whatever its state, waiting for its lock; None if it is gone."""

    @abstractmethod
    def has_held(self, subscription_id: int) -> bool:
        """Tell whether deliveries of a subscription are held, those that others locked too."""

    @abstractmethod
    def parked_subscriptions(self, *, limit: int) -> Sequence[int]:
        """Return the subscriptions that have parked deliveries."""

    @abstractmethod
    def move(
        self,
        ids: Collection[UUID],
        *,
        state: DeliveryState,
        due_at: int | None,
        owner: UUID | None = None,
        parked: bool = False,
        reason: DeadReason | None = None,
        claimed: bool = False,
        abandoned: bool = False,
    ) -> None:
        """Set locked deliveries to this: a lease, for example, is `LEASED` with an owner.

        Adds 1 to claims if `claimed`, and to abandonments if `abandoned`.
        """

    @abstractmethod
    def make_due(self, ids: Collection[UUID], *, before: int) -> int:
        """Make waiting deliveries due now if they are due by `before`; return how many.

        Passes over those that others have locked: they are being claimed, cancelled or sent again.
        """

    @abstractmethod
    def cancel(self, subscription_id: int, *, limit: int) -> int:
        """Waiting and held deliveries of a subscription -> cancelled, at most `limit` of them.

        Return how many.
        """
