"""Contract of the ledger's events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from asyncevents_core.domain.delivery import Claim
from asyncevents_core.domain.event import Event, EventState, NewEvent


class EventWriter(ABC):
    """What publishing needs of a transaction, also of the caller's own."""

    @abstractmethod
    def insert(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        """Insert open events, due `due_in` seconds from the ledger's now.

        An event whose `id` or `external_id` is there already is passed over.
        """

    @abstractmethod
    def find(
        self, external_ids: Collection[str], *, latest: bool = False
    ) -> Mapping[str, tuple[UUID, bytes]]:
        """Return id and digest of the events that have one of these external ids.

        `latest`: those too that were committed since the transaction first read, where its
        isolation hides them from it and the database can tell (MariaDB, MySQL).
        """


class Events(EventWriter):
    """Events in a transaction of the ledger's own."""

    @abstractmethod
    def lock(self, ids: Collection[UUID]) -> list[Event]:
        """Lock those of the ids that are open, or resolving with an expired lease; by id.

        Without those that are parked: their line brings them.
        """

    @abstractmethod
    def lock_due(self, *, before: int, limit: int, since: int = 0) -> list[Event]:
        """Lock events open or resolving whose due_at is `since` to `before`, oldest first.

        Without those that are parked.
        """

    @abstractmethod
    def lock_parked(self, line: str, *, limit: int) -> list[Event]:
        """Lock events that are parked in a line, oldest first."""

    @abstractmethod
    def parked_lines(self, *, limit: int) -> Sequence[str]:
        """Return the lines in which events are parked, by name."""

    @abstractmethod
    def lock_resolving(self, claims: Collection[Claim], *, owner: UUID) -> list[Event]:
        """Lock the events that are resolving under exactly these claims of `owner`; by id.

        Waits for their locks.
        """

    @abstractmethod
    def lock_one(self, event_id: UUID) -> Event | None:
        """Lock one event whatever its state, waiting for its lock; None if it is gone."""

    @abstractmethod
    def read(self, ids: Collection[UUID]) -> Mapping[UUID, Event]:
        """Return those of the events that there are, each with its body, by id."""

    @abstractmethod
    def start_resolving(
        self, ids: Collection[UUID], *, owner: UUID, due_at: int, abandoned: bool
    ) -> None:
        """Locked events -> resolving, not parked: claims + 1, abandonments + 1 if `abandoned`."""

    @abstractmethod
    def put_back(
        self, ids: Collection[UUID], *, due_at: int, parked: str = "", abandoned: bool = False
    ) -> None:
        """Locked events -> open, due, in the line `parked` if that is not "".

        Their claims, deaths and reason stay; abandonments + 1 if `abandoned`.
        """

    @abstractmethod
    def resolving_again(self, owners: Collection[UUID]) -> set[UUID]:
        """Return which of these owners are resolving an event that was abandoned before.

        Whether its lease has run out does not matter, and nothing is locked.
        """

    @abstractmethod
    def store_arguments(self, arguments: Mapping[UUID, bytes]) -> None:
        """Set the arguments of locked events, and their body to None: a service will make it."""

    @abstractmethod
    def store_bodies(self, bodies: Mapping[UUID, bytes]) -> None:
        """Set the body of locked events, and their abandonments to 0."""

    @abstractmethod
    def mark_fanned_out(self, ids: Collection[UUID]) -> None:
        """Locked events -> fanned_out, without due_at and owner. See `Deliveries.fan_out`."""

    @abstractmethod
    def postpone(
        self,
        event_id: UUID,
        *,
        due_at: int,
        deaths: int,
        error: str | None,
        traceback: str | None = None,
    ) -> None:
        """A locked event -> open, due again, not parked; `error` is what its service failed with.

        `traceback` is that of the service, if the error is its own.

        Its claims stay, its abandonments become 0.
        """

    @abstractmethod
    def fail(
        self, event_id: UUID, *, deaths: int, error: str, traceback: str | None = None
    ) -> None:
        """A locked event -> failed, without due_at and owner; see `postpone`."""

    @abstractmethod
    def reopen(self, ids: Collection[UUID]) -> int:
        """Those that are failed -> open, due now, not parked, deaths 0; return how many."""


class EventsView(ABC):
    """Reads of events."""

    @abstractmethod
    def get(self, event_id: UUID) -> Event | None:
        """Return an event."""

    @abstractmethod
    def body_sizes(self, ids: Collection[UUID]) -> Mapping[UUID, int]:
        """Return how many bytes the bodies of events have, without those that have none."""

    @abstractmethod
    def bodies(self, ids: Collection[UUID]) -> Mapping[UUID, bytes]:
        """Return the bodies of events, without those that have none."""

    @abstractmethod
    def page(
        self,
        *,
        name: str | None,
        limit: int,
        before: UUID | None,
        tenant: str | None = None,
        states: Collection[EventState] | None = None,
    ) -> Sequence[Event]:
        """Return what was published; page on with `before` = the last id.

        `tenant` None: of every tenant; `states` None: in every state. Without the bodies of those
        that have arguments.
        """
