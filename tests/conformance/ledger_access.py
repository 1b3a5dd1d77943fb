"""The rows of access: tokens, the audit log, idempotency keys, overrides."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.idempotency import KEPT_FOR, EarlierResult, IdempotentRequest
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from tests.clock import ManualClock
from tests.conformance.ledger_base import LedgerFixtures, now, sorted_ids
from tests.conformance.ledger_transactions import GLANCE, PATIENCE


class Access(LedgerFixtures):
    """Every operation on tokens, the audit log, idempotency keys and overrides."""

    # -- tokens -----------------------------------------------------------------------------

    def test_a_token_comes_back_as_it_was(self, ledger: Ledger) -> None:
        made = _token(tenant="t", resources=("view", "sales.ž"), expires_at=now(ledger) + 5)
        begun = now(ledger)

        ledger.run(lambda tx: tx.access.insert_token(made))

        found = ledger.read(lambda view: view.access.token(made.id))
        assert found is not None
        assert evolve(found, created_at=0) == made
        assert found.digest == made.digest
        assert begun <= found.created_at <= now(ledger)
        assert ledger.read(lambda view: view.access.token(uuid7())) is None

    def test_tokens_are_listed_oldest_first(self, ledger: Ledger) -> None:
        ids = sorted_ids(3)
        tokens = [evolve(_token(), id=one) for one in reversed(ids)]
        ledger.run(lambda tx: [tx.access.insert_token(one) for one in tokens])

        assert [one.id for one in ledger.read(lambda view: view.access.tokens())] == ids

    def test_a_token_is_revoked_once(self, ledger: Ledger) -> None:
        made = _token()
        ledger.run(lambda tx: tx.access.insert_token(made))

        answers = [ledger.run(lambda tx: tx.access.revoke_token(made.id)) for _ in range(2)]

        assert answers == [True, False]
        assert not ledger.run(lambda tx: tx.access.revoke_token(uuid7()))
        found = ledger.read(lambda view: view.access.token(made.id))
        assert found is not None
        assert not found.is_valid(now(ledger))

    def test_a_token_tells_when_it_was_used(self, ledger: Ledger) -> None:
        made = _token()
        ledger.run(lambda tx: tx.access.insert_token(made))
        begun = now(ledger)

        ledger.run(lambda tx: tx.access.touch_token(made.id))

        found = ledger.read(lambda view: view.access.token(made.id))
        assert found is not None
        assert found.used_at is not None
        assert begun <= found.used_at <= now(ledger)

    # -- audit ------------------------------------------------------------------------------

    def test_the_audit_log_newest_first_in_pages(self, ledger: Ledger) -> None:
        ids = sorted_ids(3)
        begun = now(ledger)
        entries = [_entry(id=one, subject=str(number)) for number, one in enumerate(ids)]
        ledger.run(lambda tx: tx.access.write_audit(entries))

        def page(before: UUID | None) -> list[AuditEntry]:
            return list(ledger.read(lambda view: view.access.audit(limit=2, before=before)))

        first = page(None)
        assert [one.id for one in first] == [ids[2], ids[1]]
        assert [one.id for one in page(ids[1])] == [ids[0]]
        assert evolve(first[0], at=0) == entries[2]
        assert begun <= first[0].at <= now(ledger)

    def test_an_entry_is_written_once(self, ledger: Ledger) -> None:
        entry = _entry()

        for _ in range(2):
            ledger.run(lambda tx: tx.access.write_audit([entry]))
        ledger.run(lambda tx: tx.access.write_audit([]))

        assert len(ledger.read(lambda view: view.access.audit(limit=9, before=None))) == 1

    def test_the_audit_log_of_a_tenant(self, ledger: Ledger) -> None:
        mine, theirs = _entry(tenant="t"), _entry(tenant="u")
        ledger.run(lambda tx: tx.access.write_audit([mine, theirs, _entry()]))

        found = ledger.read(lambda view: view.access.audit(limit=9, before=None, tenant="t"))

        assert [one.id for one in found] == [mine.id]

    def test_changes_of_a_subscription(self, ledger: Ledger) -> None:
        def done(subject: str, action: str, tenant: str | None = None) -> AuditEntry:
            entry = _entry(subject=subject, action=action, tenant=tenant)
            ledger.run(lambda tx: tx.access.write_audit([entry]))
            return entry

        def found(**wanted: Any) -> list[UUID]:
            rows = ledger.read(lambda view: view.access.changes_of(7, **{"limit": 9, **wanted}))
            return [one.id for one in rows]

        made = done("7", "subscription.create")
        done("77", "subscription.change")
        done("7", "token.create")
        since = now(ledger)
        changed = done("7", "subscription.change", "t")
        disabled = done("7", "subscription.disable")

        assert found() == [disabled.id, changed.id, made.id]
        assert found(since=since) == found(limit=2) == [disabled.id, changed.id]
        assert found(tenant="t") == [changed.id]

    # -- idempotency keys -------------------------------------------------------------------

    def test_a_request_is_done_once(self, ledger: Ledger) -> None:
        request = IdempotentRequest.of("token", "key", b"{}")

        first = ledger.run(lambda tx: _do(tx, request, "1"))
        second = ledger.run(lambda tx: _do(tx, request, "2"))

        assert first is None
        assert second == EarlierResult(digest=request.digest, result="1")

    def test_the_answer_tells_what_the_first_request_was(self, ledger: Ledger) -> None:
        first = IdempotentRequest.of("token", "key", b"one")
        ledger.run(lambda tx: _do(tx, first, "1"))

        found = ledger.run(
            lambda tx: tx.access.begin_request(IdempotentRequest.of("token", "key", b"two"))
        )

        assert found == EarlierResult(digest=first.digest, result="1")

    def test_a_request_that_failed_may_be_made_again(self, ledger: Ledger) -> None:
        request = IdempotentRequest.of("token", "key", b"{}")

        def fail(tx: LedgerTransaction) -> None:
            tx.access.begin_request(request)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            ledger.run(fail)

        assert ledger.run(lambda tx: _do(tx, request, "1")) is None

    def test_keys_are_forgotten(self, ledger: Ledger, clock: ManualClock) -> None:
        request = IdempotentRequest.of("token", "key", b"{}")
        ledger.run(lambda tx: _do(tx, request, "1"))
        clock.advance(KEPT_FOR + 1)

        assert ledger.run(lambda tx: _do(tx, request, "2")) is None

    def test_of_two_requests_at_once_the_second_waits(self, ledger: Ledger) -> None:
        request = IdempotentRequest.of("token", "key", b"{}")
        begun, looked = threading.Event(), threading.Event()

        def slowly(tx: LedgerTransaction) -> EarlierResult | None:
            found = tx.access.begin_request(request)
            begun.set()
            assert not looked.wait(GLANCE)
            tx.access.finish_request(request, "1")
            return found

        def other() -> EarlierResult | None:
            assert begun.wait(PATIENCE)
            found = ledger.run(lambda tx: tx.access.begin_request(request))
            looked.set()
            return found

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.submit(ledger.run, slowly), pool.submit(other)
            assert first.result(PATIENCE) is None
            assert second.result(PATIENCE) == EarlierResult(digest=request.digest, result="1")

    # -- overrides --------------------------------------------------------------------------

    def test_overrides_are_set_changed_and_removed(self, ledger: Ledger) -> None:
        def values() -> dict[str, int | bool]:
            found = ledger.read(lambda view: view.access.overrides())
            return {one.name: one.value for one in found}

        ledger.run(lambda tx: tx.access.set_override("MAXIMUM_DEATHS", 7, by="ann"))
        ledger.run(lambda tx: tx.access.set_override("INDEXING_ENABLED", False, by="ann"))
        assert values() == {"INDEXING_ENABLED": False, "MAXIMUM_DEATHS": 7}
        ledger.run(lambda tx: tx.access.set_override("MAXIMUM_DEATHS", 8, by="bob"))
        (_, changed) = ledger.read(lambda view: view.access.overrides())
        assert (changed.value, changed.changed_by) == (8, "bob")
        assert changed.changed_at <= now(ledger)
        for _ in range(2):
            ledger.run(lambda tx: tx.access.set_override("MAXIMUM_DEATHS", None, by="bob"))
        assert values() == {"INDEXING_ENABLED": False}


def _do(tx: LedgerTransaction, request: IdempotentRequest, result: str) -> EarlierResult | None:
    found = tx.access.begin_request(request)
    if found is None:
        tx.access.finish_request(request, result)
    return found


def _token(
    *,
    tenant: str | None = None,
    resources: tuple[str, ...] = ("view",),
    expires_at: int | None = None,
) -> ApiToken:
    return ApiToken(
        id=uuid7(),
        digest=bytes(range(32)),
        name="shop",
        resources=resources,
        tenant=tenant,
        expires_at=expires_at,
    )


def _entry(
    *,
    id: UUID | None = None,
    subject: str = "1",
    action: str = "subscription.create",
    tenant: str | None = None,
) -> AuditEntry:
    return AuditEntry(
        id=id or uuid7(),
        who="ann",
        action=action,
        subject=subject,
        tenant=tenant,
        details={"target": ["https://zürich", None]},
    )
