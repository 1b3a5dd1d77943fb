"""Blocking sinks on threads: batches, turns, deadlines, threads that hang."""

import asyncio
import threading

import pytest

from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.plugin import BatchingSink, BatchLimits, BlockingSink, Outcome, OutcomeKind
from asyncevents_core.testing import make_request

WAIT = 5.0


class Batches(BatchingSink):
    """Remembers its calls; holds them back until it may go on."""

    def __init__(self, *, entries=10, size=None):
        self.limits = BatchLimits(entries=entries, bytes=size)
        self.calls = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.closed = False
        self.answer = lambda requests: [Outcome.delivered(one.target) for one in requests]

    def group(self, request):
        return request.target

    def deliver_batch(self, requests, deadline):
        self.calls.append((list(requests), deadline))
        assert self.go_on.wait(WAIT)
        return self.answer(requests)

    def close(self):
        self.closed = True


@pytest.fixture
async def threaded():
    made = []

    def make(sink, concurrency=2):
        made.append(ThreadedSink(sink, concurrency=concurrency, name="test"))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def requests(count, target="a", data="x"):
    return [make_request(target=target, data=data) for _ in range(count)]


async def until(condition):
    async with asyncio.timeout(WAIT):
        while not condition():
            await asyncio.sleep(0.001)


async def test_what_comes_together_travels_together(threaded):
    batches = Batches()
    sink = threaded(batches)
    wanted = requests(25)
    outcomes = await asyncio.gather(*(sink.deliver(one, 5.0) for one in wanted))
    assert {one.detail for one in outcomes} == {"a"}
    assert sorted(len(call) for call, _ in batches.calls) == [5, 10, 10]
    assert [one for call, _ in sorted(batches.calls, key=lambda one: wanted.index(one[0][0]))
            for one in call] == wanted  # fmt: skip


async def test_one_alone_does_not_wait_for_others(threaded):
    batches = Batches()
    sink = threaded(batches)
    assert (await sink.deliver(requests(1)[0], 5.0)).kind is OutcomeKind.DELIVERED
    assert [len(call) for call, _ in batches.calls] == [1]


async def test_groups_do_not_mix_and_take_turns(threaded):
    batches = Batches(entries=2)
    sink = threaded(batches, concurrency=1)
    await asyncio.gather(
        *(sink.deliver(one, 5.0) for one in [*requests(4, "a"), *requests(2, "b")])
    )
    assert [{one.target for one in call} for call, _ in batches.calls] == [{"a"}, {"b"}, {"a"}]


async def test_a_call_stays_below_the_bytes(threaded):
    one = requests(1, data="x" * 1000)[0]
    batches = Batches(size=len(one.body) * 2 + 10)
    sink = threaded(batches)
    await asyncio.gather(*(sink.deliver(each, 5.0) for each in requests(5, data="x" * 1000)))
    assert sorted(len(call) for call, _ in batches.calls) == [1, 2, 2]


async def test_a_size_that_cannot_be_told_fails_its_request_only(threaded):
    batches = Batches(size=1000)
    bad, good = requests(1)[0], requests(1)[0]
    batches.size = lambda request: 1 // 0 if request is bad else 1
    sink = threaded(batches)
    failed, delivered = await asyncio.gather(
        sink.deliver(bad, 5.0), sink.deliver(good, 5.0), return_exceptions=True
    )
    assert isinstance(failed, ZeroDivisionError)
    assert delivered.kind is OutcomeKind.DELIVERED


async def test_one_that_is_too_large_goes_alone_to_be_refused(threaded):
    batches = Batches(size=100)
    sink = threaded(batches)
    await asyncio.gather(*(sink.deliver(each, 5.0) for each in requests(2, data="x" * 1000)))
    assert [len(call) for call, _ in batches.calls] == [1, 1]


async def test_under_load_batches_grow(threaded):
    batches = Batches()
    batches.go_on.clear()
    sink = threaded(batches, concurrency=1)
    first = asyncio.ensure_future(sink.deliver(requests(1)[0], 5.0))
    await until(lambda: batches.calls)
    more = [asyncio.ensure_future(sink.deliver(one, 5.0)) for one in requests(7)]
    await asyncio.sleep(0)
    batches.go_on.set()
    await asyncio.gather(first, *more)
    assert [len(call) for call, _ in batches.calls] == [1, 7]


async def test_waiting_counts_against_the_deadline(threaded):
    batches = Batches()
    batches.go_on.clear()
    sink = threaded(batches, concurrency=1)
    first = asyncio.ensure_future(sink.deliver(requests(1)[0], 5.0))
    await until(lambda: batches.calls)
    second = asyncio.ensure_future(sink.deliver(requests(1)[0], 3.0))
    await asyncio.sleep(0.05)
    batches.go_on.set()
    await asyncio.gather(first, second)
    assert 0 < batches.calls[1][1] < 3.0


async def test_an_exception_is_the_fate_of_all(threaded):
    batches = Batches()
    batches.answer = lambda _: 1 / 0
    sink = threaded(batches)
    results = await asyncio.gather(
        *(sink.deliver(one, 5.0) for one in requests(3)), return_exceptions=True
    )
    assert {type(one) for one in results} == {ZeroDivisionError}


async def test_a_wrong_number_of_outcomes_is_a_bug_of_the_sink(threaded):
    batches = Batches()
    batches.answer = lambda requests: [Outcome.delivered()]
    sink = threaded(batches)
    results = await asyncio.gather(
        *(sink.deliver(one, 5.0) for one in requests(3)), return_exceptions=True
    )
    assert {str(one) for one in results} == {"1 outcomes for 3 requests"}


async def test_a_call_that_nobody_waits_for_is_stuck_until_it_returns(threaded, caplog):
    batches = Batches()
    batches.go_on.clear()
    sink = threaded(batches)
    waiting = [asyncio.ensure_future(sink.deliver(one, 5.0)) for one in requests(2)]
    await until(lambda: batches.calls)
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert sink.stuck == 0
    waiting[1].cancel()
    await asyncio.sleep(0)
    assert sink.stuck == 1
    assert caplog.records[-1].message.startswith("a sink does not return")
    assert "in deliver_batch" in caplog.records[-1].stack
    batches.go_on.set()
    await until(lambda: sink.stuck == 0)
    assert caplog.records[-1].message == "a sink returned after all"


async def test_one_that_is_cancelled_while_it_waits_is_not_sent(threaded):
    batches = Batches()
    batches.go_on.clear()
    sink = threaded(batches, concurrency=1)
    first = asyncio.ensure_future(sink.deliver(requests(1)[0], 5.0))
    await until(lambda: batches.calls)
    second, third = (asyncio.ensure_future(sink.deliver(one, 5.0)) for one in requests(2))
    await asyncio.sleep(0)
    second.cancel()
    batches.go_on.set()
    await asyncio.gather(first, third)
    assert second.cancelled()
    assert sink.stuck == 0
    assert [len(call) for call, _ in batches.calls] == [1, 1]


async def test_closing_ends_what_waits(threaded):
    batches = Batches()
    batches.go_on.clear()
    sink = threaded(batches, concurrency=1)
    first = asyncio.ensure_future(sink.deliver(requests(1)[0], 5.0))
    await until(lambda: batches.calls)
    second = asyncio.ensure_future(sink.deliver(requests(1)[0], 5.0))
    await asyncio.sleep(0)
    batches.go_on.set()
    await sink.close()
    _, pending = await asyncio.wait([first, second], timeout=WAIT)
    assert not pending
    assert second.cancelled()
    assert batches.closed


async def test_a_sink_without_batches_is_called_once_for_each(threaded):
    seen = []

    class Single(BlockingSink):
        def deliver(self, request, deadline):
            seen.append(request)
            return Outcome.delivered()

    sink = threaded(Single())
    wanted = requests(5)
    await asyncio.gather(*(sink.deliver(one, 5.0) for one in wanted))
    assert sorted(seen, key=wanted.index) == wanted
