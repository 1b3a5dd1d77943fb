"""Check a password, so that nobody can guess it, and nobody be locked out by those who try."""

from __future__ import annotations

import math
from uuid import UUID

from asyncevents_core.domain.guessing import KNOWN_FOR, key_of
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.domain.limits import LONGEST_TOKEN_NAME
from asyncevents_core.domain.user import (
    LONGEST_PASSWORD,
    User,
    folded_name,
    network_of,
    user_name_mistake,
)
from asyncevents_core.errors import SignInRefused
from asyncevents_core.ports.hasher import PasswordHasher
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

_WRONG = "wrong name or password"


def check_password(
    ledger: Ledger, hasher: PasswordHasher, *, name: str, password: str, address: str
) -> User:
    """Return the user whose name and password these are.

    It is counted as a guess before the password is looked at, so that many at once are no way
    round the wait: `forget_guess` in the transaction that goes on. `address` is the client's.

    Raises `SignInRefused`, with the same text in the same time whether there is such a user.
    """
    # What is longer than any is not read to its end.
    name, password = name[: LONGEST_TOKEN_NAME + 1], password[: LONGEST_PASSWORD + 1]
    user = None
    if not user_name_mistake(name):
        user = ledger.read(lambda view: view.users.named(name))
    _admit(ledger, name, user, network_of(address))
    usable = user is not None and user.disabled_at is None and len(password) <= LONGEST_PASSWORD
    hashed = user.password_hash if user is not None and usable else None
    if not hasher.verify(password, hashed) or user is None:
        raise SignInRefused(_WRONG)
    return user


def changed_meanwhile(tx: LedgerTransaction, user: User) -> bool:
    """Lock a user that `check_password` returned; tell whether that was overtaken since."""
    found = tx.users.lock(user.id)
    if found is None or found.disabled_at is not None:
        return True
    return found.password_changed_at != user.password_changed_at


def forget_guess(tx: LedgerTransaction, user: User, address: str) -> None:
    """Note that the guesses from an address were the user's own."""
    tx.users.forget_guesses(_key(user.name, network_of(address)))


def wrong() -> SignInRefused:
    """Return the error for a wrong name or password."""
    return SignInRefused(_WRONG)


def _admit(ledger: Ledger, name: str, user: User | None, network: str) -> None:
    """Count a guess, or raise `SignInRefused` with how long to wait.

    From one network each guess doubles the wait for the next. From all networks together there
    is a limit for each name; those from which its user has signed in lately have their own wait
    only, so that others cannot lock the user out.
    """
    guess = uuid7()
    own_key, name_key = _key(name, network), key_of("name", folded_name(name))

    def work(tx: LedgerTransaction) -> int:
        now = tx.now()
        own = tx.users.lock_guesses(own_key)
        if own.last == guess:  # this transaction has run before, and was committed
            return 0
        wait = own.wait(now)
        if not wait and not _is_known(tx, user, network):
            of_name = tx.users.lock_guesses(name_key)
            wait = of_name.wait(now)
            if not wait:
                tx.users.put_guesses(of_name.one_more_in_window(guess, now))
        if not wait:
            tx.users.put_guesses(own.one_more(guess, now))
        return wait

    if wait := ledger.run(work):
        seconds = math.ceil(wait / micros(1))
        raise SignInRefused(
            f"too many tries: wait {seconds} second{'' if seconds == 1 else 's'}", wait=seconds
        )


def _is_known(tx: LedgerTransaction, user: User | None, network: str) -> bool:
    # Asked for those who do not exist, too: time does not tell who does.
    user_id = UUID(int=0) if user is None else user.id
    return tx.users.is_known(user_id, network, since=tx.now() - micros(KNOWN_FOR))


def _key(name: str, network: str) -> bytes:
    return key_of("address", folded_name(name), network)
