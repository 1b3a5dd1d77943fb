"""Sinks that take too long, stand in the way of others, or do not let go."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import ClassVar

from asyncevents_core.plugin import Failure, Outcome
from tests.conformance.mutants.base import AWAY, SILENT, Blocking, Suite


class TestThatForgetsTheDeadline(Suite):
    noticed_by = "test_a_target_that_never_answers_times_out"

    def mistake(self, deliver):
        return lambda request, deadline: deliver(request, 3600.0)


class TestThatForgetsTheDeadlineOnThreads(Blocking):
    noticed_by = "test_a_target_that_never_answers_times_out"

    def mistake(self, deliver):
        return lambda request, deadline: deliver(request, deadline + 4.0)


class TestThatTakesTwoSecondsMore(Suite):
    noticed_by = "test_a_target_that_never_answers_times_out"

    def mistake(self, deliver):
        return lambda request, deadline: deliver(request, deadline + 1.5)


class TestThatWaitsAsItThinksFit(Suite):
    """With a time-out of its own, whatever the engine says."""

    noticed_by = "test_a_target_that_never_answers_times_out"

    def mistake(self, deliver):
        return lambda request, deadline: deliver(request, 1.9)


class TestThatCallsATimeOutSomethingElse(Suite):
    noticed_by = "test_a_target_that_never_answers_times_out"

    def mistake(self, deliver):
        async def changed(request, deadline):
            outcome = await deliver(request, deadline)
            if request.target == SILENT:
                return Outcome.failed(Failure.NETWORK, "no answer")
            return outcome

        return changed


class TestThatFiresAndForgets(Suite):
    """It says delivered before anybody has taken it."""

    noticed_by = "test_a_target_that_never_answers_times_out"

    def mistake(self, deliver):
        tasks = set()

        async def changed(request, deadline):
            task = asyncio.ensure_future(deliver(request, deadline))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return Outcome.delivered()

        return changed


class TestThatNeverRecovers(Suite):
    noticed_by = "test_it_works_after_one_that_hung"
    hung = False

    def mistake(self, deliver):
        async def changed(request, deadline):
            if self.hung:
                return Outcome.failed(Failure.NETWORK, "the connection is in use")
            outcome = await deliver(request, deadline)
            self.hung = request.target == SILENT
            return outcome

        return changed


class TestThatSleepsOnTheLoop(Suite):
    noticed_by = "test_it_leaves_the_loop_to_others"

    def mistake(self, deliver):
        async def changed(request, deadline):
            time.sleep(0.02)
            return await deliver(request, deadline)

        return changed


class TestThatSleepsOnTheLoopOnce(Suite):
    noticed_by = "test_it_leaves_the_loop_to_others"
    calls = 0

    def mistake(self, deliver):
        async def changed(request, deadline):
            self.calls += 1
            if self.calls == 20:
                time.sleep(0.8)
            return await deliver(request, deadline)

        return changed


class TestThatSwallowsCancelling(Suite):
    noticed_by = "test_a_cancelled_delivery_ends_at_once"

    def mistake(self, deliver):
        async def changed(request, deadline):
            try:
                return await deliver(request, deadline)
            except asyncio.CancelledError:
                return Outcome.failed(Failure.NETWORK, "interrupted")

        return changed


class TestThatGoesOnWhenCancelled(Suite):
    noticed_by = "test_a_cancelled_delivery_ends_at_once"

    def mistake(self, deliver):
        async def changed(request, deadline):
            return await asyncio.shield(asyncio.ensure_future(self.persist(deliver, request)))

        return changed

    async def persist(self, deliver, request):
        return await deliver(request, 1.0)

    def spoil(self, sink):
        shielded = sink.deliver

        async def deliver(request, deadline):
            task = asyncio.ensure_future(shielded(request, deadline))
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError:
                    continue
            return task.result()

        sink.deliver = deliver


class TestThatTidiesUpAtLeisure(Suite):
    noticed_by = "test_a_cancelled_delivery_ends_at_once"

    def mistake(self, deliver):
        async def changed(request, deadline):
            try:
                return await deliver(request, deadline)
            finally:
                if request.target == SILENT:
                    await asyncio.sleep(1.5)

        return changed


class TestThatMakesAnErrorOfCancelling(Suite):
    noticed_by = "test_a_cancelled_delivery_ends_at_once"

    def mistake(self, deliver):
        async def changed(request, deadline):
            try:
                return await deliver(request, deadline)
            except asyncio.CancelledError:
                raise RuntimeError("interrupted") from None

        return changed


class TestThatClosesSlowly(Suite):
    noticed_by = "test_closing_is_quick[used]"

    def spoil(self, sink):
        async def close():
            await asyncio.sleep(3.0)

        sink.close = close


class TestThatClosesSlowlyWhenUnused(Blocking):
    noticed_by = "test_closing_is_quick[unused]"

    def spoil(self, sink):
        sink.close = lambda: time.sleep(1.5)


class TestThatFailsToClose(Suite):
    noticed_by = "test_closing_is_quick[unused]"

    def spoil(self, sink):
        async def close():
            raise AttributeError("no client")

        sink.close = close


class TestThatClosesOnce(Suite):
    noticed_by = "test_closing_twice_does_no_harm"

    def spoil(self, sink):
        clients = [object()]

        async def close():
            clients.pop()

        sink.close = close


class TestThatDropsWhatIsUnderWay(Suite):
    """Closing cuts deliveries off, and they never end."""

    noticed_by = "test_closing_during_a_delivery_ends_it"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await asyncio.sleep(0.05)
            if self.closed:
                await asyncio.get_running_loop().create_future()
            return await deliver(request, deadline)

        return changed

    def spoil(self, sink):
        self.closed = False

        async def close():
            self.closed = True

        sink.close = close


class TestThatSaysDeliveredWhenClosed(Suite):
    noticed_by = "test_closing_during_a_delivery_ends_it"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await asyncio.sleep(0.05)
            return Outcome.delivered() if self.closed else await deliver(request, deadline)

        return changed

    def spoil(self, sink):
        self.closed = False

        async def close():
            self.closed = True

        sink.close = close


class TestThatStaysClosed(Suite):
    noticed_by = "test_a_sink_can_be_opened_again"

    def mistake(self, deliver):
        closed = getattr(self, "opened", False)
        self.opened = True

        async def changed(request, deadline):
            if closed:
                return Outcome.failed(Failure.NETWORK, "the client is closed")
            return await deliver(request, deadline)

        return changed


class TestThatLeavesTasks(Suite):
    noticed_by = "test_nothing_is_left_behind[tasks]"

    def mistake(self, deliver):
        started = []

        async def changed(request, deadline):
            if not started:
                started.append(asyncio.ensure_future(asyncio.sleep(3600)))
            return await deliver(request, deadline)

        return changed


class TestThatLeavesThreads(Suite):
    noticed_by = "test_nothing_is_left_behind[threads]"

    def mistake(self, deliver):
        started = []

        async def changed(request, deadline):
            if not started:
                started.append(threading.Thread(target=time.sleep, args=(4.0,), daemon=True))
                started[0].start()
            return await deliver(request, deadline)

        return changed


class TestThatLeavesFilesOpen(Suite):
    noticed_by = "test_nothing_is_left_behind[files]"

    def mistake(self, deliver):
        opened = []

        async def changed(request, deadline):
            if not opened:
                opened.append(os.open(__file__, os.O_RDONLY))
            return await deliver(request, deadline)

        return changed


class TestThatLeavesFilesOpenAfterFailures(TestThatLeavesFilesOpen):
    after: ClassVar[str] = AWAY

    def mistake(self, deliver):
        leaving = super().mistake(deliver)

        async def changed(request, deadline):
            chosen = leaving if request.target == self.after else deliver
            return await chosen(request, deadline)

        return changed


class TestThatLeavesFilesOpenWhenTheTimeIsOver(TestThatLeavesFilesOpenAfterFailures):
    after = SILENT


class _Descriptor:
    """Closes itself where nothing refers to it any more."""

    def __init__(self):
        self._number = os.open(__file__, os.O_RDONLY)

    def __del__(self):
        os.close(self._number)


class TestThatLeavesFilesToTheCollector(Suite):
    noticed_by = "test_nothing_is_left_behind[files]"

    def mistake(self, deliver):
        async def changed(request, deadline):
            left = [_Descriptor()]
            left.append(left)
            return await deliver(request, deadline)

        return changed
