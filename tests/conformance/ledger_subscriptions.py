"""The rows of subscriptions: epoch, status, holding."""

from __future__ import annotations

from typing import cast

import pytest
from attrs import evolve

from asyncevents_core.domain.failing import FailurePolicy, Streak
from asyncevents_core.domain.subscription import (
    FilterCounts,
    NewSubscription,
    OlderSecret,
    RetryPolicy,
    SubscriptionFilter,
    SubscriptionStatus,
    SubscriptionSummary,
)
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.ledger.subscriptions import KeptSecret, KeyAge, SubscriptionTotals
from asyncevents_core.testing.builders import make_subscription
from tests.conformance.ledger_base import (
    LedgerFixtures,
    now,
    set_status,
    subscribe,
)

ENABLED = SubscriptionStatus.ENABLED
DISABLED = SubscriptionStatus.DISABLED
DELETED = SubscriptionStatus.DELETED


class Subscriptions(LedgerFixtures):
    """Every operation on subscriptions."""

    def test_sinks_in_use(self, ledger: Ledger) -> None:
        for sink in ("http", "http", "file"):
            subscribe(ledger, make_subscription(sink=sink))
        set_status(ledger, subscribe(ledger, make_subscription(sink="off")), DISABLED)
        set_status(ledger, subscribe(ledger, make_subscription(sink="gone")), DELETED)

        found = ledger.read(lambda view: view.subscriptions.sinks_in_use())

        assert found == {"http", "file", "off"}

    def test_who_keeps_something_encrypted(self, ledger: Ledger) -> None:
        signed = subscribe(ledger, make_subscription(secret="s3cret"))
        subscribe(ledger, make_subscription(secret=None, options={}))
        with_options = subscribe(ledger, make_subscription(secret=None, options={"key": 1}))
        deleted = subscribe(ledger, make_subscription(secret="s3cret"))
        set_status(ledger, deleted, DELETED)

        def kept(after: int, limit: int) -> list[KeptSecret]:
            return list(
                ledger.read(lambda view: view.subscriptions.kept_secrets(after=after, limit=limit))
            )

        everything = [
            KeptSecret(subscription_id=one, key=KeyAge.NEWEST)
            for one in (signed, with_options, deleted)
        ]
        assert kept(0, 10) == everything
        assert kept(0, 2) == everything[:2]
        assert kept(with_options, 2) == everything[2:]

    def test_what_the_newest_key_encrypted_is_not_renewed(self, ledger: Ledger) -> None:
        number = subscribe(ledger, make_subscription(secret="s3cret", options={"key": 1}))
        before = ledger.read(lambda view: view.subscriptions.get(number))
        epoch = ledger.run(lambda tx: tx.subscriptions.epoch())

        assert ledger.run(lambda tx: tx.subscriptions.renew_secrets([number, number + 1])) == set()

        assert ledger.read(lambda view: view.subscriptions.get(number)) == before
        assert ledger.run(lambda tx: tx.subscriptions.epoch()) == epoch

    def test_a_subscription_comes_back_as_it_was(self, ledger: Ledger) -> None:
        new = make_subscription(
            event_name="Sales.order_created",
            sink="recording",
            target="memory:zürich",
            secret="whsec_ž",
            tenant="t",
            retry=RetryPolicy(maximum_deaths=0, schedule=(0.5, 2.0), jitter=0.25),
            options={"headers": {"x": "ž"}, "batch": [1, 2.5, None, True]},
            status=DISABLED,
        )
        before = now(ledger)

        number = subscribe(ledger, new)

        found = ledger.read(lambda view: view.subscriptions.get(number))
        assert found is not None
        assert found.id == number
        assert (found.event_name, found.sink, found.target) == (
            "Sales.order_created",
            "recording",
            "memory:zürich",
        )
        assert (found.secret, found.tenant, found.retry) == ("whsec_ž", "t", new.retry)
        assert found.options == new.options
        assert found.status is DISABLED
        assert before <= found.subscribed_at <= now(ledger)
        assert found.modified_at is None

    def test_one_that_was_made_elsewhere_says_when(self, ledger: Ledger) -> None:
        at = 1_700_000_000_000_000
        number = ledger.run(
            lambda tx: tx.subscriptions.insert(make_subscription(), subscribed_at=at)
        )
        found = ledger.read(lambda view: view.subscriptions.get(number))
        assert found is not None
        assert (found.subscribed_at, found.modified_at) == (at, None)

    @pytest.mark.parametrize("new", [DISABLED, make_subscription(target="memory:other")])
    def test_a_change_is_noted_with_its_time(
        self, ledger: Ledger, new: SubscriptionStatus | NewSubscription
    ) -> None:
        number, other = subscribe(ledger), subscribe(ledger)
        before = now(ledger)

        if isinstance(new, NewSubscription):
            _update(ledger, number, new)
        else:
            set_status(ledger, number, new)

        changed, left = ledger.read(lambda view: view.subscriptions.all())
        assert changed.modified_at is not None
        assert before <= changed.modified_at <= now(ledger)
        assert (left.id, left.modified_at) == (other, None)
        first, second = ledger.read(lambda view: view.subscriptions.summaries())
        assert (first.modified_at, second.modified_at) == (changed.modified_at, None)

    def test_defaults_come_back_as_defaults(self, ledger: Ledger) -> None:
        subscribe(ledger)

        (found,) = ledger.run(lambda tx: tx.subscriptions.all())

        assert (found.secret, found.tenant, dict(found.options)) == (None, None, {})
        assert found.retry == RetryPolicy()
        assert found.status is ENABLED

    def test_ids_count_from_one(self, ledger: Ledger) -> None:
        assert [subscribe(ledger), subscribe(ledger)] == [1, 2]

    def test_a_reader_cannot_change_what_is_stored(self, ledger: Ledger) -> None:
        options: dict[str, object] = {"headers": {"x": "1"}}
        subscribe(ledger, make_subscription(options=options))

        cast("dict[str, str]", options["headers"])["x"] = "2"
        (found,) = ledger.run(lambda tx: tx.subscriptions.all())
        cast("dict[str, str]", found.options["headers"])["x"] = "3"

        (found,) = ledger.run(lambda tx: tx.subscriptions.all())
        assert found.options == {"headers": {"x": "1"}}

    def test_listed_by_id_without_deleted_ones(self, ledger: Ledger) -> None:
        first, second, third = (subscribe(ledger) for _ in range(3))
        set_status(ledger, first, DISABLED)
        set_status(ledger, second, DELETED)

        in_transaction = ledger.run(lambda tx: tx.subscriptions.all())
        for_people = ledger.read(lambda view: view.subscriptions.all())

        assert [(one.id, one.status) for one in in_transaction] == [
            (first, DISABLED),
            (third, ENABLED),
        ]
        assert list(for_people) == list(in_transaction)

    def test_a_deleted_one_can_be_looked_up(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        set_status(ledger, number, DELETED)

        found = ledger.read(lambda view: view.subscriptions.get(number))

        assert found is not None
        assert found.status is DELETED
        assert ledger.run(lambda tx: tx.subscriptions.status(number)) is DELETED

    def test_an_unknown_one_has_no_status(self, ledger: Ledger) -> None:
        assert ledger.run(lambda tx: tx.subscriptions.status(99)) is None
        assert ledger.read(lambda view: view.subscriptions.get(99)) is None

    def test_deleted_is_final(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        set_status(ledger, number, DELETED)

        set_status(ledger, number, ENABLED)

        assert ledger.run(lambda tx: tx.subscriptions.status(number)) is DELETED

    def test_several_change_at_once(self, ledger: Ledger) -> None:
        numbers = [subscribe(ledger) for _ in range(3)]

        ledger.run(lambda tx: tx.subscriptions.set_status(numbers[:2], DISABLED))

        statuses = ledger.run(lambda tx: [tx.subscriptions.status(one) for one in numbers])
        assert statuses == [DISABLED, DISABLED, ENABLED]

    def test_an_update_sets_everything(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        made = ledger.read(lambda view: view.subscriptions.get(number))
        assert made is not None
        epoch = _epoch(ledger)
        new = make_subscription(
            event_name="b",
            sink="other",
            target="memory:b",
            secret="whsec_ž",
            tenant="t",
            retry=RetryPolicy(maximum_deaths=0, schedule=(0.5,), jitter=0.25),
            rate_limit=2.5,
            options={"x": [1]},
            status=DISABLED,
        )

        ledger.run(lambda tx: tx.subscriptions.update(number, new))

        found = ledger.run(lambda tx: tx.subscriptions.lock_one(number))
        assert found is not None
        assert found.as_new() == new
        assert (found.id, found.subscribed_at) == (number, made.subscribed_at)
        (changed,) = ledger.run(lambda tx: tx.subscriptions.changed(since=epoch))
        assert changed == found

    def test_an_update_holds_as_a_change_of_status_does(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        for new in (make_subscription(status=DISABLED), make_subscription(status=ENABLED)):
            _update(ledger, number, new)

        assert ledger.run(lambda tx: list(tx.subscriptions.holding())) == [number]

    def test_a_deleted_one_is_not_updated(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        set_status(ledger, number, DELETED)

        ledger.run(lambda tx: tx.subscriptions.update(number, make_subscription(target="memory:b")))

        found = ledger.run(lambda tx: tx.subscriptions.lock_one(number))
        assert found is not None
        assert (found.status, found.target) == (DELETED, "memory:orders")
        assert ledger.run(lambda tx: tx.subscriptions.lock_one(99)) is None

    def test_the_first_by_id_of_all_or_of_tenants(self, ledger: Ledger) -> None:
        ids = [
            subscribe(ledger, make_subscription(tenant=tenant)) for tenant in (None, "a", "b", "c")
        ]
        set_status(ledger, ids[2], SubscriptionStatus.DELETED)

        def first(limit: int, *, of_tenants: bool = False) -> list[int]:
            found = ledger.read(
                lambda view: view.subscriptions.first(limit=limit, of_tenants=of_tenants)
            )
            assert list(found) == [
                one for one in ledger.read(lambda view: view.subscriptions.all()) if one in found
            ]
            return [one.id for one in found]

        assert first(2) == ids[:2]
        assert first(9) == [ids[0], ids[1], ids[3]]
        assert first(1, of_tenants=True) == [ids[1]]
        assert first(9, of_tenants=True) == [ids[1], ids[3]]

    def test_summaries(self, ledger: Ledger) -> None:
        subscribe(ledger, make_subscription(tenant="t", secret="x", status=DISABLED))
        set_status(ledger, subscribe(ledger), DELETED)

        (found,) = ledger.read(lambda view: view.subscriptions.summaries())
        (whole,) = ledger.read(lambda view: view.subscriptions.all())

        assert found == SubscriptionSummary(
            id=whole.id,
            event_name=whole.event_name,
            sink=whole.sink,
            target=whole.target,
            tenant="t",
            status=DISABLED,
            subscribed_at=whole.subscribed_at,
            modified_at=whole.modified_at,
        )

    # -- epoch ------------------------------------------------------------------------------

    def test_each_change_moves_the_epoch(self, ledger: Ledger) -> None:
        epochs = [_epoch(ledger)]
        number = subscribe(ledger)
        epochs.append(_epoch(ledger))
        for status in (DISABLED, ENABLED, DELETED):
            set_status(ledger, number, status)
            epochs.append(_epoch(ledger))

        assert epochs == sorted(set(epochs))

    def test_what_changed_since_an_epoch(self, ledger: Ledger) -> None:
        def changed(since: int) -> dict[int, SubscriptionStatus]:
            found = ledger.run(lambda tx: tx.subscriptions.changed(since=since))
            return {one.id: one.status for one in found}

        first, second = subscribe(ledger), subscribe(ledger)
        epoch = _epoch(ledger)
        assert changed(epoch) == {}
        third = subscribe(ledger)
        set_status(ledger, first, DISABLED)
        assert changed(epoch) == {first: DISABLED, third: ENABLED}
        later = _epoch(ledger)
        set_status(ledger, first, DELETED)
        assert changed(later) == {first: DELETED}
        assert changed(0) == {first: DELETED, second: ENABLED, third: ENABLED}

    def test_a_transaction_sees_its_own_epoch(self, ledger: Ledger) -> None:
        def work(tx: LedgerTransaction) -> tuple[int, int]:
            before = tx.subscriptions.epoch()
            tx.subscriptions.insert(make_subscription())
            return before, tx.subscriptions.epoch()

        before, after = ledger.run(work)

        assert after > before
        assert _epoch(ledger) == after

    # -- holding ----------------------------------------------------------------------------

    def test_an_enabled_one_that_was_disabled_is_holding(self, ledger: Ledger) -> None:
        first, second, _ = (subscribe(ledger) for _ in range(3))
        set_status(ledger, first, DISABLED)
        set_status(ledger, second, DISABLED)
        while_disabled = ledger.run(lambda tx: list(tx.subscriptions.holding()))

        set_status(ledger, first, ENABLED)

        assert while_disabled == []
        assert ledger.run(lambda tx: list(tx.subscriptions.holding())) == [first]

    def test_stop_holding(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        set_status(ledger, number, DISABLED)
        set_status(ledger, number, ENABLED)
        epoch = _epoch(ledger)

        ledger.run(lambda tx: tx.subscriptions.stop_holding(number))

        assert ledger.run(lambda tx: list(tx.subscriptions.holding())) == []
        assert _epoch(ledger) == epoch

    def test_a_deleted_one_is_not_holding(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        set_status(ledger, number, DISABLED)
        set_status(ledger, number, DELETED)

        assert ledger.run(lambda tx: list(tx.subscriptions.holding())) == []

    def test_still_disabled(self, ledger: Ledger) -> None:
        enabled, disabled, deleted = (subscribe(ledger) for _ in range(3))
        set_status(ledger, disabled, DISABLED)
        set_status(ledger, deleted, DELETED)

        found = ledger.run(
            lambda tx: tx.subscriptions.still_disabled([enabled, disabled, deleted, 99])
        )

        assert found == {disabled}

    # -- how recipients fare ----------------------------------------------------------------

    def test_streaks_are_kept_and_forgotten_with_a_change(self, ledger: Ledger) -> None:
        number, other = subscribe(ledger), subscribe(ledger)
        streak = Streak(failures=3, since=5, error="HTTP 500", warned_at=7)
        epoch = ledger.run(lambda tx: tx.subscriptions.epoch())
        ledger.run(lambda tx: tx.subscriptions.set_streaks({number: streak}))

        found = ledger.run(lambda tx: tx.subscriptions.lock_streaks([number, other, 999]))
        assert {one: kept.streak for one, kept in found.items()} == {
            number: streak,
            other: Streak(),
        }
        assert ledger.run(lambda tx: tx.subscriptions.epoch()) == epoch
        assert ledger.read(lambda view: view.subscriptions.failing()) == {number}
        assert ledger.read(lambda view: view.subscriptions.totals()) == SubscriptionTotals(warned=1)
        assert ledger.read(lambda view: view.subscriptions.get(number)).streak == streak

        ledger.run(lambda tx: tx.subscriptions.set_status([number], SubscriptionStatus.DISABLED))
        assert ledger.read(lambda view: view.subscriptions.failing()) == set()
        assert ledger.read(lambda view: view.subscriptions.get(number)).streak == Streak()

    def test_a_streak_of_what_is_disabled_counts_nowhere(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        disabled = SubscriptionStatus.DISABLED
        ledger.run(lambda tx: tx.subscriptions.set_status([number], disabled))
        streak = Streak(failures=1, since=5, warned_at=7)
        ledger.run(lambda tx: tx.subscriptions.set_streaks({number: streak}))
        assert ledger.read(lambda view: view.subscriptions.failing()) == set()
        assert ledger.read(lambda view: view.subscriptions.totals()) == SubscriptionTotals()

    def test_what_filters_do_is_added_up_until_a_change(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        for error in ("one", None, "two", None):
            counts = {number: FilterCounts(filtered=2, failed=1, error=error), 999: FilterCounts()}
            written = ledger.run(
                lambda tx, counts=counts: tx.subscriptions.add_filter_counts(counts)
            )
            assert written == {number}
        kept = ledger.read(lambda view: view.subscriptions.get(number))
        assert kept.filter_counts == FilterCounts(filtered=8, failed=4, error="two")
        totals = SubscriptionTotals(filtered=8, filter_failed=4)
        assert ledger.read(lambda view: view.subscriptions.totals()) == totals
        ledger.run(lambda tx: tx.subscriptions.update(number, kept.as_new()))
        kept = ledger.read(lambda view: view.subscriptions.get(number))
        assert kept.filter_counts == FilterCounts()

    def test_everything_of_a_subscription_is_kept(self, ledger: Ledger) -> None:
        wanted = evolve(
            make_subscription(event_name="a.*, " + ", ".join(f"b{n}.**" for n in range(90))),
            secret="one",
            older_secrets=(OlderSecret(secret="two", until=5), OlderSecret(secret="three")),
            granted=frozenset({"x", "y"}),
            filter=[{"exact": {"type": "\u00e4"}}],
            failure=FailurePolicy(warn_failures=1, disable_after=2.5),
        )
        number = ledger.run(lambda tx: tx.subscriptions.insert(wanted))
        kept = ledger.read(lambda view: view.subscriptions.get(number))
        assert kept.as_new() == wanted

    def test_those_that_match_are_returned_whole_and_in_pages(self, ledger: Ledger) -> None:
        numbers = [subscribe(ledger) for _ in range(4)]
        deleted, target = numbers.pop(1), make_subscription().target
        ledger.run(lambda tx: tx.subscriptions.set_status([deleted], SubscriptionStatus.DELETED))
        wanted = SubscriptionFilter(target=target)

        def page(after: int, limit: int = 2) -> list[int]:
            found = ledger.read(
                lambda view: view.subscriptions.matching(wanted, after=after, limit=limit)
            )
            whole = [ledger.read(lambda view, n=n: view.subscriptions.get(n.id)) for n in found]
            assert found == whole
            return [one.id for one in found]

        assert page(0) == numbers[:2]
        assert page(numbers[1]) == numbers[2:]
        assert page(numbers[2]) == []
        nothing = SubscriptionFilter(target=target, tenant="nobody")
        assert not ledger.read(lambda view: view.subscriptions.matching(nothing, after=0, limit=9))

    def test_patterns_with_a_part(self, ledger: Ledger) -> None:
        for name in ("asyncevents.**", "asyncevents.**", "order.%", "order._", "order.*"):
            ledger.run(
                lambda tx, name=name: tx.subscriptions.insert(make_subscription(event_name=name))
            )
        off = evolve(
            make_subscription(event_name="asyncevents.x"), status=SubscriptionStatus.DISABLED
        )
        ledger.run(lambda tx: tx.subscriptions.insert(off))
        found = ledger.read(lambda view: view.subscriptions.patterns_with("asyncevents."))
        assert list(found) == ["asyncevents.**"]
        assert list(ledger.read(lambda view: view.subscriptions.patterns_with("r.%"))) == [
            "order.%"
        ]


def _update(ledger: Ledger, number: int, new: NewSubscription) -> None:
    ledger.run(lambda tx: tx.subscriptions.update(number, new))


def _epoch(ledger: Ledger) -> int:
    return ledger.run(lambda tx: tx.subscriptions.epoch())
