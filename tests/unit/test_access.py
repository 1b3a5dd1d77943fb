"""Actors and their resources, tokens, overrides, idempotency keys: the engine without HTTP."""

from __future__ import annotations

import pytest
from attrs import evolve
from cryptography.fernet import Fernet

from asyncevents_core import AsyncEvents
from asyncevents_core.domain.access import ALL, Actor, Resource
from asyncevents_core.domain.allowance import SinkAllowance, tenant_allowances
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.token import new_token, read_token
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.engine.managing.configuration import set_run_time_values
from asyncevents_core.engine.managing.subscriptions import Checked, change, subscribe
from asyncevents_core.engine.managing.tokens import authenticate, bounds, create_token, revoke_token
from asyncevents_core.errors import (
    AccessDenied,
    IdempotencyConflict,
    InvalidTarget,
    InvalidValue,
    NotFound,
)
from asyncevents_core.ports.observer import NOBODY
from asyncevents_core.settings.run_time import configured, log_lifetime_days
from asyncevents_core.settings.schema import Settings
from asyncevents_core.testing.builders import make_subscription
from asyncevents_core.worker.janitor import Janitor
from tests.unit.harness import OPERATOR
from tests.unit.rerunning import RerunningLedger

DAY = 86_400


def actor(*resources, tenant=None):
    return Actor(who="somebody", resources=frozenset(resources), tenant=tenant)


@pytest.mark.parametrize(
    ("has", "may"),
    [
        ("view", {"view"}),
        ("logs", {"logs", "logs.list", "logs.trace", "logs.replay"}),
        ("logs.list", {"logs.list"}),
        ("manage", {str(one) for one in Resource}),
        (ALL, {*map(str, Resource), "sales"}),
        ("sales", {"sales"}),
    ],
)
def test_what_a_resource_implies(has, may):
    known = {*map(str, Resource), "sales"}
    assert {one for one in known if actor(has).may(one)} == may


def test_all_that_are_missing_are_named():
    with pytest.raises(AccessDenied, match="to pay you need the resources finance, sales"):
        actor("manage").require(["sales", "view", "finance"], to="pay")


# -- tokens -----------------------------------------------------------------------------------


def make(ledger, **more):
    wanted = {"name": "shop", "resources": ["view", "sales"], "tenant": None, "days": None}
    return create_token(ledger, **{**wanted, **more}, known={"sales"}, by=OPERATOR)


def test_a_token_stands_for_an_actor(ledger):
    made, text = make(ledger, tenant="7")
    found = authenticate(ledger, text, {})
    assert found == Actor(
        who=f"token shop {made.id}",
        resources=frozenset({"view", "sales"}),
        tenant="7",
        allowances=tenant_allowances("7", {}),
    )
    assert made.digest != text.encode()
    assert text not in repr(made)


def test_a_token_is_bound_to_its_tenants_sinks_and_its_own(ledger):
    own = bounds(["sqs"], ["arn:*"], ["profile:acme"], known={"http", "sqs"})
    made, text = make(ledger, tenant="acme", sinks=own)
    found = authenticate(ledger, text, {"*": {"sqs": SinkAllowance(privileges=("*",))}})
    tenant, token = found.allowances
    assert tenant.refusal("sqs", "q", ("profile:other",)) is None
    assert token.refusal("sqs", "arn:x", ("profile:acme",)) is None
    for sink, target, privilege in [
        ("http", "arn:x", "profile:acme"),
        ("sqs", "https://sqs.example/", "profile:acme"),
        ("sqs", "arn:x", "profile:other"),
    ]:
        assert token.refusal(sink, target, (privilege,))
    (listed,) = ledger.read(lambda view: view.access.tokens())
    assert listed.sinks == made.sinks == {"sqs": own["sqs"]}


def test_bounds_of_a_token():
    known = {"http", "sqs"}
    assert bounds([], [], [], known=known) is None
    assert bounds([], ["https://*"], [], known=known) == {
        "*": SinkAllowance(targets=("https://*",))
    }
    assert bounds(["http"], [], [], known=known) == {"http": SinkAllowance()}
    with pytest.raises(InvalidValue, match="did you mean 'http'"):
        bounds(["htpp"], [], [], known=known)
    with pytest.raises(InvalidValue, match="within the host"):
        bounds(["http"], ["https://a.example*"], [], known=known)


@pytest.mark.parametrize(
    "by",
    [
        Actor(who="t", resources=frozenset({ALL}), tenant="7"),
        Actor(who="t", resources=frozenset({ALL}), allowances=tenant_allowances("7", {})),
    ],
)
def test_whoever_is_bound_makes_no_token_that_is_not(ledger, by):
    with pytest.raises(AccessDenied, match="bound"):
        create_token(ledger, name="x", resources=["view"], tenant=None, days=None, known=(), by=by)


def test_tokens_expire_and_are_revoked(ledger, clock):
    made, text = make(ledger, days=2)
    assert authenticate(ledger, text, {})
    clock.advance(2 * DAY)
    assert authenticate(ledger, text, {}) is None
    made, text = make(ledger)
    revoke_token(ledger, made.id, by=OPERATOR)
    assert authenticate(ledger, text, {}) is None
    with pytest.raises(NotFound, match="token list"):
        revoke_token(ledger, made.id, by=OPERATOR)


def test_a_tokens_use_is_noted_once_a_minute(ledger, clock):
    made, text = make(ledger)

    def used_at():
        return ledger.read(lambda view: view.access.token(made.id)).used_at

    authenticate(ledger, text, {})
    first = used_at()
    clock.advance(30)
    authenticate(ledger, text, {})
    assert used_at() == first
    clock.advance(31)
    authenticate(ledger, text, {})
    assert used_at() > first


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"name": ""}, "1 to 200"),
        ({"name": "a\nb"}, "can be printed"),
        ({"resources": []}, "at least one"),
        ({"resources": ["veiw"]}, "did you mean 'view'"),
        ({"tenant": ""}, "1 to 255"),
    ],
)
def test_tokens_are_checked(ledger, wanted, text):
    with pytest.raises(InvalidValue, match=text):
        make(ledger, **wanted)
    assert not ledger.read(lambda view: view.access.tokens())


def test_tokens_are_long_and_all_different():
    made = {new_token().text for _ in range(50)}
    assert len(made) == 50
    assert all(read_token(text).text == text for text in made)
    assert all(len(text.rsplit("_", 1)[0]) >= 36 for text in made)


@pytest.mark.parametrize("text", ["", "aet_", "aet_" + "0" * 32 + "_short", "x" * 80])
def test_what_is_no_token(ledger, text):
    assert read_token(text) is None
    assert authenticate(ledger, text, {}) is None


# -- subscriptions ----------------------------------------------------------------------------


def good(subscription):
    return Checked(subscription=subscription)


def test_the_same_key_makes_one_subscription(ledger, harness):
    new = make_subscription(event_name="order.created")
    idempotency = IdempotentRequest.of("somebody", "key", b"one")

    def ask(request):
        return subscribe(
            ledger, harness.definitions, new, check=good, by=OPERATOR, idempotency=request
        )

    first, second = ask(idempotency), ask(idempotency)
    assert first == second
    assert ask(None).id != first.id
    with pytest.raises(IdempotencyConflict):
        ask(IdempotentRequest.of("somebody", "key", b"two"))


def test_a_commit_whose_fate_is_unknown_makes_one_subscription(ledger, harness):
    new = make_subscription(event_name="order.created")
    rerunning = RerunningLedger(ledger, times=2)
    subscribe(rerunning, harness.definitions, new, check=good, by=OPERATOR)
    assert len(ledger.read(lambda view: view.subscriptions.all())) == 1
    assert len(ledger.read(lambda view: view.access.audit(limit=9, before=None))) == 1


def test_an_edit_that_changes_nothing_writes_nothing(ledger, harness):
    number = harness.subscribe()
    epoch = ledger.run(lambda tx: tx.subscriptions.epoch())

    change(ledger, harness.definitions, number, lambda old: old, check=good, by=OPERATOR)

    assert ledger.run(lambda tx: tx.subscriptions.epoch()) == epoch
    assert not ledger.read(lambda view: view.access.audit(limit=9, before=None))


def test_a_change_that_is_refused_changes_nothing(ledger, harness):
    number = harness.subscribe()
    before = ledger.read(lambda view: view.subscriptions.get(number))

    def refuse(_):
        raise InvalidTarget("no")

    def edit(old):
        return evolve(old, target="other")

    with pytest.raises(InvalidTarget):
        change(ledger, harness.definitions, number, edit, check=refuse, by=OPERATOR)
    with pytest.raises(NotFound):
        change(ledger, harness.definitions, 99, edit, check=good, by=OPERATOR)
    with pytest.raises(NotFound):
        change(ledger, harness.definitions, number, edit, check=good, by=actor(ALL, tenant="7"))
    assert ledger.read(lambda view: view.subscriptions.get(number)) == before


# -- what is set at run time ------------------------------------------------------------------


def test_workers_hear_of_what_is_set(ledger):
    policy = Policy(source="/t", maximum_deaths=5)

    def hear():
        policy.run_time.refresh(ledger)
        return policy.deaths_allowed

    assert hear() == 5
    set_run_time_values(ledger, {"MAXIMUM_DEATHS": 0}, by=OPERATOR)
    assert hear() == 0
    set_run_time_values(ledger, {"MAXIMUM_DEATHS": None}, by=OPERATOR)
    assert hear() == 5


@pytest.mark.parametrize(
    ("setting", "values", "runs"),
    [
        (False, {}, False),
        (True, {}, True),
        (False, {"LOG_CLEANUP_ENABLED": True}, True),
        (True, {"LOG_CLEANUP_ENABLED": False}, False),
    ],
)
def test_the_clean_up_is_switched_at_run_time(ledger, clock, setting, values, runs):
    janitor = Janitor(
        observers=NOBODY,
        ledger=ledger,
        enabled=setting,
        days=30,
        indexed=False,
        idle=60,
        source="/test",
        next_run=lambda now: now,
    )
    set_run_time_values(ledger, values, by=OPERATOR)
    assert (janitor._look() is not None) == runs


def test_the_clean_up_keeps_what_the_ledger_says(ledger, harness, clock):
    harness.subscribe()
    event = harness.publish()
    harness.attempt(harness.sweep_now().leases)
    clock.advance(10 * DAY)
    janitor = Janitor(
        observers=NOBODY,
        ledger=ledger,
        enabled=True,
        days=30,
        indexed=False,
        idle=60,
        source="/test",
        next_run=lambda now: now,
    )
    assert janitor._look().events == 0
    set_run_time_values(ledger, {"LOG_LIFETIME_DAYS": 7}, by=OPERATOR)
    assert janitor._look().events == 1
    assert harness.event(event) is None


def test_each_value_has_an_origin(ledger):
    settings = Settings.from_mapping({"MAXIMUM_DEATHS": 3}, origin="settings module shop")
    set_run_time_values(ledger, {"LOG_LIFETIME_DAYS": 7}, by=OPERATOR)
    found = {one.name: (one.value, one.origin) for one in configured(settings, ledger)}
    assert found == {
        "MAXIMUM_DEATHS": (3, "settings module shop"),
        "INDEXING_ENABLED": (True, "default"),
        "LOG_CLEANUP_ENABLED": (False, "default"),
        "LOG_LIFETIME_DAYS": (7, "ledger"),
    }
    assert log_lifetime_days(settings, ledger) == 7
    (entry,) = ledger.read(lambda view: view.access.audit(limit=9, before=None))
    assert (entry.who, entry.details) == ("operator", {"LOG_LIFETIME_DAYS": 7})


def test_an_application_changes_a_subscription_in_the_name_of_somebody(tmp_path):
    settings = {
        "LEDGER_URL": f"sqlite:///{tmp_path}/l.db",
        "SECRET_KEYS": [Fernet.generate_key().decode()],
        "EVENTS": {"order.created": {"resources": ["sales"]}},
    }
    new = make_subscription(event_name="order.created", sink="http", target="https://example.com")
    with AsyncEvents(settings) as events:
        events.upgrade()
        with pytest.raises(AccessDenied, match="sales"):
            events.subscribe(new, by=actor("manage"))
        made = events.subscribe(new)
        assert made.secret is not None
        changed = events.change_subscription(
            made.id, lambda old: evolve(old, target="https://example.com/2"), by=actor("sales")
        )
        assert (changed.target, changed.secret) == ("https://example.com/2", made.secret)
        entries = events.runtime.ledger.read(lambda view: view.access.audit(limit=9, before=None))
    assert [(one.who, one.action) for one in entries] == [
        ("somebody", "subscription.change"),
        ("application", "subscription.create"),
    ]


def test_a_name_is_not_longer_than_its_column():
    with pytest.raises(ValueError, match="255"):
        Actor.trusted("x" * 256)
