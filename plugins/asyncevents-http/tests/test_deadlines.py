"""Many deadlines, one timer."""

from __future__ import annotations

import asyncio

from asyncevents_http.wire.deadlines import Deadlines, Timed


class Timer(Timed):
    def __init__(self, expired, then=None) -> None:
        self.due = None
        self.expired = expired
        self.then = then

    def expire(self):
        self.expired.append(self)
        if self.then is not None:
            self.then()


async def test_deadlines_come_in_their_order_and_those_taken_back_do_not():
    loop = asyncio.get_running_loop()
    deadlines, expired = Deadlines(loop), []
    now = loop.time()
    order = [-1.0, 0.0, 0.05, 0.12, 0.2, 0.3]
    timers = {at: Timer(expired) for at in (0.2, 0.05, 0.12, -1.0, 0.3, 0.0)}
    for at, timer in timers.items():
        deadlines.add(timer, now + at)
    deadlines.remove(timers[0.12])
    deadlines.remove(timers[0.12])
    async with asyncio.timeout(10):
        while len(expired) < len(order) - 1:
            await asyncio.sleep(0.01)
    assert expired == [timers[at] for at in order if at != 0.12]
    deadlines.remove(timers[0.3])
    deadlines.close()


async def test_what_expires_may_take_back_others_and_add_new_ones():
    loop = asyncio.get_running_loop()
    deadlines, expired = Deadlines(loop), []
    last = Timer(expired)
    pair = [Timer(expired), Timer(expired)]
    for one, other in (pair, reversed(pair)):
        one.then = lambda other=other: (deadlines.remove(other), again())
    at = loop.time() + 0.05

    def again():
        deadlines.remove(last)
        deadlines.add(last, at)

    for one in pair:
        deadlines.add(one, at)
    async with asyncio.timeout(10):
        while last not in expired:
            await asyncio.sleep(0.01)
    assert len(expired) == 2
    deadlines.close()


async def test_one_that_fails_does_not_keep_the_others_waiting():
    loop = asyncio.get_running_loop()
    told = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    deadlines, expired = Deadlines(loop), []

    def fail():
        raise RuntimeError("a mistake")

    at = loop.time() + 0.05
    for then, due in ((fail, at), (None, at), (fail, at + 0.1), (None, at + 0.1)):
        deadlines.add(Timer(expired, then), due)
    async with asyncio.timeout(10):
        while len(expired) < 4:
            await asyncio.sleep(0.01)
    assert [str(one) for one in told] == ["a mistake"] * 2
    deadlines.close()
