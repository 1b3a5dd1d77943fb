"""Sinks that mix up what is under way together, or do not heed what they are told."""

from __future__ import annotations

import asyncio
import threading

from attrs import evolve

from asyncevents_core.plugin import Outcome
from asyncevents_core.testing.sinks import RecordingConfig
from tests.conformance.mutants.base import Blocking, Suite


class TestThatSharesOneSlot(Suite):
    """What is under way stands in one place, which the next one overwrites."""

    noticed_by = "test_many_at_once"

    def mistake(self, deliver):
        async def changed(request, deadline):
            self.current = request
            await asyncio.sleep(0)
            return await deliver(self.current, deadline)

        return changed


class TestThatMixesAnswersUp(Suite):
    """One connection for all: the first who reads gets the next answer."""

    noticed_by = "test_each_of_many_has_its_own_outcome"

    def mistake(self, deliver):
        answers = []

        async def changed(request, deadline):
            answers.append(await deliver(request, deadline))
            await asyncio.sleep(0)
            return answers.pop()

        return changed


class TestThatMixesAnswersUpOnThreads(Blocking):
    noticed_by = "test_each_of_many_has_its_own_outcome"

    def mistake(self, deliver):
        answers, lock = [], threading.Lock()
        last = [Outcome.delivered()]

        def changed(request, deadline):
            outcome = deliver(request, deadline)
            with lock:
                answers.append(outcome)
                last.append(outcome)
                return last[-2]

        return changed


class TestThatMixesTargetsUp(Suite):
    noticed_by = "test_each_of_two_targets_gets_what_is_its_own"

    def mistake(self, deliver):
        async def changed(request, deadline):
            self.target_now = request.target
            await asyncio.sleep(0)
            return await deliver(evolve(request, target=self.target_now), deadline)

        return changed


class TestThatRemembersTheFirstTarget(Suite):
    noticed_by = "test_each_of_two_targets_gets_what_is_its_own"

    def mistake(self, deliver):
        first = []

        async def changed(request, deadline):
            first.append(request.target)
            return await deliver(evolve(request, target=first[0]), deadline)

        return changed


class TestThatChangesTheOptions(Suite):
    noticed_by = "test_a_request_is_left_as_it_was"

    def mistake(self, deliver):
        async def changed(request, deadline):
            object.__setattr__(request.options, "note", request.options.note + "!")
            return await deliver(request, deadline)

        return changed


class TestThatChangesTheRequest(Suite):
    noticed_by = "test_a_request_is_left_as_it_was"

    def mistake(self, deliver):
        async def changed(request, deadline):
            outcome = await deliver(request, deadline)
            object.__setattr__(request, "secrets", ())
            return outcome

        return changed


class TestThatIgnoresOptions(Suite):
    noticed_by = "test_options_make_a_difference"

    def mistake(self, deliver):
        async def changed(request, deadline):
            return await deliver(
                evolve(request, options=evolve(request.options, note="")), deadline
            )

        return changed


class TestThatKeepsTheFirstOptions(Suite):
    noticed_by = "test_options_make_a_difference"

    def mistake(self, deliver):
        first = []

        async def changed(request, deadline):
            first.append(request.options)
            return await deliver(evolve(request, options=first[0]), deadline)

        return changed


class TestThatMixesOptionsUp(Suite):
    noticed_by = "test_subscriptions_are_not_mixed_up"

    def mistake(self, deliver):
        async def changed(request, deadline):
            self.options_now = request.options
            await asyncio.sleep(0)
            return await deliver(evolve(request, options=self.options_now), deadline)

        return changed


class TestThatIgnoresItsConfiguration(Suite):
    noticed_by = "test_the_configuration_makes_a_difference"

    def arrange(self, sink, config, arrivals):
        super().arrange(sink, RecordingConfig(), arrivals)
