"""The rows of users: people, their sessions and links, guesses."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.guessing import Guesses, key_of
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.user import Session, SignInLink, Source, User
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from tests.clock import ManualClock
from tests.conformance.ledger_base import SECOND, LedgerFixtures, now
from tests.conformance.ledger_transactions import GLANCE, PATIENCE

_FOREVER = 2**62
_KEY = key_of("name", "ann")


class Users(LedgerFixtures):
    """Every operation on users, their sessions and links, and on guesses."""

    # -- users ------------------------------------------------------------------------------

    def test_a_user_comes_back_as_they_were(self, ledger: Ledger) -> None:
        made = _user("Änn", tenant="t", resources=("view", "sales.ž"))
        begun = now(ledger)

        assert ledger.run(lambda tx: tx.users.insert(made))

        found = _get(ledger, made.id)
        assert evolve(found, created_at=0, password_changed_at=0) == made
        assert begun <= found.created_at == found.password_changed_at <= now(ledger)
        assert ledger.read(lambda view: view.users.get(uuid7())) is None

    @pytest.mark.parametrize("same", ["ann", "ANN", "\uff41nn"])
    def test_a_name_is_one_users_whatever_its_case(self, ledger: Ledger, same: str) -> None:
        first, second = _user("Ann"), _user(same)
        assert ledger.run(lambda tx: tx.users.insert(first))

        assert not ledger.run(lambda tx: tx.users.insert(second))
        assert ledger.run(lambda tx: tx.users.insert(first))

        assert [one.id for one in ledger.read(lambda view: view.users.all())] == [first.id]
        named = ledger.read(lambda view: view.users.named(same))
        assert named == ledger.run(lambda tx: tx.users.lock(first.id))
        assert named is not None
        assert named.name == "Ann"

    def test_users_are_listed_by_name(self, ledger: Ledger) -> None:
        ledger.run(lambda tx: [tx.users.insert(_user(one)) for one in ("b", "C", "a")])

        assert [one.name for one in ledger.read(lambda view: view.users.all())] == ["a", "b", "C"]

    def test_nobody_is_locked_who_is_not_there(self, ledger: Ledger) -> None:
        assert ledger.run(lambda tx: tx.users.lock(uuid7())) is None
        assert ledger.read(lambda view: view.users.named("ann")) is None

    def test_a_password_that_changes_and_one_that_is_only_hashed_anew(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        made = _inserted(ledger, "ann")
        clock.advance(5)

        ledger.run(lambda tx: tx.users.set_password(made.id, "anew", changed=False))
        same = _get(ledger, made.id)
        ledger.run(lambda tx: tx.users.set_password(made.id, "other", changed=True))
        changed = _get(ledger, made.id)

        assert (same.password_hash, changed.password_hash) == ("anew", "other")
        assert same.password_changed_at == made.password_changed_at
        assert changed.password_changed_at >= made.password_changed_at + 5 * SECOND

    def test_a_user_is_disabled_and_enabled(self, ledger: Ledger) -> None:
        made = _inserted(ledger, "ann")
        begun = now(ledger)

        ledger.run(lambda tx: tx.users.set_disabled(made.id, True))
        disabled_at = _get(ledger, made.id).disabled_at
        ledger.run(lambda tx: tx.users.set_disabled(made.id, False))

        assert disabled_at is not None
        assert begun <= disabled_at <= now(ledger)
        assert _get(ledger, made.id).disabled_at is None

    def test_networks_are_known_from_a_sign_in_on(self, ledger: Ledger, clock: ManualClock) -> None:
        made, other = _inserted(ledger, "ann"), _inserted(ledger, "bob")
        begun = now(ledger)

        def known(user_id: UUID, network: str, since: int) -> bool:
            return ledger.run(lambda tx: tx.users.is_known(user_id, network, since=since))

        ledger.run(lambda tx: tx.users.note_sign_in(made.id, "10.0.0.1"))
        assert known(made.id, "10.0.0.1", begun)
        assert not known(made.id, "10.0.0.2", begun)
        assert not known(other.id, "10.0.0.1", begun)
        clock.advance(60)
        later = now(ledger)
        assert not known(made.id, "10.0.0.1", later)
        ledger.run(lambda tx: tx.users.note_sign_in(made.id, "10.0.0.1"))
        assert known(made.id, "10.0.0.1", later)
        ledger.run(lambda tx: tx.users.note_sign_in(made.id, None))
        signed_in_at = _get(ledger, made.id).signed_in_at
        assert signed_in_at is not None
        assert signed_in_at >= later

    def test_a_user_goes_with_all_that_is_theirs(self, ledger: Ledger) -> None:
        gone, stays = _inserted(ledger, "ann"), _inserted(ledger, "bob")
        sessions = [_begun(ledger, one.id) for one in (gone, stays)]
        links = [_linked(ledger, one.id) for one in (gone, stays)]
        for one in (gone, stays):
            ledger.run(lambda tx, one=one: tx.users.note_sign_in(one.id, "n"))  # type: ignore[misc]

        for _ in range(2):
            ledger.run(lambda tx: tx.users.delete(gone.id))

        assert [one.id for one in ledger.read(lambda view: view.users.all())] == [stays.id]
        assert [_has_session(ledger, one.id) for one in sessions] == [False, True]
        assert [_has_link(ledger, one.id) for one in links] == [False, True]
        known = [
            ledger.run(lambda tx, one=one: tx.users.is_known(one.id, "n", since=0))  # type: ignore[misc]
            for one in (gone, stays)
        ]
        assert known == [False, True]

    def test_of_two_who_take_a_name_at_once_one_gets_it(self, ledger: Ledger) -> None:
        inserted, looked = threading.Event(), threading.Event()

        def slowly(tx: LedgerTransaction) -> bool:
            done = tx.users.insert(first)
            inserted.set()
            assert not looked.wait(GLANCE)
            return done

        def other() -> bool:
            assert inserted.wait(PATIENCE)
            done = ledger.run(lambda tx: tx.users.insert(second))
            looked.set()
            return done

        first, second = _user("ann"), _user("Ann")
        with ThreadPoolExecutor(2) as pool:
            one, two = pool.submit(ledger.run, slowly), pool.submit(other)
            assert one.result(PATIENCE) is True
            assert two.result(PATIENCE) is False

    # -- sessions and links -----------------------------------------------------------------

    def test_a_session_comes_back_as_it_was(self, ledger: Ledger) -> None:
        made = _inserted(ledger, "ann")
        of_user = _session(made.id)
        of_proxy = evolve(_session(None), source=Source.PROXY, groups=("a", "ž"))
        begun = now(ledger)

        for one in (of_user, of_proxy, of_user):
            ledger.run(lambda tx, one=one: tx.users.insert_session(one))  # type: ignore[misc]

        found = ledger.read(lambda view: view.users.session(of_user.id))
        assert found is not None
        assert evolve(found[0], created_at=0, seen_at=0) == of_user
        assert begun <= found[0].created_at == found[0].seen_at <= now(ledger)
        assert found[1] == made
        found = ledger.read(lambda view: view.users.session(of_proxy.id))
        assert found is not None
        assert evolve(found[0], created_at=0, seen_at=0) == of_proxy
        assert found[1] is None
        assert ledger.read(lambda view: view.users.session(uuid7())) is None

    def test_a_session_is_touched_and_deleted(self, ledger: Ledger, clock: ManualClock) -> None:
        made = _begun(ledger, None)
        clock.advance(5)
        later = now(ledger)

        ledger.run(lambda tx: tx.users.touch_session(made.id))
        found = ledger.read(lambda view: view.users.session(made.id))
        assert found is not None
        assert found[0].seen_at >= later
        for _ in range(2):
            ledger.run(lambda tx: tx.users.delete_session(made.id))
        assert not _has_session(ledger, made.id)

    def test_all_access_of_a_user_ends_but_one_session(self, ledger: Ledger) -> None:
        made, other = _inserted(ledger, "ann"), _inserted(ledger, "bob")
        kept, gone, others = (
            _begun(ledger, made.id),
            _begun(ledger, made.id),
            _begun(ledger, other.id),
        )
        links = [_linked(ledger, made.id), _linked(ledger, other.id)]

        ledger.run(lambda tx: tx.users.delete_access(made.id, but=kept.id))

        ids = (kept.id, gone.id, others.id)
        assert [_has_session(ledger, one) for one in ids] == [True, False, True]
        assert [_has_link(ledger, one.id) for one in links] == [False, True]
        ledger.run(lambda tx: tx.users.delete_access(made.id))
        assert [_has_session(ledger, one) for one in ids] == [False, False, True]

    def test_a_link_is_taken_once(self, ledger: Ledger) -> None:
        made = _linked(ledger, uuid7())

        taken = [ledger.run(lambda tx: tx.users.take_link(made.id)) for _ in range(2)]

        assert taken == [made, None]

    def test_of_two_who_take_a_link_at_once_one_gets_it(self, ledger: Ledger) -> None:
        made = _linked(ledger, uuid7())
        taken, looked = threading.Event(), threading.Event()

        def slowly(tx: LedgerTransaction) -> SignInLink | None:
            found = tx.users.take_link(made.id)
            taken.set()
            assert not looked.wait(GLANCE)
            return found

        def other() -> SignInLink | None:
            assert taken.wait(PATIENCE)
            found = ledger.run(lambda tx: tx.users.take_link(made.id))
            looked.set()
            return found

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.submit(ledger.run, slowly), pool.submit(other)
            assert first.result(PATIENCE) == made
            assert second.result(PATIENCE) is None

    # -- guesses ----------------------------------------------------------------------------

    def test_guesses_are_kept_and_forgotten(self, ledger: Ledger) -> None:
        changed = Guesses(
            key=_KEY, count=3, since=_FOREVER, wait_until=_FOREVER, last=uuid7(), seen_at=_FOREVER
        )

        def put(tx: LedgerTransaction) -> Guesses:
            found = tx.users.lock_guesses(_KEY)
            tx.users.put_guesses(changed)
            return found

        assert ledger.run(put) == Guesses(key=_KEY)
        assert ledger.run(lambda tx: tx.users.lock_guesses(_KEY)) == changed
        for _ in range(2):
            ledger.run(lambda tx: tx.users.forget_guesses(_KEY))
        assert ledger.run(lambda tx: tx.users.lock_guesses(_KEY)) == Guesses(key=_KEY)

    def test_guesses_at_once_are_counted_one_after_the_other(self, ledger: Ledger) -> None:
        def count(tx: LedgerTransaction) -> int:
            found = tx.users.lock_guesses(_KEY)
            tx.users.put_guesses(evolve(found, count=found.count + 1))
            return found.count

        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(ledger.run, count) for _ in range(12)]
            assert sorted(one.result(PATIENCE) for one in running) == list(range(12))

    # -- clean-up ---------------------------------------------------------------------------

    def test_sessions_and_links_that_are_over_are_deleted(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        begun = now(ledger)
        idle = _begun(ledger, None)
        clock.advance(60)
        expired = _begun(ledger, None, expires_at=begun + 30 * SECOND)
        fresh = _begun(ledger, None)
        links = [
            _linked(ledger, uuid7(), expires_at=begun + 30 * SECOND),
            _linked(ledger, uuid7()),
        ]

        def clean(limit: int) -> int:
            return ledger.run(
                lambda tx: tx.users.delete_sessions(unseen_since=begun + 30 * SECOND, limit=limit)
            )

        assert clean(9) == 3
        assert clean(9) == 0
        ids = (idle.id, expired.id, fresh.id)
        assert [_has_session(ledger, one) for one in ids] == [False, False, True]
        assert [_has_link(ledger, one.id) for one in links] == [False, True]

    def test_networks_that_are_old_are_deleted(self, ledger: Ledger, clock: ManualClock) -> None:
        made = _inserted(ledger, "ann")
        for one in ("old", "older", "oldest"):
            ledger.run(lambda tx, one=one: tx.users.note_sign_in(made.id, one))  # type: ignore[misc]
        clock.advance(60)
        later = now(ledger)
        ledger.run(lambda tx: tx.users.note_sign_in(made.id, "new"))

        deleted = [
            ledger.run(lambda tx: tx.users.delete_networks(before=later, limit=2)) for _ in range(3)
        ]

        assert deleted == [2, 1, 0]
        assert ledger.run(lambda tx: tx.users.is_known(made.id, "new", since=later))

    def test_guesses_are_deleted_that_are_old_or_too_many(self, ledger: Ledger) -> None:
        keys = [key_of(str(number)) for number in range(6)]

        def put(tx: LedgerTransaction) -> None:
            for seen_at, key in enumerate(keys, start=10):
                tx.users.lock_guesses(key)
                tx.users.put_guesses(Guesses(key=key, count=1, seen_at=seen_at))

        def left(tx: LedgerTransaction) -> list[int]:
            return [tx.users.lock_guesses(one).count for one in keys]

        ledger.run(put)
        assert ledger.run(lambda tx: tx.users.delete_guesses(before=11, most=9, limit=9)) == 1
        assert ledger.run(lambda tx: tx.users.delete_guesses(before=11, most=9, limit=9)) == 0
        assert ledger.run(lambda tx: tx.users.delete_guesses(before=11, most=3, limit=9)) == 2
        assert ledger.run(left) == [0, 0, 0, 1, 1, 1]


def _user(name: str, *, tenant: str | None = None, resources: tuple[str, ...] = ("view",)) -> User:
    return User(id=uuid7(), name=name, password_hash="h", resources=resources, tenant=tenant)


def _inserted(ledger: Ledger, name: str) -> User:
    made = _user(name)
    assert ledger.run(lambda tx: tx.users.insert(made))
    return _get(ledger, made.id)


def _get(ledger: Ledger, user_id: UUID) -> User:
    found = ledger.read(lambda view: view.users.get(user_id))
    assert found is not None
    return found


def _session(user_id: UUID | None, *, expires_at: int = _FOREVER) -> Session:
    return Session(
        id=uuid7(),
        digest=bytes(range(32)),
        user_id=user_id,
        name="ann",
        source=Source.PASSWORD,
        csrf="c" * 43,
        expires_at=expires_at,
    )


def _begun(ledger: Ledger, user_id: UUID | None, *, expires_at: int = _FOREVER) -> Session:
    made = _session(user_id, expires_at=expires_at)
    ledger.run(lambda tx: tx.users.insert_session(made))
    return made


def _has_session(ledger: Ledger, session_id: UUID) -> bool:
    return ledger.run(lambda tx: tx.users.has_session(session_id))


def _linked(ledger: Ledger, user_id: UUID, *, expires_at: int = _FOREVER) -> SignInLink:
    made = SignInLink(id=uuid7(), digest=bytes(range(32)), user_id=user_id, expires_at=expires_at)
    for _ in range(2):
        ledger.run(lambda tx: tx.users.insert_link(made))
    return made


def _has_link(ledger: Ledger, link_id: UUID) -> bool:
    return ledger.rehearse(lambda tx: tx.users.take_link(link_id)) is not None
