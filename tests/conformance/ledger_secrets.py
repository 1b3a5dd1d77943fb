"""Secrets at rest, under keys that rotate."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.ledger.subscriptions import KeyAge
from asyncevents_core.testing.builders import make_subscription
from tests.conformance.ledger_base import LedgerFixtures, set_status, subscribe

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def ages(ledger: Ledger) -> dict[int, KeyAge]:
    kept = ledger.read(lambda view: view.subscriptions.kept_secrets(after=0, limit=100))
    return {one.subscription_id: one.key for one in kept}


class Secrets(LedgerFixtures):
    """What the keys of a cipher make of the rows that others encrypted."""

    @pytest.fixture
    def keyed(
        self, ledger: Ledger, url: str, schema: str | None
    ) -> Iterator[Callable[..., SqlLedger]]:
        """Open the same database with other SECRET_KEYS, or another cipher."""
        opened: list[SqlLedger] = []

        def open_it(*keys: str, kind: type[Cipher] = Cipher) -> SqlLedger:
            opened.append(SqlLedger(url, cipher=kind(keys), schema=schema))
            return opened[-1]

        yield open_it
        for one in opened:
            one.close()

    def test_what_older_keys_encrypted_is_renewed(self, keyed: Callable[..., SqlLedger]) -> None:
        before, after = keyed(OLD), keyed(NEW, OLD)
        signed = subscribe(before, make_subscription(secret="s3cret", options={"key": 1}))
        deleted = subscribe(before, make_subscription(secret="s3cret"))
        set_status(before, deleted, SubscriptionStatus.DELETED)
        lost = subscribe(keyed(OTHER), make_subscription(secret="s3cret"))
        new = subscribe(after, make_subscription(secret="s3cret"))
        epoch = after.run(lambda tx: tx.subscriptions.epoch())
        assert ages(after) == {
            signed: KeyAge.OLDER,
            deleted: KeyAge.OLDER,
            lost: KeyAge.MISSING,
            new: KeyAge.NEWEST,
        }

        renewed = after.run(lambda tx: tx.subscriptions.renew_secrets([signed, deleted, lost, new]))

        assert renewed == {signed, deleted}
        assert set(ages(keyed(NEW)).values()) == {KeyAge.NEWEST, KeyAge.MISSING}
        assert keyed(OTHER).read(lambda view: view.subscriptions.get(lost)) is not None
        found = keyed(NEW).read(lambda view: view.subscriptions.get(signed))
        assert found is not None
        assert (found.secret, found.options) == ("s3cret", {"key": 1})
        assert after.run(lambda tx: tx.subscriptions.epoch()) == epoch

    def test_one_that_no_key_decrypts_in_part_is_missing(
        self, keyed: Callable[..., SqlLedger], engine: sa.Engine, tables: str
    ) -> None:
        number = subscribe(keyed(OLD), make_subscription(secret="s3cret", options={"key": 1}))
        lost = sa.text(f"UPDATE {tables}subscription SET options = :token")
        with engine.begin() as connection:
            connection.execute(lost, {"token": Cipher([OTHER]).encrypt("{}")})

        assert ages(keyed(NEW, OLD)) == {number: KeyAge.MISSING}
        assert keyed(NEW, OLD).run(lambda tx: tx.subscriptions.renew_secrets([number])) == set()
