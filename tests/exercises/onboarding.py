"""Ten exercises for those who begin: something is to be built in an almost empty folder."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from standardwebhooks import Webhook

from tests.exercises.exercise import Exercise, require
from tests.exercises.workbench import SECRET

_USUAL = """
Use asyncevents (`asyncevents --help`), with SQLite files in this folder, and write the settings
module `asyncevents_settings.py` here. The recipient is on this machine: http has to be allowed to
reach it. Subscribe {recipient} with the secret {secret}.
"""


class FirstDelivery(Exercise):
    """From an empty folder to an event that arrives."""

    name = "first-delivery"
    instruction = (
        _USUAL
        + """
Write `publish.py`: `python publish.py 7` publishes the event `order.created` with the data
{{"number": 7}}. We shall run it, and then `asyncevents worker --drain`; the recipient has to get
the event, signed.
"""
    )

    def check(self) -> None:
        """See `Exercise`."""
        number = random.randrange(10**6)
        self.bench.run("python", "publish.py", str(number))
        self.bench.deliver()
        self.bench.require_numbers(number)


class InATransaction(Exercise):
    """An event that is published if and only if the order is kept."""

    name = "in-a-transaction"
    instruction = (
        _USUAL
        + """
`shop.py` places orders. Let `place_order` publish `order.created` with {{"number": number}}: if the
session commits, the event has to be delivered, even if the process dies right then; if it rolls
back, or the savepoint in which the order was placed, the event must not exist. Keep the function's
parameters, and make the tables of the ledger.
"""
    )

    def prepare(self) -> None:
        """See `Exercise`."""
        self.bench.write(
            "shop.py",
            """from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

engine = create_engine(f"sqlite:///{Path(__file__).parent}/shop.db")


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    number: Mapped[int] = mapped_column(primary_key=True)


def place_order(session: Session, number: int) -> None:
    session.add(Order(number=number))
    session.flush()
""",
        )

    def check(self) -> None:
        """See `Exercise`."""
        self.bench.python(
            """
import os
from sqlalchemy.orm import Session
import shop
shop.Base.metadata.create_all(shop.engine)
with Session(shop.engine) as session:
    shop.place_order(session, 1)
    session.rollback()
with Session(shop.engine) as session:
    shop.place_order(session, 2)
    session.commit()
    os._exit(0)  # whatever would have been done later is not done
"""
        )
        self.bench.deliver()
        self.bench.require_numbers(2)


class Service(Exercise):
    """A payload that is made when it is delivered."""

    name = "service"
    instruction = (
        _USUAL
        + """
The event `order.created` is published with {{"number": …}} only. Recipients have to get the whole
order, {{"number": …, "total": …}}, as `orders.json` has it when a worker takes the event, not as it
was when the event was published. We shall publish with `asyncevents publish`, change the file, and
run `asyncevents worker --drain` in this folder.
"""
    )

    def prepare(self) -> None:
        """See `Exercise`."""
        self.bench.write("orders.json", json.dumps({"1": {"number": 1, "total": 10}}))

    def check(self) -> None:
        """See `Exercise`."""
        total = random.randrange(10**6)
        self.bench.publish("order.created", {"number": 1})
        self.bench.write("orders.json", json.dumps({"1": {"number": 1, "total": total}}))
        self.bench.deliver()
        got = self.bench.arrived()
        require(got == [{"number": 1, "total": total}], f"the recipient got {got}")


class Filter(Exercise):
    """Only what a subscriber asked for."""

    name = "filter"
    instruction = (
        _USUAL
        + """
Define the events `order.created`, `order.paid` and `customer.created`. The recipient wants those
whose name begins with "order.", and of them only orders from Germany (`country` is "DE") with a
`total` of 100 or more. What it does not want must not be sent. One subscription is enough.
"""
    )

    def check(self) -> None:
        """See `Exercise`."""
        orders = [
            {"number": 1, "country": "DE", "total": 100},
            {"number": 2, "country": "DE", "total": 99},
            {"number": 3, "country": "AT", "total": 500},
        ]
        self.bench.publish("order.created", *orders)
        self.bench.publish("order.paid", {"number": 4, "country": "DE", "total": 1000.5})
        self.bench.publish("customer.created", {"number": 5, "country": "DE", "total": 200})
        self.bench.deliver()
        self.bench.require_numbers(1, 4)


class OwnSink(Exercise):
    """A sink of one's own."""

    name = "own-sink"
    instruction = """
Use asyncevents (`asyncevents --help`), with SQLite files in this folder, and write the settings
module `asyncevents_settings.py` here. Write a sink named `journal`, as a hook module of this
folder. It appends the data of each event, as one line of JSON, to the file that is the target
of the subscription. Define the event `order.created`. We shall run `asyncevents subscribe
order.created /some/file --sink journal`, publish, and run `asyncevents worker --drain`.
"""

    def check(self) -> None:
        """See `Exercise`."""
        path = self.bench.folder / f"journal-{random.randrange(10**6)}.txt"
        self.bench.asyncevents("subscribe", "order.created", str(path), "--sink", "journal")
        orders = [{"number": number, "text": "one\nline"} for number in range(3)]
        self.bench.publish("order.created", *orders)
        self.bench.deliver()
        require(path.exists(), f"{path.name} was not written")
        lines = path.read_text().splitlines()
        got = sorted((json.loads(one) for one in lines), key=lambda one: one["number"])
        require(got == orders, f"the file has {lines}")


class Retries(Exercise):
    """How often and when something is tried again."""

    name = "retries"
    instruction = (
        _USUAL
        + """
Define the event `order.created`. Let what fails be tried again one second later, and once more
after another second, without any jitter, and then be given up.
"""
    )

    def check(self) -> None:
        """See `Exercise`."""
        self.bench.inbox.behave(fail_first=2)
        self.bench.publish("order.created", {"number": 1})
        self.bench.deliver()
        self.bench.require_numbers(1)
        self.bench.inbox.behave(status=503)
        before = len(self.bench.inbox.arrivals)
        self.bench.publish("order.created", {"number": 2})
        self.bench.deliver()
        tried = len(self.bench.inbox.arrivals) - before
        require(tried == 3, f"it was tried {tried} times, not 3")
        dead = len(self.bench.rows("dead-letters"))
        require(dead == 1, f"there are {dead} dead letters, not 1")


class Find(Exercise):
    """Find deliveries by what is in their payload."""

    name = "find"
    instruction = """
This folder has a ledger with deliveries of yesterday (`asyncevents logs`). Write into `answer.txt`
the numbers of all orders from Germany (`country` is "DE" in the data) whose delivery failed with
HTTP status 500, one number a line, in any order, and nothing else.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        bench = self.bench
        bench.write_settings(MAXIMUM_DEATHS=0, EVENTS={"order.created": {}, "order.paid": {}})
        bench.asyncevents("db", "upgrade")
        broken, away = bench.another_inbox(500), bench.another_inbox(503)
        orders = [
            {"number": number, "country": random.choice(["DE", "AT"])}
            for number in random.sample(range(10**4, 10**5), 60)
        ]
        self.expected = {str(one["number"]) for one in orders[:30] if one["country"] == "DE"}
        for inbox, tenant in ((broken, "a"), (away, "b"), (bench.inbox, "c")):
            bench.asyncevents(
                "subscribe", "order.created", inbox.url, "--tenant", tenant, "--secret", SECRET
            )
        bench.publish("order.created", *orders[:30], tenant="a")
        bench.publish("order.created", *orders[30:45], tenant="b")
        bench.publish("order.created", *orders[45:], tenant="c")
        bench.deliver()

    def check(self) -> None:
        """See `Exercise`."""
        path = self.bench.folder / "answer.txt"
        require(path.exists(), "there is no answer.txt")
        got = path.read_text().split()
        wrong = sorted(self.expected.symmetric_difference(got))
        require(sorted(got) == sorted(self.expected), f"missing, or not asked for: {wrong}")


class Replay(Exercise):
    """Send again what was given up, and only that."""

    name = "replay"
    instruction = """
Last night the recipient was away, and everything for it was given up. It is back. Send again what
was given up of the event `order.created` for the tenant `acme`, each once, and nothing else: not
`order.paid`, not what is of the tenant `other`. Let a worker deliver it (`asyncevents worker
--drain`).
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        bench = self.bench
        bench.write_settings(MAXIMUM_DEATHS=0, EVENTS={"order.created": {}, "order.paid": {}})
        bench.asyncevents("db", "upgrade")
        bench.inbox.behave(status=503)
        for tenant in ("acme", "other"):
            bench.asyncevents(
                "subscribe", "order.*", bench.inbox.url, "--tenant", tenant, "--secret", SECRET
            )
        for number, tenant in enumerate(("acme", "acme", "other", "acme")):
            bench.publish("order.created", {"number": number}, tenant=tenant)
            bench.publish("order.paid", {"number": number + 10}, tenant=tenant)
        bench.deliver()
        bench.inbox.behave()

    def check(self) -> None:
        """See `Exercise`."""
        self.bench.deliver()
        self.bench.require_numbers(0, 1, 3)


class Receive(Exercise):
    """Take webhooks, and nothing that others send in their name."""

    name = "receive"
    instruction = """
Somebody sends us events with asyncevents, signed according to Standard Webhooks with the secret
{secret}. Write `receiver.py` with a function `receive(headers: dict[str, str], body: bytes) ->
int`, which returns the HTTP status to answer: 200 for a request of theirs; 401 if it is not signed,
not with this secret, was changed, or is older than five minutes. Append the number of each order
(`data.number` of the CloudEvent in the body) as a line to `orders.txt`: each event once, though it
may come several times, also after the process was started anew.
"""

    def _request(self, number: int, *, secret: str = SECRET, ago: float = 0.0) -> tuple[dict, str]:
        body = json.dumps({"specversion": "1.0", "id": f"e{number}", "source": "/shop",
                           "type": "order.created", "data": {"number": number}})  # fmt: skip
        at = datetime.now(UTC) - timedelta(seconds=ago)
        return {
            "webhook-id": f"e{number}",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(f"e{number}", at, body),
            "content-type": "application/cloudevents+json",
        }, body

    def _statuses(self, requests: Sequence[tuple[dict, str]]) -> list[int]:
        self.bench.write(".requests.json", json.dumps(requests))
        said = self.bench.python(
            "import json, receiver\n"
            "requests = json.load(open('.requests.json'))\n"
            "print(json.dumps([receiver.receive(head, body.encode()) for head, body in requests]))"
        )
        return json.loads(said.splitlines()[-1])

    def check(self) -> None:
        """See `Exercise`."""
        other = "whsec_" + "B" * 32
        changed = (self._request(4)[0], self._request(5)[1])
        unsigned = ({**self._request(6)[0], "webhook-signature": ""}, self._request(6)[1])
        requests = [
            self._request(1),
            self._request(1),
            self._request(2, secret=other),
            self._request(3, ago=600),
            changed,
            unsigned,
            ({}, self._request(7)[1]),
        ]
        got = self._statuses(requests)
        require(got == [200, 200, 401, 401, 401, 401, 401], f"it answered {got}")
        again = self._statuses([self._request(1), self._request(8)])
        require(again == [200, 200], f"started anew it answered {again}")
        orders = (self.bench.folder / "orders.txt").read_text().split()
        require(orders == ["1", "8"], f"orders.txt has {orders}")


class WriteATest(Exercise):
    """A test that fails when the code is wrong."""

    name = "write-a-test"
    instruction = """
`shop.py` publishes an event for each order. Write `test_shop.py` for pytest: it has to pass with
`shop.py` as it is, without a database, a broker or a worker, and to fail if `place_order` published
nothing, published another number, published the event twice, or published it for an order whose
total is not positive, which it refuses with ValueError.
"""
    _SHOP = '''from asyncevents_core import AsyncEvents

events = AsyncEvents({{"LEDGER_URL": "sqlite:///shop.db", "EVENTS": {{"order.created": {{}}}}}})


def place_order(number: int, total: int) -> None:
    """Publish `order.created`. Raises ValueError if the total is not positive."""
    {body}
'''
    _RIGHT = (
        'if total <= 0:\n        raise ValueError("the total has to be positive")\n'
        '    events.publish("order.created", {"number": number, "total": total})'
    )
    _MUTANTS: ClassVar[Mapping[str, str]] = {
        "publishes nothing": 'if total <= 0:\n        raise ValueError("x")',
        "publishes another number": _RIGHT.replace('"number": number', '"number": number + 1'),
        "publishes twice": _RIGHT + "\n    " + _RIGHT.splitlines()[-1].strip(),
        "publishes what it refuses": "\n    ".join(
            [_RIGHT.splitlines()[-1].strip(), 'if total <= 0:\n        raise ValueError("x")']
        ),
    }

    def prepare(self) -> None:
        """See `Exercise`."""
        self.bench.write("shop.py", self._SHOP.format(body=self._RIGHT))

    def check(self) -> None:
        """See `Exercise`."""
        test = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shop.py")
        self.bench.write("shop.py", self._SHOP.format(body=self._RIGHT))
        self.bench.run(*test)
        require(not (self.bench.folder / "shop.db").exists(), "the test made a database")
        for what, body in self._MUTANTS.items():
            self.bench.write("shop.py", self._SHOP.format(body=body))
            said = self.bench.run(*test, code=None)
            require("failed" in said, f"the test passes though place_order {what}")


ONBOARDING: tuple[type[Exercise], ...] = (
    FirstDelivery,
    InATransaction,
    Service,
    Filter,
    OwnSink,
    Retries,
    Find,
    Replay,
    Receive,
    WriteATest,
)
