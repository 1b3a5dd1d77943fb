"""Those who guess passwords wait, and lock nobody out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from asyncevents_core.domain.guessing import MOST_IN_WINDOW, WINDOW
from asyncevents_core.engine.managing import sessions
from asyncevents_core.engine.upkeep import sign_ins
from asyncevents_core.errors import SignInRefused
from tests.hashing import PASSWORD, PlainHasher
from tests.unit.signing_in import make_user

HOME = "192.0.2.1"
DAY = 86_400


@pytest.fixture
def hasher():
    return PlainHasher()


@pytest.fixture
def guess(ledger, hasher):
    """A function that tries to sign in: the seconds to wait, 0 for a wrong one, None: it did."""

    def attempt(name="ann", *, address=HOME, password="wrong password"):
        try:
            sessions.sign_in(ledger, hasher, name=name, password=password, address=address)
        except SignInRefused as error:
            return error.wait
        return None

    return attempt


def elsewhere(number):
    return f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}"


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_each_guess_from_an_address_doubles_the_wait(ledger, hasher, clock, guess, name):
    make_user(ledger, hasher)
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]:
        assert guess(name) == 0
        assert guess(name) == wait
        clock.advance(wait - 0.5)
        assert guess(name) == 1
        assert guess(name.upper(), password=PASSWORD) == 1
        clock.advance(0.5)
    assert hasher.looked == 11


def test_who_knows_the_password_begins_anew(ledger, hasher, clock, guess):
    make_user(ledger, hasher)
    for wait in [1, 2, 4]:
        assert guess() == 0
        clock.advance(wait)
    assert guess(password=PASSWORD) is None
    assert guess() == 0
    assert guess() == 1


def test_guesses_are_forgotten_after_an_hour(ledger, hasher, clock, guess):
    make_user(ledger, hasher)
    for wait in [1, 2, 4]:
        assert guess() == 0
        clock.advance(wait)
    clock.advance(3_600)
    assert guess() == 0
    assert guess() == 1


def test_others_names_and_addresses_do_not_wait(ledger, hasher, guess):
    make_user(ledger, hasher)
    assert guess() == 0
    assert guess() == 1
    assert guess("bob") == 0
    assert guess(address="192.0.2.2") == 0


def test_all_addresses_of_a_line_wait_together(ledger, hasher, guess):
    make_user(ledger, hasher)
    assert guess(address="2001:db8::1") == 0
    assert guess(address="2001:db8::2") == 1
    assert guess(address="2001:db8:0:1::2") == 0


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_many_addresses_together_wait_for_a_name(ledger, hasher, clock, guess, name):
    make_user(ledger, hasher)
    waits = [guess(name, address=elsewhere(number)) for number in range(MOST_IN_WINDOW + 2)]
    assert waits == [0] * MOST_IN_WINDOW + [WINDOW] * 2
    clock.advance(WINDOW - 1)
    assert guess(name, address=elsewhere(9_000)) == 1
    clock.advance(1)
    assert guess(name, address=elsewhere(9_001)) == 0
    assert hasher.looked == MOST_IN_WINDOW + 1


def test_a_thousand_addresses_do_not_lock_the_owner_out(ledger, hasher, clock, guess):
    make_user(ledger, hasher)
    assert guess(password=PASSWORD) is None
    clock.advance(29 * DAY)
    waits = {guess(address=elsewhere(number)) for number in range(1_000)}
    assert waits == {0, WINDOW}
    assert guess(password=PASSWORD, address="192.0.2.2") == WINDOW
    assert guess() == 0
    clock.advance(1)
    assert guess(password=PASSWORD) is None
    assert hasher.looked == 1 + MOST_IN_WINDOW + 2


def test_an_address_is_known_for_thirty_days(ledger, hasher, clock, guess):
    make_user(ledger, hasher)
    assert guess(password=PASSWORD) is None
    clock.advance(30 * DAY + 1)
    for number in range(MOST_IN_WINDOW):
        assert guess(address=elsewhere(number)) == 0
    assert guess(password=PASSWORD) == WINDOW


def test_who_is_known_for_one_name_is_not_for_another(ledger, hasher, guess):
    make_user(ledger, hasher)
    make_user(ledger, hasher, "bob")
    assert guess(password=PASSWORD) is None
    for number in range(MOST_IN_WINDOW):
        assert guess("bob", address=elsewhere(number)) == 0
    assert guess("bob", password=PASSWORD) == WINDOW


def test_of_many_guesses_at_once_one_is_heard(ledger, hasher, guess):
    make_user(ledger, hasher)
    with ThreadPoolExecutor(8) as pool:
        waits = sorted(pool.map(lambda _: guess(), range(16)))
    assert waits == [0] + [1] * 15
    assert hasher.looked == 1


def test_an_unknown_name_is_refused_like_a_wrong_password(ledger, hasher, clock):
    make_user(ledger, hasher)
    texts = set()
    for name, password in [
        ("ann", "wrong"),
        ("nobody", "wrong"),
        ("", "x"),
        ("ann\0", PASSWORD),
        ("x" * 5_000, "x" * 5_000),
        ("bob", "\ud800"),
    ]:
        looked = hasher.looked
        with pytest.raises(SignInRefused) as caught:
            sessions.sign_in(ledger, hasher, name=name, password=password, address=HOME)
        texts.add(str(caught.value))
        assert hasher.looked == looked + 1
    assert texts == {"wrong name or password"}


def test_guesses_do_not_fill_the_ledger(ledger, hasher, clock, guess, monkeypatch):
    monkeypatch.setattr(sign_ins, "MOST_KEPT", 10)
    for number in range(20):
        assert guess(f"nobody {number}") == 0
        clock.advance(1)
    # Two rows for each: one for the name, one for the name and the address.
    assert sign_ins.forget_old_sign_ins(ledger, idle=60) == 30
    assert guess("nobody 19") == 0
    assert guess("nobody 19") == 2
