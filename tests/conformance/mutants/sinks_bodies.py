"""Sinks that lose, change or repeat what they are given, or say the wrong thing of it."""

from __future__ import annotations

import asyncio
import json

from attrs import evolve

from asyncevents_core.plugin import Failure, Outcome
from asyncevents_core.testing import RecordingSinkType
from tests.conformance.mutants.base import ANSWERS, Suite


def changing(change):
    """Return a mistake that changes the body of each request."""

    def mistake(self, deliver):
        async def changed(request, deadline):
            return await deliver(evolve(request, body=change(request.body)), deadline)

        return changed

    return mistake


class TestThatWritesTheBodyAnew(Suite):
    noticed_by = "test_the_body_arrives_unchanged[2]"
    mistake = changing(lambda body: json.dumps(json.loads(body)).encode())


class TestThatWrapsTheBody(Suite):
    noticed_by = "test_the_body_arrives_unchanged[0]"
    mistake = changing(lambda body: b'{"message": %b}' % body)


class TestThatChangesLargeBodies(Suite):
    noticed_by = "test_the_body_arrives_unchanged[4]"
    mistake = changing(lambda body: body if len(body) < 100_000 else body.replace(b": ", b":"))


class TestThatTruncates(Suite):
    noticed_by = "test_the_body_arrives_unchanged[4]"
    mistake = changing(lambda body: body[:131_072])


class TestThatLosesWhatIsNotAscii(Suite):
    noticed_by = "test_the_body_arrives_unchanged[2]"
    mistake = changing(lambda body: body.decode().encode("ascii", "replace"))


class TestThatStripsTheBody(Suite):
    noticed_by = "test_the_body_arrives_unchanged[2]"
    mistake = changing(lambda body: body.replace(b"\xe2\x80\xa8", b" "))


class TestThatReturnsNothing(Suite):
    noticed_by = "test_the_body_arrives_unchanged[0]"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await deliver(request, deadline)

        return changed


class TestThatReturnsTheStatus(Suite):
    noticed_by = "test_many_at_once"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await deliver(request, deadline)
            return 200

        return changed


class TestThatDropsTenants(Suite):
    noticed_by = "test_every_attempt_and_every_tenant_is_delivered"

    def mistake(self, deliver):
        async def changed(request, deadline):
            if request.tenant is not None:
                return Outcome.delivered()
            return await deliver(request, deadline)

        return changed


class TestThatDropsLaterAttempts(Suite):
    noticed_by = "test_every_attempt_and_every_tenant_is_delivered"

    def mistake(self, deliver):
        async def changed(request, deadline):
            if request.attempt > 2:
                return Outcome.delivered("enough")
            return await deliver(request, deadline)

        return changed


class TestThatDropsUnderLoad(Suite):
    noticed_by = "test_many_at_once"
    under_way = 0

    def mistake(self, deliver):
        async def changed(request, deadline):
            self.under_way += 1
            try:
                await asyncio.sleep(0.01)
                if self.under_way > 60:
                    return Outcome.delivered("lost")
                return await deliver(request, deadline)
            finally:
                self.under_way -= 1

        return changed


class TestThatRefusesUnderLoad(Suite):
    noticed_by = "test_many_at_once"
    under_way = 0

    def mistake(self, deliver):
        async def changed(request, deadline):
            self.under_way += 1
            try:
                await asyncio.sleep(0.01)
                if self.under_way > 60:
                    return Outcome.failed(Failure.THROTTLED, "too many connections")
                return await deliver(request, deadline)
            finally:
                self.under_way -= 1

        return changed


class TestThatSendsTwice(Suite):
    noticed_by = "test_what_is_delivered_was_sent_once"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await deliver(request, deadline)
            return await deliver(request, deadline)

        return changed


class TestThatSendsOnceMoreLater(Suite):
    noticed_by = "test_what_is_delivered_was_sent_once"

    def mistake(self, deliver):
        tasks = []

        async def again(request):
            await asyncio.sleep(0.05)
            await deliver(request, 1.0)

        async def changed(request, deadline):
            tasks.append(asyncio.ensure_future(again(request)))
            return await deliver(request, deadline)

        return changed


class TestThatTriesAgainByItself(Suite):
    noticed_by = "test_it_makes_one_attempt_only"

    def mistake(self, deliver):
        async def changed(request, deadline):
            for _ in range(3):
                outcome = await deliver(request, deadline)
                if outcome.kind != "retryable":
                    break
                await asyncio.sleep(0.01)
            return outcome

        return changed


class TestThatDropsRepetitions(Suite):
    noticed_by = "test_a_repeated_attempt_sends_the_same_body"

    def mistake(self, deliver):
        known = set()

        async def changed(request, deadline):
            if request.event_id in known:
                return Outcome.delivered("known already")
            known.add(request.event_id)
            return await deliver(request, deadline)

        return changed


class TestThatCallsEverythingDelivered(Suite):
    noticed_by = "test_each_failure_is_told_by_its_reason"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await deliver(request, deadline)
            return Outcome.delivered()

        return changed


class TestThatRetriesWhatNeverWorks(Suite):
    noticed_by = "test_each_failure_is_told_by_its_reason"

    def mistake(self, deliver):
        async def changed(request, deadline):
            outcome = await deliver(request, deadline)
            if outcome.kind == "permanent":
                return Outcome.retryable(outcome.detail)
            return outcome

        return changed


class TestThatBuriesWhatIsThrottled(Suite):
    noticed_by = "test_each_failure_is_told_by_its_reason"

    def mistake(self, deliver):
        async def changed(request, deadline):
            outcome = await deliver(request, deadline)
            if ANSWERS.get(request.target) is Failure.THROTTLED:
                return Outcome.failed(Failure.INVALID, "HTTP 429")
            return outcome

        return changed


class TestThatGivesNoReason(Suite):
    noticed_by = "test_each_failure_is_told_by_its_reason"

    def mistake(self, deliver):
        async def changed(request, deadline):
            outcome = await deliver(request, deadline)
            failure = ANSWERS.get(request.target)
            return outcome if failure is None else Outcome.failed(failure, "")

        return changed


class TestThatRaises(Suite):
    noticed_by = "test_what_cannot_be_reached_is_an_outcome"

    def mistake(self, deliver):
        async def changed(request, deadline):
            outcome = await deliver(request, deadline)
            if ANSWERS.get(request.target) is Failure.NETWORK:
                raise ConnectionRefusedError
            return outcome

        return changed


class TestThatHasWordsOfItsOwn(Suite):
    noticed_by = "test_what_cannot_be_reached_is_an_outcome"

    def mistake(self, deliver):
        async def changed(request, deadline):
            return Outcome.retryable("cannot connect")

        return changed


class TestWithoutATitle(Suite):
    noticed_by = "test_it_describes_itself"

    class base(RecordingSinkType):
        title = ""
