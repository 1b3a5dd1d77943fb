"""Hand-offs of this ledger, of others, of other versions, and what is none at all."""

from __future__ import annotations

import json
from collections import deque
from uuid import UUID, uuid4

import pytest

from asyncevents_core.adapters.kombu.pigeonholes import MOST_LEDGERS, Pigeonholes, pigeonhole
from asyncevents_core.adapters.kombu.protocol import NotOurs, decode, encode, hand_off_queue
from asyncevents_core.adapters.kombu.received import ReceivedMessage
from asyncevents_core.adapters.kombu.sorting import Acquaintances, Sorter
from asyncevents_core.adapters.kombu.strangers import MOST_BYTES, MOST_KEPT, Strangers
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.broker import MOST_IDS, BrokerConfig
from tests.clock import ManualClock

OURS, THEIRS = uuid4(), uuid4()


def test_a_hand_off_says_whose_it_is():
    ids = (uuid7(), uuid7())
    found = decode(encode(ids, ledger_id=OURS, source="https://shop.example"))
    assert (found.ids, found.ledger_id, found.source) == (ids, OURS, "https://shop.example")


OLD = (
    b'{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "source": "/asyncevents", '
    b'"specversion": "1.0", "type": "asyncevents.handoff.v1", '
    b'"data": {"ids": ["01890a5d-ac96-774b-bcce-b302099a8058"]}}'
)
"""As the first version sent them."""


def test_one_that_does_not_say_is_read():
    found = decode(OLD)
    assert found.ids == (UUID("01890a5d-ac96-774b-bcce-b302099a8058"),)
    assert found.ledger_id is None


def test_older_versions_read_what_is_sent_now():
    """They look at these, and at nothing else."""
    message = json.loads(encode([OURS], ledger_id=OURS))
    assert (message["specversion"], message["type"]) == ("1.0", "asyncevents.handoff.v1")
    assert message["data"] == {"ids": [str(OURS)]}


def test_what_the_id_costs():
    def size(count, **more):
        return len(encode([uuid7() for _ in range(count)], **more))

    assert size(1, ledger_id=OURS) - size(1) == len(f'"ledger": "{OURS.hex}", ')
    assert (size(MOST_IDS, ledger_id=OURS) - size(MOST_IDS)) / MOST_IDS < 1


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b"{}", b"1", b'["a", "{}", 0]', b'{"specversion": "1.0"}', b"\xff"]
)
def test_what_is_not_ours(body):
    with pytest.raises(NotOurs):
        decode(body)


# -- messages that are kept and put back ------------------------------------------------------


class Arrived(ReceivedMessage):
    """A message of RabbitMQ, or of a transport of kombu's where it has a `raw` form."""

    def __init__(self, body: bytes, log: list[object], raw: object = None) -> None:
        super().__init__(body=body, content_type="text/plain")
        self.log = log
        self.channel = self
        if raw is not None:
            self._raw = raw

    def requeue(self) -> None:
        self.log.append(self)

    def ack(self) -> None:
        self.log.append("ack")

    def _put(self, queue: str, raw: object) -> None:
        self.log.append((queue, raw))


class Slept:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self, seconds: float) -> None:
        self.times += 1


def test_each_time_one_is_kept_longer():
    clock, back = ManualClock(), []
    strangers = Strangers("event.trigger", now=clock.monotonic)
    pauses = []
    for _ in range(12):
        strangers.keep(Arrived(b"theirs", back))
        begun = clock.monotonic()
        strangers.put_back()
        while not back:
            clock.advance(0.1)
            strangers.put_back()
        pauses.append(clock.monotonic() - begun)
        back.clear()
    wanted = [0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 60, 60]
    assert pauses == pytest.approx(wanted, abs=0.11)


def test_others_do_not_wait_for_it():
    clock, back = ManualClock(), []
    strangers = Strangers("event.trigger", now=clock.monotonic)
    for _ in range(4):
        strangers.keep(Arrived(b"old", back))
        clock.advance(100)
        strangers.put_back()
    back.clear()
    strangers.keep(Arrived(b"old", back))
    new = Arrived(b"new", back)
    strangers.keep(new)
    strangers.put_back()
    assert back == [new]
    assert len(strangers) == 1
    strangers.put_back(all_of_them=True)
    assert len(back) == 2


def test_a_transport_of_kombus_is_given_what_it_had():
    back = []
    strangers = Strangers("shop.event.trigger", now=ManualClock().monotonic)
    strangers.keep(Arrived(b"theirs", back, raw={"body": "dGhlaXJz"}))
    strangers.put_back()
    # Acknowledged once it is there again: it may come twice, and is not lost.
    assert back == [("shop.event.trigger", {"body": "dGhlaXJz"}), "ack"]


@pytest.mark.parametrize(
    ("count", "size", "raw", "most"),
    [(MOST_KEPT + 5, 10, None, MOST_KEPT), (5, MOST_BYTES // 30 * 10, {"body": ""}, 3)],
)
def test_more_than_can_be_kept_are_put_back_slowly(count, size, raw, most):
    slept = Slept()
    strangers = Strangers("q", now=ManualClock().monotonic, sleep=slept)
    for number in range(count):
        body = b"%10d" % number * (size // 10)
        # The first time they are put back at once.
        strangers.keep(Arrived(body, [], raw))
        strangers.put_back()
        strangers.keep(Arrived(body, [], raw))
        if number < 2:
            assert slept.times == 0
    strangers.put_back()
    assert len(strangers) == most
    assert slept.times >= count - most


def test_a_body_is_let_go_where_the_broker_has_it():
    message = Arrived(b"x" * 1000, [])
    Strangers("q", now=ManualClock().monotonic).keep(message)
    assert message.body == b""


# -- queues of other ledgers --------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch):
    """Queues that were declared, by name."""
    declared = []

    class Bound:
        def __init__(self, queue):
            self.queue = queue

        def declare(self):
            declared.append(self.queue.name)

    monkeypatch.setattr("kombu.entity.Queue.__call__", lambda queue, _: Bound(queue))
    return declared


def test_a_queue_is_declared_once_and_now_and_then_again(opened):
    clock = ManualClock()
    config = BrokerConfig(url="amqp://a//", prefix="shop.")
    holes = Pigeonholes(config, hand_off_queue(config), now=clock.monotonic)
    for _ in range(3):
        assert holes.open(THEIRS, None) == f"shop.event.trigger.{THEIRS}"
    clock.advance(3601)
    holes.open(THEIRS, None)
    assert opened == [f"shop.event.trigger.{THEIRS}"] * 2


def test_made_up_ledgers_make_no_more_queues(opened):
    config = BrokerConfig(url="amqp://a//")
    holes = Pigeonholes(config, hand_off_queue(config), now=ManualClock().monotonic)
    keys = [holes.open(uuid4(), None) for _ in range(MOST_LEDGERS + 10)]
    assert keys[MOST_LEDGERS:] == [None] * 10
    assert len(opened) == MOST_LEDGERS


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_a_queue_that_nobody_uses_vanishes(queue_type):
    config = BrokerConfig(url="amqp://a//", queue_type=queue_type)
    arguments = pigeonhole(config, hand_off_queue(config), THEIRS).queue_arguments
    assert arguments["x-expires"] == 86_400_000
    assert arguments.get("x-queue-type") == (None if queue_type == "classic" else "quorum")
    assert hand_off_queue(config).queue_arguments.get("x-expires") is None


# -- whose they are -----------------------------------------------------------------------------


def test_somebody_is_new_once_and_told_of_again_after_a_while():
    clock = ManualClock()
    met = Acquaintances("q", now=clock.monotonic)
    assert [met.meet(THEIRS, "x") for _ in range(3)] == [True, False, False]
    assert [one.ledger_id for one in met.new()] == [THEIRS]
    assert list(met.new()) == []
    clock.advance(601)
    assert not met.meet(THEIRS, "x")
    assert len(met.new()) == 1


def test_made_up_ones_take_no_memory():
    met = Acquaintances("q", now=ManualClock().monotonic)
    assert sum(met.meet(uuid4(), "x") for _ in range(1_000)) == 100
    assert len(met.new()) == 100


def test_whoever_does_not_know_its_ledger_takes_all(caplog):
    known: list[UUID] = []
    config = BrokerConfig(url="memory://", ledger_id=lambda: known[0] if known else None)
    queue = hand_off_queue(config)
    sorter = Sorter(
        config,
        None,
        None,
        queue=queue,
        quarantine=queue,
        acquaintances=Acquaintances("q"),
        reading=None,
        settle=lambda *_: None,
    )
    one = uuid7()
    body = encode([one], ledger_id=THEIRS)
    assert [ids for ids, _ in sorter.sort(deque([ReceivedMessage(body)])).ours] == [(one,)]
    known.append(THEIRS)
    assert [ids for ids, _ in sorter.sort(deque([ReceivedMessage(body)])).ours] == [(one,)]
    assert [ids for ids, _ in sorter.sort(deque([ReceivedMessage(OLD)])).ours] != []
    assert caplog.records == []
