"""Contract of outcomes in the ledger: attempts, and what they do to deliveries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from uuid import UUID

from asyncevents_core.domain.delivery import Attempt, Claim, DeadReason, DeliveryState


class Outcomes(ABC):
    """Outcomes in a transaction."""

    @abstractmethod
    def lock(self, ids: Collection[UUID]) -> set[UUID]:
        """Lock deliveries, passing over those that others have locked; return which it got.

        A delivery that is gone is among them: nobody has locked it.
        """

    @abstractmethod
    def record(self, attempts: Sequence[Attempt], *, indexing: bool = False) -> None:
        """Upsert by (delivery_id, claim_no); a row there already yields only if 'abandoned'.

        An attempt 'abandoned' never overwrites anything. With `indexing`, what this writes is
        queued for the index: see `IndexQueue`.
        """

    @abstractmethod
    def mark_delivered(self, ids: Collection[UUID], *, owner: UUID) -> Sequence[Claim]:
        """Deliveries -> delivered, unless delivered or cancelled.

        Not fenced: a late success counts. Return the claims under which others than `owner` had
        leased some of them meanwhile. Their workers may have vanished after they sent something:
        the caller records these attempts, since no lease of theirs is left to run out.
        """

    @abstractmethod
    def mark_failed(
        self,
        claims: Collection[Claim],
        *,
        owner: UUID,
        state: DeliveryState,
        due_at: int | None,
        reason: DeadReason | None,
    ) -> None:
        """Deliveries leased under exactly these claims of `owner` -> `state`.

        Adds 1 to deaths and sets abandonments to 0.
        """

    @abstractmethod
    def give_back(self, claims: Collection[Claim], *, owner: UUID) -> None:
        """Deliveries leased under these claims of `owner` -> waiting, due now; no death."""
