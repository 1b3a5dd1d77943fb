"""Contract of the ledger: the database of events, subscriptions, deliveries and attempts.

The engine writes the state machine once, as functions of a `LedgerTransaction`; a ledger
offers the row operations below, each one statement or a few, and makes the whole function
atomic. Operations on rows "locked" assume that this transaction selected them with one of
the `lock_…` methods: rows locked by another transaction are skipped, not waited for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import Attempt, DeadReason, Delivery, DeliveryState
from asyncevents_core.domain.event import Event, NewEvent
from asyncevents_core.domain.replay import DeadFilter, ReplayRequest
from asyncevents_core.domain.subscription import NewSubscription, Subscription, SubscriptionStatus
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.ports.access import AccessOperations
from asyncevents_core.ports.index_queue import IndexQueue
from asyncevents_core.ports.queries import LedgerQueries
from asyncevents_core.ports.secrets import SecretOperations
from asyncevents_core.ports.upkeep import UpkeepOperations

T = TypeVar("T")


@frozen(kw_only=True)
class Claim:
    """A fence: the claim of that number, of the row with that id."""

    id: UUID
    claim_no: int


class EventWriter(ABC):
    """What publishing needs of a transaction."""

    @abstractmethod
    def insert_events(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        """Insert open events, due `due_in` seconds from the ledger's now.

        An event whose `id` or `external_id` is there already is passed over.
        """

    @abstractmethod
    def find_events(
        self, external_ids: Collection[str], *, latest: bool = False
    ) -> Mapping[str, tuple[UUID, bytes]]:
        """Return id and digest of the events that have one of these external ids.

        `latest`: those too that were committed since the transaction first read, where its
        isolation hides them from it and the database can tell (MariaDB, MySQL).
        """


class JoinedTransaction(EventWriter):
    """The caller's own transaction. It is never committed or rolled back from here."""

    @abstractmethod
    def on_commit(self, callback: Callable[[], None]) -> bool:
        """Call back after the outermost commit, on the committing thread; once.

        Not called after a rollback, nor when a savepoint is released. Returns False where
        the commit cannot be observed (a DBAPI connection): the callback is never called.
        """


class LedgerTransaction(
    EventWriter, AccessOperations, IndexQueue, UpkeepOperations, SecretOperations
):
    """One transaction, alive inside the function given to `Ledger.run`. Not thread-safe."""

    # -- time and subscriptions -------------------------------------------------------------

    @abstractmethod
    def now(self) -> int:
        """Return the database's clock, microseconds; the same value throughout the transaction."""

    @abstractmethod
    def epoch(self) -> int:
        """Return `subscription_epoch`: it grows with each change to a subscription."""

    @abstractmethod
    def subscriptions(self) -> Sequence[Subscription]:
        """Return all that are not deleted, ordered by id."""

    @abstractmethod
    def changed_subscriptions(self, *, since: int) -> Sequence[Subscription]:
        """Return those that changed after the epoch was `since`, deleted ones too, by id."""

    @abstractmethod
    def subscription_status(self, subscription_id: int) -> SubscriptionStatus | None:
        """Return a subscription's status; None if there never was such a subscription."""

    @abstractmethod
    def insert_subscription(self, subscription: NewSubscription) -> int:
        """Insert it, increment the epoch, return its id (1, 2, …)."""

    @abstractmethod
    def lock_subscription(self, subscription_id: int) -> Subscription | None:
        """Lock and return a subscription, deleted ones too, waiting for others."""

    @abstractmethod
    def update_subscription(self, subscription_id: int, subscription: NewSubscription) -> None:
        """Set everything of one that is not deleted, and increment the epoch.

        Its status changes as by `set_subscription_status`.
        """

    @abstractmethod
    def set_subscription_status(self, ids: Collection[int], status: SubscriptionStatus) -> None:
        """Set the status, unless deleted already, and increment the epoch.

        Disabling sets `holding`: deliveries may be held from then on, until
        `stop_holding`. The rows stay locked: a concurrent `still_disabled` waits.
        """

    @abstractmethod
    def still_disabled(self, ids: Collection[int]) -> set[int]:
        """Return which of these are disabled, and keep them so until this transaction ends."""

    @abstractmethod
    def holding(self) -> Sequence[int]:
        """Return the enabled subscriptions that may have held deliveries (`holding` set)."""

    @abstractmethod
    def stop_holding(self, subscription_id: int) -> None:
        """Clear `holding`: nothing is held for it any more. Does not change the epoch."""

    # -- events -----------------------------------------------------------------------------

    @abstractmethod
    def lock_events(self, ids: Collection[UUID]) -> list[Event]:
        """Lock those of the ids that are open, or resolving with an expired lease; by id."""

    @abstractmethod
    def lock_due_events(self, *, before: int, limit: int) -> list[Event]:
        """Lock events open or resolving whose due_at is at most `before`, oldest first."""

    @abstractmethod
    def lock_resolving(self, claims: Collection[Claim], *, owner: UUID) -> list[Event]:
        """Lock the events that are resolving under exactly these claims of `owner`; by id."""

    @abstractmethod
    def start_resolving(
        self, ids: Collection[UUID], *, owner: UUID, due_at: int, abandoned: bool
    ) -> None:
        """Locked events -> resolving: claims + 1, abandonments + 1 if `abandoned`."""

    @abstractmethod
    def store_arguments(self, arguments: Mapping[UUID, bytes]) -> None:
        """Set the arguments of locked events, and their body to None: a service will make it."""

    @abstractmethod
    def store_bodies(self, bodies: Mapping[UUID, bytes]) -> None:
        """Set the body of locked events, and their abandonments to 0."""

    @abstractmethod
    def mark_fanned_out(self, ids: Collection[UUID]) -> None:
        """Locked events -> fanned_out, without due_at and owner."""

    @abstractmethod
    def postpone_event(
        self, event_id: UUID, *, due_at: int, deaths: int, reason: str | None
    ) -> None:
        """A locked event -> open, due again; `reason` is the last error.

        Its claims stay, its abandonments become 0.
        """

    @abstractmethod
    def fail_event(self, event_id: UUID, *, deaths: int, reason: str) -> None:
        """A locked event -> failed, without due_at and owner."""

    @abstractmethod
    def reopen_events(self, ids: Collection[UUID]) -> int:
        """Those that are failed -> open, due now, deaths 0; return how many."""

    # -- deliveries -------------------------------------------------------------------------

    @abstractmethod
    def insert_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert them; those whose (event, subscription, chain) is there are passed over."""

    def fan_out(self, deliveries: Sequence[Delivery], event_ids: Collection[UUID]) -> None:
        """Both in one: `insert_deliveries`, and `mark_fanned_out` of their events."""
        self.insert_deliveries(deliveries)
        self.mark_fanned_out(event_ids)

    @abstractmethod
    def deliveries_of(self, ids: Collection[UUID]) -> set[UUID]:
        """Return those of the delivery ids that exist (what `insert_deliveries` kept)."""

    @abstractmethod
    def lock_due_deliveries(self, *, limit: int, expired: bool) -> list[Delivery]:
        """Lock unparked deliveries that are due, oldest first: waiting, and leased if `expired`."""

    @abstractmethod
    def make_due(self, ids: Collection[UUID], *, before: int) -> int:
        """Make waiting deliveries due now if they are due by `before`; return how many."""

    @abstractmethod
    def lock_parked(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        """Lock waiting, parked deliveries of a subscription that are due, oldest first."""

    @abstractmethod
    def parked_subscriptions(self, *, limit: int) -> Sequence[int]:
        """Return the subscriptions that have parked deliveries."""

    @abstractmethod
    def lock_held(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        """Lock held deliveries of a subscription."""

    @abstractmethod
    def has_held(self, subscription_id: int) -> bool:
        """Tell whether deliveries of a subscription are held, those that others locked too."""

    @abstractmethod
    def lock_delivery(self, delivery_id: UUID) -> Delivery | None:
        """Lock one delivery whatever its state, waiting for its lock."""

    @abstractmethod
    def move_deliveries(
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
        """Set locked deliveries to this.

        Adds 1 to claims if `claimed`, and to abandonments if `abandoned`.
        """

    @abstractmethod
    def cancel_deliveries(self, subscription_id: int, *, limit: int) -> int:
        """Waiting and held deliveries of a subscription -> cancelled, at most `limit` of them.

        Return how many.
        """

    @abstractmethod
    def events_with_bodies(self, event_ids: Collection[UUID]) -> Mapping[UUID, Event]:
        """Return those of the events that there are, each with its body, by id."""

    # -- outcomes ---------------------------------------------------------------------------

    @abstractmethod
    def record_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Upsert by (delivery_id, claim_no); a row there already yields only if 'abandoned'.

        An attempt 'abandoned' never overwrites anything.
        """

    @abstractmethod
    def mark_delivered(self, ids: Collection[UUID]) -> None:
        """Deliveries -> delivered, unless delivered or cancelled.

        Not fenced: a late success counts.
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

    @abstractmethod
    def queue_for_index(self, claims: Collection[Claim]) -> None:
        """Upsert index_queue rows for these attempts (version + 1)."""

    # -- workers ----------------------------------------------------------------------------

    @abstractmethod
    def beat(self, worker: WorkerRow) -> None:
        """Insert the worker or set its beat_at to now."""

    @abstractmethod
    def remove_worker(self, worker_id: UUID) -> None:
        """Delete the worker's row, if there is one."""

    @abstractmethod
    def silent_workers(self, *, before: int) -> Sequence[UUID]:
        """Return the workers whose last beat is older than `before`."""

    @abstractmethod
    def expire_leases(self, owners: Collection[UUID]) -> int:
        """Make the running leases of these owners due now; return how many."""

    # -- replays ----------------------------------------------------------------------------

    @abstractmethod
    def lock_event(self, event_id: UUID) -> Event | None:
        """Lock and return an event with its body, waiting for others; None if it is gone."""

    @abstractmethod
    def insert_replay(self, request: ReplayRequest) -> None:
        """Note a request, made now; one that is there already is passed over."""

    @abstractmethod
    def lock_dead(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[Delivery]:
        """Lock dead deliveries that the filter matches, by id, from behind `after` on.

        Their events are locked too, so that the clean-up leaves them alone.
        """

    @abstractmethod
    def lock_logged(self, log_ids: Collection[int], *, tenant: str | None) -> Sequence[Delivery]:
        """Lock the deliveries of these attempts, by id, each of them once; and their events.

        With `tenant` only those of that tenant's subscriptions.
        """

    @abstractmethod
    def lock_failed_events(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[UUID]:
        """Lock failed events that the filter matches, by id, from behind `after` on."""


class Ledger(ABC):
    """The database. Thread-safe; connects lazily. `fork()` is survived by `after_fork`."""

    @abstractmethod
    def run(self, work: Callable[[LedgerTransaction], T]) -> T:
        """Run `work` in one transaction and commit it; return what it returned.

        Rerun as a whole after a deadlock, a busy database or a commit whose fate is unknown,
        so `work` must be idempotent. An exception from `work` rolls back and passes through.
        Raises `LedgerUnavailable`, `LedgerNotMigrated`, and `LedgerError` for what is refused.
        """

    def publish(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        """Insert open events and commit, all or none: `run` with `insert_events` and no more.

        A ledger may have a faster way.
        """
        self.run(lambda tx: tx.insert_events(events, due_in=due_in))

    @abstractmethod
    def read(self, query: Callable[[LedgerQueries], T]) -> T:
        """Run `query` on a consistent view; return what it returned. Raises as `run`."""

    @abstractmethod
    def join(self, transaction: object) -> JoinedTransaction:
        """Write within the caller's transaction. Raises `ForeignTransaction` if it cannot."""

    @abstractmethod
    def check(self) -> Sequence[str]:
        """Connect, compare the schema, and return warnings about unsafe durability settings.

        Raises `LedgerUnavailable`, `LedgerNotMigrated`.
        """

    @abstractmethod
    def describe(self) -> str:
        """Return where the ledger is, and the schema that it needs: for people. No I/O.

        A password is not shown.
        """

    @abstractmethod
    def upgrade(self) -> str:
        """Bring the schema to this version; return the revision. Safe to repeat."""

    @abstractmethod
    def after_fork(self) -> None:
        """Forget connections made before a fork, without closing the parent's. Child only."""

    @abstractmethod
    def close(self) -> None:
        """Close connections. Idempotent; the next use connects again."""
