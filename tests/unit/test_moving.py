"""Subscriptions of mageos-async-events are taken over: each once, as it was."""

from __future__ import annotations

import pytest
from attrs import evolve

from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.original import OriginalSubscription, UnreadableRow
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.managing import moving
from asyncevents_core.engine.managing.moving import Result, carry_out, only_one, plan_move
from asyncevents_core.engine.managing.subscriptions import Checked, set_status
from asyncevents_core.errors import InvalidTarget, LedgerError, UnknownName
from asyncevents_core.ports.observer import Observers

BY = Actor(who="cli:anna", resources=frozenset({"manage", "sales"}))
DEFINITIONS = EventCatalog(
    [
        EventDefinition(name="order.created", resources=("sales",)),
        EventDefinition(name="order.secret", resources=("board",)),
    ]
)
SIGNING = {"http"}


def check(wanted):
    if wanted.sink not in {"http", "sqs", "eventbridge"}:
        raise UnknownName(f"no sink {wanted.sink!r}")
    if not wanted.target.startswith("https://"):
        raise InvalidTarget(f"{wanted.target!r} is no URL")
    if wanted.sink in SIGNING and wanted.secret is None:
        wanted = evolve(wanted, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    return Checked(wanted)


def row(number=7, **fields):
    plain = {
        "where": f"dump.sql:{number}",
        "number": number,
        "event_name": "order.created",
        "target": f"https://example.com/{number}",
        "metadata": "http",
        "secret": f"token {number}",
    }
    return OriginalSubscription(**{**plain, **fields})


def unread(number=7, **fields):
    return row(number, secret=None, unread="no key", **fields)


def plan(ledger, *rows, **how):
    return plan_move(ledger, DEFINITIONS, rows, check=check, by=BY, **how)


def take_over(ledger, *rows, progress=lambda *_: None, observers=None, **how):
    with only_one(ledger) as right:
        found = plan(ledger, *rows, **how)
        more = {} if observers is None else {"observers": observers}
        return carry_out(ledger, found, right=right, by=BY, progress=progress, **more)


def kept(ledger):
    return ledger.read(lambda view: view.subscriptions.all())


def results(found):
    return [one.result for one in found]


def test_a_subscription_is_kept_as_it_was(ledger):
    at = 1_700_000_000_000_000
    (made,) = take_over(ledger, row(tenant="2", enabled=False, subscribed_at=at))
    (one,) = kept(ledger)
    assert (made.result, made.subscription_id, made.number) == (Result.MADE, one.id, 7)
    assert (one.event_name, one.sink, one.target) == (
        "order.created",
        "http",
        "https://example.com/7",
    )
    assert (one.secret, one.tenant, one.subscribed_at) == ("token 7", "2", at)
    assert one.status is SubscriptionStatus.DISABLED
    assert one.options == {"magento_signature": True, "content_type": "application/json"}
    assert made.shown_secret is None
    (entry,) = ledger.read(lambda view: view.access.audit(limit=10, before=None))
    assert (entry.action, entry.who) == ("subscription.create", "cli:anna")
    assert entry.details["original_id"] == 7
    assert "token" not in str(entry.details)


def test_a_plan_changes_nothing(ledger):
    (one,) = plan(ledger, row())
    assert (one.result, one.subscription_id) == (Result.NEW, None)
    assert kept(ledger) == []
    assert "token 7" not in repr(one)


def test_nothing_is_made_twice(ledger):
    rows = [row(number) for number in range(5)]
    first = take_over(ledger, *rows)
    second = take_over(ledger, *rows)
    assert set(results(first)) == {Result.MADE}
    assert set(results(second)) == {Result.THERE}
    assert [one.subscription_id for one in first] == [one.subscription_id for one in second]
    assert len(kept(ledger)) == 5
    assert results(take_over(ledger, *rows, row(9))) == [Result.THERE] * 5 + [Result.MADE]


def test_where_the_original_has_several_of_the_same_so_many_are_made(ledger):
    twins = [row(number, target="https://example.com/") for number in (1, 2, 3)]
    take_over(ledger, twins[1])
    found = take_over(ledger, *twins)
    # The one with the same secret is the one that is there.
    assert results(found) == [Result.MADE, Result.THERE, Result.MADE]
    assert sorted(one.secret for one in kept(ledger)) == ["token 1", "token 2", "token 3"]
    assert set(results(take_over(ledger, *twins))) == {Result.THERE}
    without_key = [unread(one.number, target=one.target) for one in twins]
    assert set(results(take_over(ledger, *without_key))) == {Result.THERE}
    assert len(kept(ledger)) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"event_name": "order.secret"},
        {"target": "https://example.com/other"},
        {"metadata": "sqs"},
        {"tenant": "2"},
    ],
)
def test_what_differs_in_what_it_is_known_by_is_another_one(ledger, other):
    take_over(ledger, row())
    by = evolve(BY, resources=frozenset({"manage", "sales", "board"}))
    (one,) = plan_move(ledger, DEFINITIONS, [row(**other)], check=check, by=by)
    assert one.result is Result.NEW


def test_what_is_there_is_left_alone_and_its_differences_are_said(ledger):
    (made,) = take_over(ledger, row())
    set_status(ledger, [made.subscription_id], SubscriptionStatus.DISABLED, by=BY)
    (one,) = take_over(ledger, row(secret="another"))
    assert one.result is Result.THERE
    assert one.detail == "disabled here, enabled there; with another secret"
    (same,) = kept(ledger)
    assert (same.secret, same.status) == ("token 7", SubscriptionStatus.DISABLED)
    set_status(ledger, [made.subscription_id], SubscriptionStatus.ENABLED, by=BY)
    assert plan(ledger, row(enabled=False))[0].detail == "enabled here, disabled there"
    assert plan(ledger, row())[0].detail == ""


def test_what_was_deleted_here_is_made_again(ledger):
    (made,) = take_over(ledger, row())
    set_status(ledger, [made.subscription_id], SubscriptionStatus.DELETED, by=BY)
    (again,) = take_over(ledger, row())
    assert again.result is Result.MADE
    assert again.subscription_id != made.subscription_id


def test_names_of_events_are_found_as_by_the_originals_database(ledger):
    take_over(ledger, row(event_name="Order.Created"))
    assert [one.event_name for one in kept(ledger)] == ["order.created"]
    assert results(plan(ledger, row())) == [Result.THERE]


def test_notifiers_are_sinks(ledger):
    found = take_over(
        ledger,
        unread(1, metadata="sqs"),
        unread(2, metadata="event_bridge"),
        row(3, metadata="workflow"),
        row(4, metadata="mine"),
        sinks={"mine": "http"},
    )
    assert [one.sink for one in found] == ["sqs", "eventbridge", "workflow", "http"]
    assert results(found) == [Result.MADE, Result.MADE, Result.REFUSED, Result.MADE]
    assert found[2].detail == "no sink 'workflow'"
    # One that does not sign needs no token.
    assert [one.secret for one in kept(ledger)] == [None, None, "token 4"]
    assert [bool(one.options) for one in kept(ledger)] == [False, False, True]


def test_without_its_token_a_row_is_refused_or_gets_a_new_secret(ledger):
    (one,) = take_over(ledger, unread())
    assert (one.result, one.detail, one.shown_secret) == (Result.REFUSED, "no key", None)
    assert kept(ledger) == []
    (one,) = plan(ledger, unread(), new_secrets=True)
    assert (one.result, one.detail, one.shown_secret) == (Result.NEW, "with a new secret", None)
    (one,) = take_over(ledger, unread(), new_secrets=True)
    assert one.shown_secret == kept(ledger)[0].secret
    (one,) = take_over(ledger, unread(), new_secrets=True)
    assert (one.result, one.shown_secret) == (Result.THERE, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_name": "order.unknown"}, "unknown event 'order.unknown'"),
        ({"event_name": "order.secret"}, "board"),
        ({"target": "ftp://x"}, "'ftp://x' is no URL"),
        ({"target": ""}, "target must have 1 to 2048 characters"),
        ({"secret": "whsec_!"}, "a secret that starts with whsec_ must go on in base64"),
        ({"secret": "x" * 5000}, "secret must have 1 to 4096 characters"),
    ],
)
def test_what_cannot_be_taken_over_says_why_and_the_others_go_on(ledger, fields, reason):
    bad, good = take_over(ledger, row(**fields), row(8))
    assert (bad.result, good.result) == (Result.REFUSED, Result.MADE)
    assert reason in bad.detail


def test_a_row_that_cannot_be_read_is_refused(ledger):
    (one,) = take_over(ledger, UnreadableRow(where="d.csv:3", number=4, reason="status: no"))
    assert (one.result, one.where, one.number, one.detail) == (
        Result.REFUSED,
        "d.csv:3",
        4,
        "status: no",
    )


def test_a_subscription_waits_for_its_event(ledger):
    coming = [EventDefinition(name="order.paid", resources=("sales",))]
    waits, new = take_over(ledger, row(1, event_name="order.paid"), row(2), coming=coming)
    assert (waits.result, new.result) == (Result.WAITS, Result.MADE)
    assert "EVENT_MODULES" in waits.detail
    # It would be refused for another reason: that comes first.
    assert results(plan(ledger, row(event_name="order.paid", target="x"), coming=coming)) == [
        Result.REFUSED
    ]


def test_none_of_them_delivers_yet_where_one_says_so(ledger):
    take_over(ledger, row(1), row(2, enabled=False), disabled=True)
    assert {one.status for one in kept(ledger)} == {SubscriptionStatus.DISABLED}


def test_batches_are_transactions_and_the_next_run_goes_on(ledger, monkeypatch):
    monkeypatch.setattr(moving, "AT_ONCE", 3)
    rows = [row(number) for number in range(10)]
    heard = []

    def progress(done, total):
        heard.append((done, total))
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_over(ledger, *rows, progress=progress)
    assert heard == [(3, 10), (6, 10)]
    assert len(kept(ledger)) == 6
    found = take_over(ledger, *rows)
    assert results(found) == [Result.THERE] * 6 + [Result.MADE] * 4
    assert len(kept(ledger)) == 10


def test_what_a_batch_has_made_is_told_at_once(ledger, monkeypatch):
    monkeypatch.setattr(moving, "AT_ONCE", 2)
    heard = []
    with only_one(ledger) as right:
        found = plan(ledger, row(1), row(2, target="x"), row(3), unread(4), row(5))
        carry_out(ledger, found, right=right, by=BY, committed=heard.append)
    assert [[one.number for one in batch] for batch in heard] == [[1, 3], [5]]
    assert all(one.result is Result.MADE for batch in heard for one in batch)


def test_a_batch_that_fails_leaves_nothing_of_itself(ledger, monkeypatch):
    monkeypatch.setattr(moving, "AT_ONCE", 3)
    insert, calls = moving.insert_audited, []

    def failing(*args, **kwargs):
        calls.append(1)
        if len(calls) == 5:
            raise LedgerError("no")
        return insert(*args, **kwargs)

    monkeypatch.setattr(moving, "insert_audited", failing)
    with pytest.raises(LedgerError):
        take_over(ledger, *(row(number) for number in range(6)))
    assert len(kept(ledger)) == 3


def test_only_one_process_does_it_at_a_time(ledger):
    with only_one(ledger), pytest.raises(LedgerError, match="another import-mageos is running"):
        only_one(ledger)
    assert results(take_over(ledger, row())) == [Result.MADE]


def test_who_lost_the_right_goes_no_further(ledger, monkeypatch):
    with only_one(ledger) as right:
        found = plan(ledger, row())
        right._lost.set()
        with pytest.raises(LedgerError, match="run it again"):
            carry_out(ledger, found, right=right, by=BY)
    assert kept(ledger) == []


def test_observers_hear_of_each(ledger):
    class Heard(Observers):
        def __init__(self):
            self.found = []

        def tell(self, what):
            self.found.append(what)

    heard = Heard()
    take_over(ledger, row(1), row(2, enabled=False), row(3, target="x"), observers=heard)
    assert [(one.subscription_id, one.status.value) for one in heard.found] == [
        (1, "enabled"),
        (2, "disabled"),
    ]
