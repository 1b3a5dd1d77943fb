"""Filters decide at the fan-out, once per event; what they do is counted and can be tried."""

from __future__ import annotations

import pytest
from attrs import evolve

from asyncevents_core.adapters.filters import Filters
from asyncevents_core.domain.event_pattern import read_pattern
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.subscription import FilterCounts, NewSubscription, Subscription
from asyncevents_core.engine.delivering import events as fan_out
from asyncevents_core.engine.delivering.leases import Claimant, Resolved
from asyncevents_core.engine.delivering.sinks import refusal
from asyncevents_core.engine.managing import filter_trials
from asyncevents_core.engine.managing.filter_trials import (
    TrialVerdict,
    checked_filter,
    try_filter,
)
from asyncevents_core.errors import InvalidFilter, MissingExtra
from asyncevents_core.ports.filters import FilterCompiler
from tests.unit.harness import resolved

LARGE = "data.total:[100 TO *]"
OF_ACME = [{"exact": {"tenant": "acme"}}]
BROKEN = [{"sql": "1 / (LENGTH(tenant) - 4) > 0"}]
"""It fails on an event of a tenant with four characters, such as acme."""


@pytest.fixture
def harness(harness):
    harness.claimant = Claimant(
        owner=harness.owner,
        policy=harness.policy,
        definitions=harness.definitions,
        filters=Filters(),
    )
    return harness


def subscribe(harness, filter, **more):
    wanted = NewSubscription(
        event_name="order.*", sink="recording", target="t", filter=filter, **more
    )
    return harness.ledger.run(lambda tx: tx.subscriptions.insert(wanted))


def receivers(leases):
    return {one.subscription.id for one in leases}


def test_an_event_goes_to_those_whose_filter_lets_it_pass(harness):
    everything = subscribe(harness, None)
    large, acme = subscribe(harness, LARGE), subscribe(harness, OF_ACME)

    def reached(data, tenant=None):
        event_id = harness.publish(data=data, tenant=tenant)
        return receivers(harness.claim(event_id).leases)

    assert reached({"total": 150}) == {everything, large}
    assert reached({"total": 50}) == {everything}
    assert reached({"total": "250"}, "acme") == {everything, large, acme}
    assert reached({"total": None}, "zenith") == {everything}


def test_one_that_nobody_wants_is_over(harness):
    subscribe(harness, LARGE)
    event_id = harness.publish(data={"total": 1})
    assert harness.claim(event_id).leases == ()
    assert harness.event(event_id).state.value == "fanned_out"
    assert harness.traces(event_id) == []
    assert harness.sweep_now().events == 0


def test_what_a_service_returns_is_filtered(harness):
    large = subscribe(harness, LARGE)
    for total, expected in ((150, {large}), (50, set())):
        event_id = harness.publish("order.loaded")
        (resolving,) = harness.claim(event_id).resolving
        claimed = harness.fan_out(resolved(resolving, {"total": total}))
        assert receivers(claimed.leases) == expected


def test_large_fan_outs_are_filtered(harness, monkeypatch):
    monkeypatch.setattr(fan_out, "CHUNK", 2)
    large = [subscribe(harness, LARGE) for _ in range(3)]
    everything = [subscribe(harness, None) for _ in range(2)]
    for total, expected in ((150, {*large, *everything}), (50, {*everything})):
        event_id = harness.publish(data={"total": total})
        (resolving,) = harness.claim(event_id).resolving
        done = Resolved(resolving=resolving)
        chunks = harness.chunks(resolving.event)
        for number, chunk in enumerate(chunks, start=1):
            assert harness.fan_out_chunk(done, chunk, last=number == len(chunks))
        found = {one.subscription_id for one in harness.traces(event_id)
                 for one in [one.delivery]}  # fmt: skip
        assert found == expected


def test_a_changed_filter_holds_from_the_next_event_on(harness):
    number = subscribe(harness, LARGE)
    event_id = harness.publish(data={"total": 50})
    assert not harness.claim(event_id).leases

    def change(tx):
        kept = tx.subscriptions.lock_one(number)
        tx.subscriptions.update(number, evolve(kept.as_new(), filter="data.total:50"))

    harness.ledger.run(change)
    event_id = harness.publish(data={"total": 50})
    assert receivers(harness.claim(event_id).leases) == {number}
    harness.ledger.run(
        lambda tx: tx.subscriptions.update(
            number, evolve(tx.subscriptions.lock_one(number).as_new(), filter=None)
        )
    )
    event_id = harness.publish(data={"total": 1})
    assert receivers(harness.claim(event_id).leases) == {number}
    assert not harness.claimant.content.any


def test_the_payload_is_read_once_for_all_filters(harness, monkeypatch):
    for _ in range(5):
        subscribe(harness, LARGE)
    reads = []
    usual = EventView._read
    monkeypatch.setattr(EventView, "_read", lambda self: reads.append(1) or usual(self))
    event_id = harness.publish(data={"total": 150})
    assert len(harness.claim(event_id).leases) == 5
    assert len(reads) == 1


def test_what_filters_do_is_counted(harness):
    large, broken = subscribe(harness, LARGE), subscribe(harness, BROKEN)
    for total, tenant in ((50, None), (150, "acme"), (70, "acme")):
        harness.claim(harness.publish(data={"total": total}, tenant=tenant))
    counts = harness.claimant.content.take_counts()
    assert counts[large] == FilterCounts(filtered=2)
    # Without a tenant, too, the expression has no value.
    assert counts[broken].failed == 3
    assert counts[broken].error
    assert not harness.claimant.content.take_counts()
    written = harness.ledger.run(lambda tx: tx.subscriptions.add_filter_counts(counts))
    assert written == {large, broken}
    harness.ledger.run(lambda tx: tx.subscriptions.add_filter_counts(counts))

    def kept(number) -> Subscription:
        return harness.ledger.read(lambda view: view.subscriptions.get(number))

    assert kept(large).filter_counts == FilterCounts(filtered=4)
    assert kept(broken).filter_counts == FilterCounts(failed=6, error=counts[broken].error)
    harness.ledger.run(lambda tx: tx.subscriptions.update(large, kept(large).as_new()))
    assert kept(large).filter_counts == FilterCounts()


def test_counts_that_cannot_be_written_are_kept(harness):
    number = subscribe(harness, LARGE)
    content = harness.claimant.content
    harness.claim(harness.publish(data={"total": 1}))
    content.put_back(content.take_counts())
    harness.claim(harness.publish(data={"total": 2}))
    assert content.take_counts()[number] == FilterCounts(filtered=2)


class Missing(FilterCompiler):
    """Knows no filters: an extra is missing."""

    def compile(self, source):
        raise MissingExtra("a filter that is a query", extra="search")

    def doubts(self, source):
        return ()


@pytest.mark.parametrize("compiler", [None, Missing()])
def test_nothing_is_lost_where_filters_are_not_known(harness, compiler):
    """The delivery waits for a worker that knows them: its attempts fail here, and say why."""
    number = subscribe(harness, LARGE)
    harness.claimant = evolve(harness.claimant, filters=compiler)
    harness.__attrs_post_init__() if compiler is None else None
    event_id = harness.publish(data={"total": 1})
    (lease,) = harness.claim(event_id).leases
    assert lease.subscription.id == number
    outcome = refusal(lease)
    assert outcome is not None
    assert "its filter cannot be used" in outcome.detail


def test_a_filter_with_a_bug_lets_nothing_pass_and_is_logged(harness, caplog):
    class Bug(FilterCompiler):
        def compile(self, source):
            class Filter:
                def lets_pass(self, event):
                    raise ZeroDivisionError

            return Filter()

        def doubts(self, source):
            return ()

    number = subscribe(harness, LARGE)
    harness.claimant = Claimant(
        owner=harness.owner, policy=harness.policy, definitions=harness.definitions, filters=Bug()
    )
    assert not harness.claim(harness.publish()).leases
    assert "a filter failed" in caplog.text
    assert harness.claimant.content.take_counts()[number].failed == 1


@pytest.mark.parametrize(
    ("filter", "complaint"),
    [
        ("data.total:[", "position"),
        ("status:success", "belongs to an attempt"),
        ("data.a:1 and data.b:2", "AND"),
        ([{"nothing": {}}], "there is no filter"),
        ([{"sql": "1 +"}], "sql"),
        (5, "must be a query"),
        ("x" * 10_000, "at most"),
    ],
)
def test_what_is_no_filter(filter, complaint):
    with pytest.raises(InvalidFilter, match=complaint):
        checked_filter(Filters(), filter)


def test_a_filter_is_kept_in_one_form():
    one = {"exact": {"type": "a"}}
    assert checked_filter(Filters(), one) == [one]
    assert checked_filter(Filters(), LARGE) == LARGE


class TestTrials:
    """A filter is tried on what was published last."""

    def try_it(self, harness, filter, pattern="order.*", tenant=None):
        found = try_filter(harness.ledger, Filters(), read_pattern(pattern), filter, tenant=tenant)
        return [(one.event_id, one.verdict) for one in found.events]

    def test_each_event_and_what_it_says_of_it(self, harness):
        small, large = (harness.publish(data={"total": total}) for total in (50, 150))
        waiting = harness.publish("order.loaded", data={"total": 1000})
        assert self.try_it(harness, LARGE) == [
            (large, TrialVerdict.PASSES),
            (small, TrialVerdict.FILTERED),
        ]
        assert waiting not in {one for one, _ in self.try_it(harness, LARGE)}

    def test_why_it_fails(self, harness):
        harness.publish(tenant="acme")
        found = try_filter(harness.ledger, Filters(), read_pattern("order.*"), BROKEN)
        assert found.count(TrialVerdict.FAILED) == 1
        assert found.reason

    def test_of_a_tenant_those_that_it_receives(self, harness):
        everybodys, own = harness.publish(), harness.publish(tenant="acme")
        harness.publish(tenant="zenith")
        found = [one for one, _ in self.try_it(harness, "*:*", tenant="acme")]
        assert found == [own, everybodys]

    def test_the_latest_of_many(self, harness, monkeypatch):
        monkeypatch.setattr(filter_trials, "_PAGE", 3)
        monkeypatch.setattr(filter_trials, "MOST", 5)
        ids = [harness.publish(data={"total": number}) for number in range(8)]
        assert [one for one, _ in self.try_it(harness, "*:*")] == ids[::-1][:5]
        assert [one for one, _ in self.try_it(harness, "*:*", "order.created")] == ids[::-1][:5]
        assert self.try_it(harness, "*:*", "invoice.*") == []

    def test_how_far_back_it_looks_is_limited(self, harness, monkeypatch):
        monkeypatch.setattr(filter_trials, "_PAGE", 2)
        monkeypatch.setattr(filter_trials, "_MOST_LOOKED_AT", 4)
        for _ in range(8):
            harness.publish(tenant="zenith")
        assert self.try_it(harness, "*:*", tenant="acme") == []
        assert len(self.try_it(harness, "*:*")) == 4

    def test_doubts_are_told(self, harness):
        found = try_filter(
            harness.ledger, Filters(), read_pattern("order.*"), "data.a:1 and data.b:2"
        )
        assert "AND" in str(found.doubts[0])
