"""Passwords, sessions and groups: who is signed in, and until when."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.argon2_hasher import Argon2Hasher
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.allowance import SinkAllowance, tenant_allowances
from asyncevents_core.domain.user import (
    GroupRights,
    Source,
    network_of,
    password_mistake,
    rights_of,
    user_name_mistake,
)
from asyncevents_core.engine.managing import sessions
from asyncevents_core.engine.managing.users import (
    create_link,
    delete_user,
    set_disabled,
    set_password,
)
from asyncevents_core.errors import SignInRefused
from tests.hashing import PASSWORD
from tests.unit.harness import OPERATOR
from tests.unit.rerunning import RerunningLedger
from tests.unit.signing_in import DAY, GROUPS, HOME, HOUR, IDLE, change, make_user, wait_of

# -- passwords and names ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", " ann", "ann ", "a\nb", "x" * 201, "\ufdfa" * 20, "\u2000x"])
def test_names_that_cannot_be(name):
    assert user_name_mistake(name)


def test_the_longest_name_fits_into_what_the_audit_log_keeps(ledger, hasher):
    made = make_user(ledger, hasher, "x" * 200)
    assert Actor(who=made.who).who.startswith("user x")


@pytest.mark.parametrize(
    "password", ["x" * 11, "x" * 1025, "Someone-Long", "\ufb01" * 1024, "x" * 12 + "\ud800"]
)
def test_passwords_that_are_refused(password):
    mistake = password_mistake(password, "someone-long")
    assert mistake
    assert password not in mistake


@pytest.mark.parametrize("password", ["x" * 12, "x" * 1024, "\ufb01" * 6, "with spaces, and ž"])
def test_passwords_that_are_taken(password):
    assert password_mistake(password, "ann") is None


def test_passwords_are_hashed_slowly_and_the_same_however_they_are_typed():
    hasher = Argon2Hasher()
    hashed = hasher.hash("gar\u00e7on de caf\u00e9")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hasher.verify("garc\u0327on de cafe\u0301", hashed)
    assert not hasher.verify("garcon de cafe", hashed)
    assert not hasher.verify("garçon de café", None)
    assert not hasher.is_outdated(hashed)
    assert hasher.is_outdated(hashed.replace("t=2", "t=1"))
    assert len(hashed) <= 255


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("", ""),
        ("x" * 99, "x" * 64),
    ],
)
def test_what_an_address_has_in_common_with_others(address, network):
    assert network_of(address) == network


# -- sessions ---------------------------------------------------------------------------------


def test_somebody_is_signed_in(ledger, hasher, sign_in, session_of):
    made = make_user(ledger, hasher, "Ann", tenant="7", resources=["view", "sales"])
    text = sign_in("aNN")
    rules = {"7": {"http": SinkAllowance()}}
    found = session_of(text, tenants=rules)
    assert found.actor == Actor(
        who=f"user Ann {made.id}",
        resources=frozenset({"view", "sales"}),
        tenant="7",
        allowances=tenant_allowances("7", rules),
    )
    assert (found.name, found.source, found.user_id) == ("Ann", Source.PASSWORD, made.id)
    assert found.csrf not in repr(found)
    assert text not in repr(found)
    other = session_of(sign_in("ann"))
    assert other.csrf != found.csrf
    assert other.session_id != found.session_id


def test_texts_that_are_no_session(ledger, hasher, sign_in, session_of):
    make_user(ledger, hasher)
    text = sign_in()
    head, _, secret = text.rpartition("_")
    for wrong in [
        "",
        "x",
        text[:-1],
        f"{head}_{'A' * 43}",
        text.replace("aes_", "aet_"),
        f"{text}x",
    ]:
        assert session_of(wrong) is None
        sessions.sign_out(ledger, wrong)
    assert session_of(text)
    sessions.sign_out(ledger, text)
    assert session_of(text) is None
    assert secret


def test_a_session_that_nobody_uses_ends(ledger, hasher, clock, sign_in, session_of):
    make_user(ledger, hasher)
    text = sign_in()
    for _ in range(3):
        clock.advance(IDLE - 1)
        assert session_of(text)
    clock.advance(IDLE)
    assert session_of(text) is None


def test_a_session_is_touched_once_a_minute_at_most(ledger, hasher, clock, sign_in, session_of):
    make_user(ledger, hasher)
    found = session_of(text := sign_in())

    def seen_at():
        return ledger.read(lambda view: view.users.session(found.session_id))[0].seen_at

    begun = seen_at()
    clock.advance(60)
    assert session_of(text)
    assert seen_at() == begun
    clock.advance(1)
    assert session_of(text)
    assert seen_at() == begun + 61_000_000


def test_what_refreshes_itself_keeps_nobody_signed_in(ledger, hasher, clock, sign_in):
    make_user(ledger, hasher)
    text = sign_in()
    for _ in range(8):
        clock.advance(HOUR - 1)
        more = {"tenants": {}, "groups": {}, "idle": IDLE, "unattended": True}
        assert sessions.session_of(ledger, text, **more)
    clock.advance(8)
    assert sessions.session_of(ledger, text, **more) is None


def test_no_session_lasts_for_ever(ledger, hasher, clock, sign_in, session_of):
    make_user(ledger, hasher)
    text = sign_in()
    for _ in range(59):
        clock.advance(DAY / 2)
        assert session_of(text, idle=DAY)
    clock.advance(DAY / 2)
    assert session_of(text, idle=DAY) is None


@pytest.mark.parametrize(
    "end",
    [
        lambda ledger, hasher: set_disabled(ledger, "ann", True, by=OPERATOR),
        lambda ledger, hasher: delete_user(ledger, "ann", by=OPERATOR),
        lambda ledger, hasher: set_password(
            ledger, hasher, name="ann", password="another password", by=OPERATOR
        ),
    ],
)
def test_sessions_and_links_end_with_what_they_stand_on(ledger, hasher, sign_in, session_of, end):
    make_user(ledger, hasher)
    text, code = sign_in(), create_link(ledger, "ann", by=OPERATOR)
    end(ledger, hasher)
    assert session_of(text) is None
    with pytest.raises(SignInRefused):
        sign_in()
    with pytest.raises(SignInRefused, match="another one"):
        sessions.sign_in_by_link(ledger, code, address=HOME)


def test_a_user_who_is_enabled_again_signs_in_anew(ledger, hasher, clock, sign_in, session_of):
    make_user(ledger, hasher)
    text = sign_in()
    assert set_disabled(ledger, "ann", True, by=OPERATOR)
    assert not set_disabled(ledger, "ann", True, by=OPERATOR)
    assert wait_of(sign_in) == 0
    assert set_disabled(ledger, "ann", False, by=OPERATOR)
    assert session_of(text) is None
    clock.advance(1)
    assert session_of(sign_in())


def test_a_password_is_hashed_anew_with_new_parameters(ledger, hasher, sign_in):
    made = make_user(ledger, hasher)
    hasher.version = 2
    sign_in()
    sign_in()
    found = ledger.read(lambda view: view.users.get(made.id))
    assert found.password_hash == f"2:{PASSWORD}"
    assert found.password_changed_at == made.password_changed_at


def test_transactions_that_run_again_change_nothing_more(ledger, hasher, session_of):
    again = RerunningLedger(ledger, times=2)
    make_user(again, hasher)
    text = sessions.sign_in(again, hasher, name="ann", password=PASSWORD, address=HOME)
    found = session_of(text)
    assert found
    code = create_link(again, "ann", by=OPERATOR)
    assert session_of(sessions.sign_in_by_link(again, code, address=HOME))
    change(again, hasher, found)
    with pytest.raises(SignInRefused, match="wrong name"):
        sessions.sign_in(again, hasher, name="ann", password="wrong", address=HOME)
    with pytest.raises(SignInRefused, match=r"wait 1 second$"):
        sessions.sign_in(again, hasher, name="ann", password="wrong", address=HOME)
    set_disabled(again, "ann", True, by=OPERATOR)
    delete_user(again, "ann", by=OPERATOR)
    entries = ledger.read(lambda view: view.access.audit(limit=9, before=None))
    assert [one.action for one in reversed(entries)] == [
        "user.create",
        "user.link",
        "user.password",
        "user.disable",
        "user.delete",
    ]


# -- proxies and OpenID: groups ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "resources", "tenant"),
    [
        (["staff"], {"view", "logs"}, None),
        (["staff", "unknown", "staff"], {"view", "logs"}, None),
        (["staff", "acme"], {"view", "logs", "create"}, "acme"),
        (["acme"], {"create"}, "acme"),
    ],
)
def test_what_groups_give(ledger, session_of, groups, resources, tenant):
    text = sessions.begin_session(ledger, name="ann", source=Source.PROXY, groups=groups)
    found = session_of(text)
    assert found.actor == Actor(
        who="proxy ann",
        resources=frozenset(resources),
        tenant=tenant,
        allowances=tenant_allowances(tenant, {}),
    )
    assert found.user_id is None


def test_groups_are_looked_up_anew(ledger, session_of):
    text = sessions.begin_session(ledger, name="ann", source=Source.OPENID, groups=["staff"])
    assert session_of(text)
    assert session_of(text, groups={}) is None
    everybody = session_of(text, groups={"*": GroupRights(resources=("view",))})
    assert everybody.actor.resources == {"view"}


def test_groups_that_give_nothing():
    assert rights_of([], GROUPS) is None
    assert rights_of(["acme", "other"], GROUPS) is None


def test_a_name_that_others_vouch_for_is_checked(ledger):
    with pytest.raises(SignInRefused, match="the proxy gives must have characters"):
        sessions.begin_session(ledger, name="a\nb", source=Source.PROXY, groups=["staff"])
