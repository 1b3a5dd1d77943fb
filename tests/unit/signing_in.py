"""What tests of signing in share: users."""

from __future__ import annotations

from asyncevents_core.domain.user import User
from asyncevents_core.engine.managing.users import create_user
from asyncevents_core.ports.hasher import PasswordHasher
from asyncevents_core.ports.ledger import Ledger
from tests.hashing import PASSWORD
from tests.unit.harness import OPERATOR


def make_user(ledger: Ledger, hasher: PasswordHasher, name: str = "ann", **more) -> User:
    wanted = {"resources": ["view"], "tenant": None, "known": {"sales"}, "by": OPERATOR, **more}
    return create_user(ledger, hasher, name=name, password=PASSWORD, **wanted)
