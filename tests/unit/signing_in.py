"""What tests of signing in share: users, times, groups."""

from __future__ import annotations

from typing import Final

import pytest

from asyncevents_core.domain.user import GroupRights, User
from asyncevents_core.engine.managing.users import change_own_password, create_user
from asyncevents_core.errors import SignInRefused
from asyncevents_core.ports.hasher import PasswordHasher
from asyncevents_core.ports.ledger import Ledger
from tests.hashing import PASSWORD
from tests.unit.harness import OPERATOR

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
IDLE: Final = 8.0 * HOUR
HOME: Final = "192.0.2.1"
GROUPS: Final = {
    "staff": GroupRights(resources=("view", "logs")),
    "acme": GroupRights(resources=("create",), tenant="acme"),
    "other": GroupRights(resources=("create",), tenant="other"),
}


def make_user(ledger: Ledger, hasher: PasswordHasher, name: str = "ann", **more) -> User:
    wanted = {"resources": ["view"], "tenant": None, "known": {"sales"}, "by": OPERATOR, **more}
    return create_user(ledger, hasher, name=name, password=PASSWORD, **wanted)


def wait_of(attempt, *arguments, **more):
    with pytest.raises(SignInRefused) as caught:
        attempt(*arguments, **more)
    return caught.value.wait


def change(ledger, hasher, found, *, current=PASSWORD, new="another password"):
    change_own_password(ledger, hasher, found, current=current, new=new, address=HOME)
