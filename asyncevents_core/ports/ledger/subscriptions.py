"""Contract of the ledger's subscriptions, and of what they keep encrypted."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from asyncevents_core.domain.failing import Streak
from asyncevents_core.domain.subscription import (
    FilterCounts,
    NewSubscription,
    Subscription,
    SubscriptionFilter,
    SubscriptionOrder,
    SubscriptionStatus,
    SubscriptionSummary,
)


class KeyAge(enum.StrEnum):
    """Which of SECRET_KEYS reads something encrypted."""

    NEWEST = "newest"
    """The first one, which is what everything is encrypted with from now on."""
    OLDER = "older"
    """Another one: it is still needed."""
    MISSING = "missing"
    """None of them."""


@frozen(kw_only=True)
class SubscriptionTotals:
    """Of all enabled subscriptions: of how many people were `warned` that their recipients fail.

    Their filters let `filtered` events not pass, and failed on `filter_failed` (`FilterCounts`).
    """

    warned: int = 0
    filtered: int = 0
    filter_failed: int = 0


@frozen(kw_only=True)
class KeptSecret:
    """A subscription that keeps something encrypted: its secret, its options, or both.

    `key` is the worst of the two, in the order of `KeyAge`.
    """

    subscription_id: int
    key: KeyAge


@frozen(kw_only=True)
class KeptStreak:
    """How a subscription's recipient fares, and since when the subscription is as it is."""

    status: SubscriptionStatus
    modified_at: int | None
    streak: Streak


class Subscriptions(ABC):
    """Subscriptions in a transaction."""

    @abstractmethod
    def epoch(self) -> int:
        """Return `subscription_epoch`: it grows with each change to a subscription."""

    @abstractmethod
    def all(self) -> Sequence[Subscription]:
        """Return all that are not deleted, ordered by id."""

    @abstractmethod
    def changed(self, *, since: int) -> Sequence[Subscription]:
        """Return those that changed after the epoch was `since`, deleted ones too, by id."""

    @abstractmethod
    def status(self, subscription_id: int) -> SubscriptionStatus | None:
        """Return a subscription's status; None if there never was such a subscription."""

    @abstractmethod
    def lock_one(self, subscription_id: int) -> Subscription | None:
        """Lock and return a subscription, deleted ones too, waiting for others."""

    @abstractmethod
    def still_disabled(self, ids: Collection[int]) -> set[int]:
        """Return which of these are disabled, and keep them so until this transaction ends."""

    @abstractmethod
    def insert(self, subscription: NewSubscription, *, subscribed_at: int | None = None) -> int:
        """Insert it, increment the epoch, return its id (1, 2, …).

        `subscribed_at`: when it was made elsewhere, in microseconds; None: now.
        """

    @abstractmethod
    def update(self, subscription_id: int, subscription: NewSubscription) -> None:
        """Set everything of one that is not deleted, note when, and increment the epoch.

        Its status changes as by `set_status`. Failures that were counted are forgotten.
        """

    @abstractmethod
    def set_status(self, ids: Collection[int], status: SubscriptionStatus) -> None:
        """Set the status, unless deleted already, note when, and increment the epoch.

        Failures that were counted are forgotten. Disabling sets `holding`: deliveries may be held
        from then on, until `stop_holding`. The rows stay locked: a concurrent `still_disabled`
        waits.
        """

    @abstractmethod
    def holding(self) -> Sequence[int]:
        """Return the enabled subscriptions that may have held deliveries (`holding` set)."""

    @abstractmethod
    def stop_holding(self, subscription_id: int) -> None:
        """Clear `holding`: nothing is held for it any more. Does not change the epoch."""

    @abstractmethod
    def lock_streaks(self, ids: Collection[int]) -> Mapping[int, KeptStreak]:
        """Lock subscriptions, and return how their recipients fare, by id.

        Without those that others have locked: nobody is waited for.
        """

    @abstractmethod
    def set_streaks(self, streaks: Mapping[int, Streak]) -> None:
        """Set how recipients fare. Not a change of the subscriptions: the epoch does not grow."""

    @abstractmethod
    def add_filter_counts(self, counts: Mapping[int, FilterCounts]) -> set[int]:
        """Add to what filters did, and return of which subscriptions that was written.

        Without those that others have locked: nobody is waited for.
        """

    @abstractmethod
    def renew_secrets(self, ids: Collection[int]) -> set[int]:
        """Encrypt with the newest key what these subscriptions keep under older ones.

        Returns those that were changed. Left alone are what no key decrypts, and what another
        transaction changes meanwhile: its value wins. What is kept stays the same, deleted ones
        are no exception, and the epoch does not grow.
        """


class SubscriptionsView(ABC):
    """Reads of subscriptions."""

    @abstractmethod
    def all(self) -> Sequence[Subscription]:
        """Return every subscription that is not deleted, by id."""

    @abstractmethod
    def first(self, *, limit: int, of_tenants: bool = False) -> Sequence[Subscription]:
        """Return those of `all` with the lowest ids; `of_tenants`: only those that have one."""

    @abstractmethod
    def get(self, subscription_id: int) -> Subscription | None:
        """Return one, deleted ones too."""

    @abstractmethod
    def summaries(self) -> Sequence[SubscriptionSummary]:
        """As `all`, without what is encrypted: fast for many."""

    @abstractmethod
    def page(
        self, wanted: SubscriptionFilter, order: SubscriptionOrder, *, limit: int, offset: int
    ) -> Sequence[SubscriptionSummary]:
        """Return those that a filter matches, in this order; the first `offset` are left out."""

    @abstractmethod
    def matching(
        self, wanted: SubscriptionFilter, *, after: int, limit: int
    ) -> Sequence[Subscription]:
        """Return those that a filter matches whose id is higher than `after`, by id.

        As a whole, with what is encrypted: `page` is faster.
        """

    @abstractmethod
    def count(self, wanted: SubscriptionFilter) -> int:
        """Count those that a filter matches."""

    @abstractmethod
    def ids_of(self, tenant: str) -> Sequence[int]:
        """Return the ids of a tenant's subscriptions, also of those that are deleted."""

    @abstractmethod
    def epoch(self) -> int:
        """Return `subscription_epoch`: it grows with each change to a subscription."""

    @abstractmethod
    def patterns_with(self, part: str) -> Sequence[str]:
        """Return the events of enabled subscriptions that have a text in them, each once."""

    @abstractmethod
    def totals(self) -> SubscriptionTotals:
        """Return what the enabled subscriptions come to together."""

    @abstractmethod
    def failing(self) -> set[int]:
        """Return the enabled subscriptions whose latest attempts failed."""

    @abstractmethod
    def sinks_in_use(self) -> set[str]:
        """Return the sinks that subscriptions use; those of deleted ones are left out."""

    @abstractmethod
    def kept_secrets(self, *, after: int, limit: int) -> Sequence[KeptSecret]:
        """Return subscriptions with a higher id than `after` that keep something encrypted.

        Lowest id first, deleted ones too.
        """
