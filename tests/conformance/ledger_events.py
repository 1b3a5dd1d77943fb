"""The rows of events: publishing, what becomes of them, services that fail."""

from __future__ import annotations

from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.limits import LONGEST_NAME
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.testing.builders import make_event
from tests.conformance.ledger_base import (
    MANY,
    SECOND,
    LedgerFixtures,
    event_of,
    now,
    publish,
    sorted_ids,
)
from tests.conformance.ledger_event_claims import resolve


class Events(LedgerFixtures):
    """Every operation on events."""

    # -- insert and find --------------------------------------------------------------------

    def test_new_event_is_open(self, ledger: Ledger) -> None:
        new = make_event(
            name="Sales.order_created-1",
            tenant="zürich",
            arguments='{"text":"žluťoučký 🐎"}'.encode(),
            external_id="order-42",
            occurred_at=1_234_567_890_123_456,
        )
        before = now(ledger)

        publish(ledger, new, due_in=10.0)

        event = event_of(ledger, new.id)
        assert event.name == new.name
        assert event.tenant == "zürich"
        assert event.arguments == new.arguments
        assert event.external_id == "order-42"
        assert event.occurred_at == 1_234_567_890_123_456
        assert event.body is None
        assert event.state is EventState.OPEN
        assert (event.claims, event.deaths, event.abandonments) == (0, 0, 0)
        assert (event.owner, event.error) == (None, None)
        assert before <= event.created_at <= now(ledger)
        assert event.due_at is not None
        assert before + 10 * SECOND <= event.due_at <= now(ledger) + 10 * SECOND

    def test_bodies_and_their_sizes_by_id(self, ledger: Ledger) -> None:
        bodies = ['{"data": "🐎"}'.encode(), b"{}", b'{"data": "' + b"x" * 100_000 + b'"}']
        new = [make_event(arguments=None, body=body) for body in bodies]
        without = make_event(arguments=b"{}")
        ids = publish(ledger, *new, without)
        expected = dict(zip(ids, bodies, strict=False))
        wanted = [*ids, UUID(int=7)]
        assert ledger.read(lambda view: view.events.bodies(wanted)) == expected
        sizes = ledger.read(lambda view: view.events.body_sizes(wanted))
        assert sizes == {one: len(body) for one, body in expected.items()}
        assert ledger.read(lambda view: view.events.bodies([])) == {}
        many = ledger.read(lambda view: view.events.body_sizes([UUID(int=n) for n in range(MANY)]))
        assert many == {}

    def test_an_event_may_come_with_its_body(self, ledger: Ledger) -> None:
        body = '{"specversion": "1.0", "data": "🐎"}'.encode()
        new = make_event(arguments=None, body=body)
        publish(ledger, new)

        found = event_of(ledger, new.id)
        (listed,) = ledger.read(lambda view: view.events.page(name=None, limit=1, before=None))

        assert (found.arguments, found.body) == (None, body)
        assert listed.body == body
        assert found.published == '"🐎"'.encode()

    def test_same_id_is_passed_over(self, ledger: Ledger) -> None:
        first = make_event(arguments=b'{"n":1}')
        other = make_event()
        publish(ledger, first)

        publish(ledger, make_event(id=first.id, arguments=b'{"n":2}'), other)

        assert event_of(ledger, first.id).arguments == b'{"n":1}'
        assert event_of(ledger, other.id).state is EventState.OPEN

    def test_same_external_id_is_passed_over(self, ledger: Ledger) -> None:
        first, again = make_event(external_id="a"), make_event(external_id="a")
        other = make_event(external_id="b")
        publish(ledger, first)

        publish(ledger, again, other)

        assert ledger.read(lambda view: view.events.get(again.id)) is None
        assert event_of(ledger, other.id).external_id == "b"
        found = ledger.run(lambda tx: dict(tx.events.find(["a", "b"])))
        assert found == {"a": (first.id, first.digest), "b": (other.id, other.digest)}

    def test_same_external_id_twice_in_one_call(self, ledger: Ledger) -> None:
        first, again = make_event(external_id="a"), make_event(external_id="a")

        publish(ledger, first, again)

        assert event_of(ledger, first.id).external_id == "a"
        assert ledger.read(lambda view: view.events.get(again.id)) is None

    def test_names_and_external_ids_are_case_sensitive(self, ledger: Ledger) -> None:
        lower = make_event(name="a.b", external_id="id")
        upper = make_event(name="A.B", external_id="ID")

        publish(ledger, lower, upper)

        found = ledger.run(lambda tx: dict(tx.events.find(["id"])))
        assert found == {"id": (lower.id, lower.digest)}
        listed = ledger.read(lambda view: view.events.page(name="A.B", limit=10, before=None))
        assert [one.id for one in listed] == [upper.id]

    def test_texts_as_long_as_may_be_are_kept(self, ledger: Ledger) -> None:
        longest = "🐎" * LONGEST_NAME
        new = make_event(name="n" * LONGEST_NAME, tenant=longest, external_id=longest)
        publish(ledger, new)

        event = event_of(ledger, new.id)
        assert (event.name, event.tenant, event.external_id) == (new.name, longest, longest)
        found = ledger.run(lambda tx: dict(tx.events.find([longest])))
        assert found == {longest: (new.id, new.digest)}

    def test_external_ids_that_look_alike_are_different(self, ledger: Ledger) -> None:
        alike = ["é", "e\u0301", "e", "ß", "ss", "ﬁ", "fi", "İ", "i̇", "a b", "a  b"]
        events = [make_event(external_id=one) for one in alike]
        publish(ledger, *events)

        found = ledger.run(lambda tx: dict(tx.events.find(alike)))

        assert found == {one.external_id: (one.id, one.digest) for one in events}

    def test_find_events_knows_only_what_is_there(self, ledger: Ledger) -> None:
        publish(ledger, make_event(), make_event())

        assert ledger.run(lambda tx: dict(tx.events.find(["nothing"]))) == {}
        assert ledger.run(lambda tx: dict(tx.events.find([]))) == {}

    def test_many_at_once(self, ledger: Ledger) -> None:
        events = [make_event(external_id=f"e{number}") for number in range(MANY)]
        ids = publish(ledger, *events)

        found = ledger.run(lambda tx: tx.events.find([f"e{number}" for number in range(MANY)]))
        locked = ledger.run(lambda tx: tx.events.lock(ids))

        assert {one for one, _ in found.values()} == set(ids)
        assert [one.id for one in locked] == sorted(ids)

    # -- what becomes of them ---------------------------------------------------------------

    def test_store_bodies(self, ledger: Ledger) -> None:
        first, second = publish(ledger, make_event(), make_event())
        resolve(ledger, first, owner=uuid7(), lease=60.0, abandoned=True)
        large = '{"data":"🐎"}'.encode() * 20_000

        ledger.run(lambda tx: tx.events.store_bodies({first: large, second: b"{}"}))

        assert event_of(ledger, first).body == large
        assert event_of(ledger, second).body == b"{}"
        assert event_of(ledger, first).abandonments == 0
        found = ledger.run(lambda tx: dict(tx.events.read([first, second, uuid7()])))
        assert {key: event.body for key, event in found.items()} == {first: large, second: b"{}"}

    def test_store_arguments(self, ledger: Ledger) -> None:
        first, second = publish(
            ledger, *(make_event(arguments=None, body=b'{"data": 1}') for _ in range(2))
        )

        ledger.run(lambda tx: tx.events.store_arguments({first: b"{}"}))

        found = event_of(ledger, first)
        assert (found.arguments, found.body) == (b"{}", None)
        assert event_of(ledger, second).body == b'{"data": 1}'

    def test_mark_fanned_out(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger)
        resolve(ledger, event_id, owner=uuid7(), lease=60.0)
        ledger.run(lambda tx: tx.events.store_bodies({event_id: b"{}"}))

        ledger.run(lambda tx: tx.events.mark_fanned_out([event_id]))

        event = event_of(ledger, event_id)
        assert event.state is EventState.FANNED_OUT
        assert (event.due_at, event.owner, event.body) == (None, None, b"{}")

    def test_postpone_event(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger)
        resolve(ledger, event_id, owner=uuid7(), lease=60.0, abandoned=True)
        due_at = now(ledger) + 4 * SECOND

        ledger.run(
            lambda tx: tx.events.postpone(event_id, due_at=due_at, deaths=2, error="KeyError")
        )

        event = event_of(ledger, event_id)
        assert event.state is EventState.OPEN
        assert (event.due_at, event.deaths, event.error) == (due_at, 2, "KeyError")
        assert (event.claims, event.abandonments) == (1, 0)

    def test_fail_event_and_reopen_it(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger)
        resolve(ledger, event_id, owner=uuid7(), lease=60.0)

        ledger.run(lambda tx: tx.events.fail(event_id, deaths=6, error="no such order"))
        failed = event_of(ledger, event_id)
        before = now(ledger)
        reopened = ledger.run(lambda tx: tx.events.reopen([event_id]))
        event = event_of(ledger, event_id)

        assert failed.state is EventState.FAILED
        assert (failed.due_at, failed.owner) == (None, None)
        assert (failed.deaths, failed.error) == (6, "no such order")
        assert reopened == 1
        assert event.state is EventState.OPEN
        assert event.deaths == 0
        assert event.due_at is not None
        assert before <= event.due_at <= now(ledger)

    def test_only_failed_events_are_reopened(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger, due_in=50.0)
        due_at = event_of(ledger, event_id).due_at

        assert ledger.run(lambda tx: tx.events.reopen([event_id, uuid7()])) == 0
        assert ledger.run(lambda tx: tx.events.reopen([])) == 0
        assert event_of(ledger, event_id).due_at == due_at

    def test_many_events_are_reopened_once(self, ledger: Ledger) -> None:
        ids = publish(ledger, *[make_event() for _ in range(MANY)])

        def fail(tx: LedgerTransaction) -> None:
            for one in ids[1:]:
                tx.events.fail(one, deaths=1, error="no")

        ledger.run(fail)

        assert ledger.run(lambda tx: tx.events.reopen(ids)) == MANY - 1
        assert ledger.run(lambda tx: tx.events.reopen(ids)) == 0
        assert ledger.read(lambda view: view.backlog()).events_open == MANY

    def test_events_newest_first_in_pages(self, ledger: Ledger) -> None:
        ids = sorted_ids(5)
        publish(ledger, *[make_event(id=one) for one in ids])

        def page(before: UUID | None) -> list[UUID]:
            found = ledger.read(lambda view: view.events.page(name=None, limit=2, before=before))
            return [one.id for one in found]

        assert page(None) == [ids[4], ids[3]]
        assert page(ids[3]) == [ids[2], ids[1]]
        assert page(ids[1]) == [ids[0]]
        assert page(ids[0]) == []

    def test_events_by_name_without_bodies(self, ledger: Ledger) -> None:
        wanted, _ = publish(ledger, make_event(name="a"), make_event(name="b"))
        ledger.run(lambda tx: tx.events.store_bodies({wanted: b"{}"}))

        (found,) = ledger.read(lambda view: view.events.page(name="a", limit=9, before=None))

        assert found == evolve(event_of(ledger, wanted), body=None)

    def test_events_of_a_tenant(self, ledger: Ledger) -> None:
        mine, _, _ = publish(ledger, make_event(tenant="t"), make_event(tenant="u"), make_event())

        found = ledger.read(
            lambda view: view.events.page(name=None, limit=9, before=None, tenant="t")
        )

        assert [one.id for one in found] == [mine]

    def test_an_event_is_locked_with_its_body(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger)
        ledger.run(lambda tx: tx.events.store_bodies({event_id: b"{}"}))

        found = ledger.run(lambda tx: tx.events.lock_one(event_id))

        assert found is not None
        assert found.body == b"{}"
        assert ledger.run(lambda tx: tx.events.lock_one(uuid7())) is None
