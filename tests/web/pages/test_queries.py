"""How many statements each page sends to the ledger: as many for 100 rows as for 10."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy as sa

from asyncevents_core.domain.access import ALL, Actor, AuditEntry
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.replaying.jobs import start_job
from asyncevents_core.testing.builders import make_attempt, make_delivery, make_event, make_request
from tests.web.pages.test_page_access import TABLE
from tests.web.serving import Api, Visitor, serving

SIGNED_IN = 3
"""The session, the user, and the time; now and then a transaction says that they were seen."""
MOST: Mapping[str, int] = {
    "/": 18,
    "/problems": 4,
    "/password": 0,
    "/subscriptions": 5,
    "/subscriptions.csv": 2,
    "/subscriptions/status": 0,
    "/subscriptions/new": 0,
    "/subscriptions/{subscription_id:int}": 3,
    "/subscriptions/{subscription_id:int}/edit": 1,
    "/subscriptions/{subscription_id:int}/secret": 1,
    "/subscriptions/{subscription_id:int}/delete": 1,
    "/logs": 1,
    "/logs.csv": 1,
    "/logs/by-time": 2,
    "/traces/{delivery_id:uuid}": 11,
    "/traces/{delivery_id:uuid}/payload.json": 6,
    "/events": 1,
    "/events/{event_id:uuid}": 6,
    "/deliveries": 2,
    "/event-definitions": 0,
    "/event-definitions/{event_name:str}": 0,
    "/sinks/{name:str}/icon.svg": 0,
    "/configuration": 1,
    "/plugins": 0,
    "/tokens": 2,
    "/tokens/hour": 0,
    "/tokens/{token_id:uuid}/revoke": 1,
    "/users": 3,
    "/users/{user_id:uuid}/password": 2,
    "/users/{user_id:uuid}/disable": 2,
    "/users/{user_id:uuid}/enable": 2,
    "/users/{user_id:uuid}/delete": 2,
    "/users/{user_id:uuid}/link": 2,
    "/audit": 1,
    "/dead-letters": 2,
    "/replays": 1,
    "/replays/{job_id:uuid}": 1,
    "/replays/found": 2,
    "/replays/dead": 2,
}
"""The statements of each page, without those of sign-in, at most."""
FEW, MANY = 10, 100


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[int, tuple[Api, Any]]]:
    with ExitStack() as stack:
        made = {}
        for count in (FEW, MANY):
            api = stack.enter_context(serving(tmp_path_factory.mktemp(f"rows{count}")))
            made[count] = (api, filled(api, count))
        yield made


def filled(api: Api, count: int) -> Mapping[str, object]:
    """Make so many of everything; return what pages are about."""
    numbers = [api.subscribe() for _ in range(count)]
    event = make_event(name="order.created", arguments=None, body=make_request(target="").body)
    attempts = 3
    several = [
        make_delivery(
            id=uuid7(),
            event_id=event.id,
            subscription_id=number,
            claims=attempts,
            state=DeliveryState.WAITING,
        )
        for number in numbers
    ]
    long = several[0]

    def write(tx: Any) -> None:
        tx.events.insert([event], due_in=0.0)
        tx.deliveries.insert(several)
        for one in several:
            last = count if one is long else attempts
            tx.outcomes.record(
                [make_attempt(delivery_id=one.id, claim_no=n) for n in range(1, last + 1)]
            )
        for number in range(count):
            tx.access.write_audit([AuditEntry(id=uuid7(), who="x", action="x.x", subject="1")])
            tx.workers.beat(
                WorkerRow(
                    id=uuid7(),
                    host="web",
                    pid=number,
                    roles=(Role.INDEX,),
                    started_at=1,
                    beat_at=2**52,
                )
            )

    api.ledger.run(write)
    for number in numbers:
        api.deliver(number, state=DeliveryState.DEAD)
        api.fail()
        api.token("view")
    operator = Actor.trusted("test")
    jobs = [
        start_job(api.ledger, DeadFilter(), total=1, rate=1.0, by=operator) for _ in range(count)
    ]
    names = [api.user("view") for _ in range(count)]
    user = api.ledger.read(lambda view: view.users.named(names[0]))
    (token, *_) = api.ledger.read(lambda view: view.access.tokens())
    api.index()
    return {
        "subscription_id:int": numbers[0],
        "event_id:uuid": event.id,
        "token_id:uuid": token.id,
        "user_id:uuid": user.id,
        "delivery_id:uuid": long.id,
        "job_id:uuid": jobs[0].id,
        "name:str": "http",
        "event_name:str": "order.created",
    }


class Statements:
    """Those that the server's threads send while the block runs."""

    def __init__(self, api: Api) -> None:
        self._engine = api.ledger._engine
        self.sent: list[str] = []

    def __enter__(self) -> Statements:
        sa.event.listen(self._engine, "before_cursor_execute", self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self._engine, "before_cursor_execute", self._see)

    def _see(self, *arguments: Any) -> None:
        # Jobs and the search's own threads look for work meanwhile.
        if threading.current_thread().name.startswith("asyncevents-web"):
            self.sent.append(arguments[2])


def transactions(api: Api, visitor: Visitor, path: str, **fields: Any) -> list[list[str]]:
    """Return the statements that a page sends, by transaction: who is signed in is the first."""
    visitor.get("/password")
    with Statements(api) as statements:
        answer = visitor.get(path, **fields)
    assert answer.status_code in {200, 303}, answer.text
    found: list[list[str]] = []
    for one in statements.sent:
        if one.startswith("BEGIN"):
            found.append([])
        else:
            found[-1].append(one)
    return found


@pytest.mark.parametrize("path", [path for method, path in TABLE if method == "GET"] + ["/"])
def test_a_page_sends_as_many_for_many_rows(worlds, path):
    sent = {}
    for count, (api, places) in worlds.items():
        _, fields, *_ = TABLE.get(("GET", path), (None, {}))
        where = path
        for name, value in places.items():
            where = where.replace(f"{{{name}}}", str(value))
        _, *own = transactions(api, api.visitor(ALL), where, **fields)
        sent[count] = [statement for one in own for statement in one]
    assert len(sent[MANY]) == len(sent[FEW]), "\n".join(sent[MANY])
    assert len(sent[MANY]) <= MOST[path], "\n".join(sent[MANY])


def test_the_table_has_every_page():
    assert set(MOST) == {"/", *(path for method, path in TABLE if method == "GET")}


def test_who_is_signed_in_takes_few(worlds):
    api, _ = worlds[MANY]
    assert [len(one) for one in transactions(api, api.visitor(ALL), "/password")] == [SIGNED_IN]
