"""Links that sign in, and passwords that people change themselves."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.user import (
    Source,
)
from asyncevents_core.engine.managing import sessions
from asyncevents_core.engine.managing.users import (
    create_link,
    delete_user,
    set_disabled,
)
from asyncevents_core.errors import InvalidValue, NotFound, SignInRefused
from tests.unit.harness import OPERATOR
from tests.unit.signing_in import HOME, HOUR, change, make_user, wait_of


def test_ones_own_password(ledger, hasher, clock, sign_in, session_of):
    make_user(ledger, hasher)
    mine, elsewhere = sign_in(), sign_in()
    code = create_link(ledger, "ann", by=OPERATOR)
    change(ledger, hasher, session_of(mine))
    assert session_of(mine)
    assert session_of(elsewhere) is None
    with pytest.raises(SignInRefused):
        sessions.sign_in_by_link(ledger, code, address=HOME)
    assert wait_of(sign_in) == 0
    clock.advance(1)
    assert session_of(sign_in(password="another password"))


def test_whoever_has_a_session_cannot_guess_the_password_either(
    ledger, hasher, clock, sign_in, session_of
):
    make_user(ledger, hasher)
    found = session_of(sign_in())
    with pytest.raises(InvalidValue, match="12 characters at least"):
        change(ledger, hasher, found, new="short")
    with pytest.raises(SignInRefused, match="wrong"):
        change(ledger, hasher, found, current="wrong")
    with pytest.raises(SignInRefused, match=r"wait 1 second$"):
        change(ledger, hasher, found)
    clock.advance(1)
    change(ledger, hasher, found)
    delete_user(ledger, "ann", by=OPERATOR)
    with pytest.raises(NotFound):
        change(ledger, hasher, found)


# -- links ------------------------------------------------------------------------------------


def test_a_link_signs_in_once(ledger, hasher, session_of):
    made = make_user(ledger, hasher)
    code = create_link(ledger, "ANN", by=OPERATOR)
    found = session_of(sessions.sign_in_by_link(ledger, code, address=HOME))
    assert (found.user_id, found.source) == (made.id, Source.LINK)
    with pytest.raises(SignInRefused, match="was used"):
        sessions.sign_in_by_link(ledger, code, address=HOME)


def test_who_has_come_by_a_link_need_not_know_the_password(
    ledger, hasher, clock, sign_in, session_of
):
    make_user(ledger, hasher)
    mine = sessions.sign_in_by_link(ledger, create_link(ledger, "ann", by=OPERATOR), address=HOME)
    elsewhere = sign_in()
    change(ledger, hasher, session_of(mine), current="")
    assert session_of(mine)
    assert session_of(elsewhere) is None
    assert session_of(sign_in(password="another password"))
    clock.advance(HOUR)
    with pytest.raises(SignInRefused, match="wrong name"):
        change(ledger, hasher, session_of(mine), current="")


def test_links_that_do_not_sign_in(ledger, hasher, clock, session_of):
    make_user(ledger, hasher)
    code = create_link(ledger, "ann", by=OPERATOR)
    head = code.rpartition("_")[0]
    for wrong in ["", "x", f"{head}_{'A' * 43}", code.replace("ael_", "aes_")]:
        with pytest.raises(SignInRefused):
            sessions.sign_in_by_link(ledger, wrong, address=HOME)
    late = create_link(ledger, "ann", by=OPERATOR)
    clock.advance(600)
    with pytest.raises(SignInRefused):
        sessions.sign_in_by_link(ledger, late, address=HOME)
    set_disabled(ledger, "ann", True, by=OPERATOR)
    with pytest.raises(InvalidValue, match="user enable"):
        create_link(ledger, "ann", by=OPERATOR)
