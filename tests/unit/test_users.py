"""Users whom others make and change, and what signing in leaves behind."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.access import Actor
from asyncevents_core.engine.managing.users import (
    create_link,
    delete_user,
    set_disabled,
    set_password,
)
from asyncevents_core.engine.upkeep.sign_ins import (
    forget_old_sign_ins,
    forget_old_sign_ins_if_due,
)
from asyncevents_core.errors import AccessDenied, InvalidValue, NotFound
from asyncevents_core.ports.observer import NOBODY
from asyncevents_core.worker.janitor import Janitor
from tests.hashing import PASSWORD
from tests.unit.harness import OPERATOR
from tests.unit.signing_in import DAY, HOUR, IDLE, make_user, wait_of

# -- users ------------------------------------------------------------------------------------


def test_nobody_gives_or_takes_over_what_they_do_not_have(ledger, hasher):
    make_user(ledger, hasher, "root", resources=["all"])
    make_user(ledger, hasher, "acme", tenant="acme")
    manager = Actor(who="m", resources=frozenset({"manage"}))
    tenants = Actor(who="t", resources=frozenset({"all"}), tenant="acme")
    for by, name, error in [(manager, "root", AccessDenied), (tenants, "root", NotFound)]:
        with pytest.raises(error):
            set_password(ledger, hasher, name=name, password=PASSWORD, by=by)
        with pytest.raises(error):
            create_link(ledger, name, by=by)
        with pytest.raises(error):
            set_disabled(ledger, name, True, by=by)
        with pytest.raises(error):
            delete_user(ledger, name, by=by)
    with pytest.raises(AccessDenied, match="the resource sales"):
        make_user(ledger, hasher, "x", resources=["view", "sales"], by=manager)
    with pytest.raises(AccessDenied, match="bound to a tenant"):
        make_user(ledger, hasher, "x", by=tenants)
    make_user(ledger, hasher, "x", tenant="acme", by=tenants)
    set_password(ledger, hasher, name="acme", password=PASSWORD, by=manager)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "Ann"}, "name"),
        ({"name": " x"}, "name"),
        ({"name": "x", "resources": []}, "resources"),
        ({"name": "x", "resources": ["veiw"]}, "resources"),
        ({"name": "x", "tenant": "a "}, "tenant"),
        ({"name": PASSWORD}, "password"),
    ],
)
def test_users_are_checked(ledger, hasher, wrong, field):
    make_user(ledger, hasher)
    with pytest.raises(InvalidValue) as caught:
        make_user(ledger, hasher, **wrong)
    assert caught.value.field == field


def test_users_who_are_not_there(ledger, hasher):
    with pytest.raises(NotFound, match="user list"):
        set_password(ledger, hasher, name="nobody", password=PASSWORD, by=OPERATOR)


# -- clean-up ---------------------------------------------------------------------------------


def test_what_signing_in_leaves_is_deleted(ledger, hasher, clock, sign_in):
    make_user(ledger, hasher)
    sign_in()
    create_link(ledger, "ann", by=OPERATOR)
    wait_of(sign_in, password="wrong", address="192.0.2.9")
    assert forget_old_sign_ins(ledger, idle=IDLE) == 0
    clock.advance(HOUR + 1)
    # The link, the guess from that address, and those for the name.
    assert forget_old_sign_ins(ledger, idle=IDLE) == 3
    clock.advance(IDLE)
    assert forget_old_sign_ins(ledger, idle=IDLE) == 1
    clock.advance(30 * DAY)
    assert forget_old_sign_ins(ledger, idle=IDLE) == 1
    assert forget_old_sign_ins(ledger, idle=IDLE) == 0


def test_one_process_does_it_every_five_minutes(ledger, hasher, clock, sign_in):
    make_user(ledger, hasher)
    sign_in()
    assert forget_old_sign_ins_if_due(ledger, idle=IDLE) == 0
    clock.advance(299)
    assert forget_old_sign_ins_if_due(ledger, idle=1) == 0
    clock.advance(1)
    assert forget_old_sign_ins_if_due(ledger, idle=1) == 1


def test_the_janitor_does_it_whether_the_clean_up_is_enabled_or_not(
    ledger, hasher, clock, sign_in, session_of
):
    make_user(ledger, hasher)
    text = sign_in()
    session_id = session_of(text).session_id
    clock.advance(60)
    janitor = Janitor(
        observers=NOBODY,
        ledger=ledger,
        enabled=False,
        days=30,
        indexed=False,
        idle=60,
        source="/test",
        next_run=lambda now: now,
    )
    assert janitor._look() is None
    assert ledger.read(lambda view: view.users.session(session_id)) is None
