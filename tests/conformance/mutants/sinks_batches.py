"""Sinks that take many requests in one call, and do not do right by each of them."""

from __future__ import annotations

import itertools
import socket

from attrs import evolve

from asyncevents_core.plugin import BatchLimits, Outcome
from tests.conformance.mutants.base import Batching


class TestThatGivesAllOfABatchOneOutcome(Batching):
    noticed_by = "test_each_request_of_a_batch_has_its_own_outcome"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            outcomes = deliver_batch(requests, deadline)
            worst = next((one for one in outcomes if one.kind != "delivered"), outcomes[0])
            return [worst] * len(requests)

        return changed


class TestThatGivesOutcomesInAnotherOrder(Batching):
    noticed_by = "test_each_request_of_a_batch_has_its_own_outcome"

    def mistake(self, deliver_batch):
        return lambda requests, deadline: deliver_batch(requests, deadline)[::-1]


class TestThatSortsOutcomes(Batching):
    """Those that are delivered first, as some services answer."""

    noticed_by = "test_each_request_of_a_batch_has_its_own_outcome"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            return sorted(deliver_batch(requests, deadline), key=lambda one: one.kind)

        return changed


class TestThatSwallowsFailuresOfABatch(Batching):
    noticed_by = "test_each_request_of_a_batch_has_its_own_outcome"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            outcomes = deliver_batch(requests, deadline)
            if any(one.kind == "delivered" for one in outcomes):
                return [Outcome.delivered()] * len(outcomes)
            return outcomes

        return changed


class TestThatSendsTheFirstOfABatch(Batching):
    noticed_by = "test_a_batch_arrives_whole"

    def mistake(self, deliver_batch):
        return lambda requests, deadline: deliver_batch(requests[:1], deadline) * len(requests)


class TestThatDropsTheLast(Batching):
    noticed_by = "test_a_batch_arrives_whole"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            if len(requests) == 1:
                return deliver_batch(requests, deadline)
            return [*deliver_batch(requests[:-1], deadline), Outcome.delivered()]

        return changed


class TestThatForgetsAnOutcome(Batching):
    noticed_by = "test_a_batch_arrives_whole"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            outcomes = deliver_batch(requests, deadline)
            return outcomes if len(outcomes) == 1 else outcomes[:-1]

        return changed


class TestThatSendsWhatIsTooLarge(Batching):
    noticed_by = "test_what_is_larger_than_the_limit_is_refused"

    def mistake(self, deliver_batch):
        return lambda requests, deadline: [Outcome.delivered() for _ in requests]


class TestThatIgnoresItsLimits(Batching):
    """It says that it takes more than its service does, which drops the rest."""

    noticed_by = "test_a_batch_arrives_whole"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            sent = deliver_batch(requests[:10], deadline)
            return [*sent, *(Outcome.delivered() for _ in requests[10:])]

        return changed

    def spoil(self, sink):
        sink.limits = BatchLimits(entries=20, bytes=262_144)


class TestThatLiesAboutSizes(Batching):
    noticed_by = "test_sizes_count_the_body"

    def spoil(self, sink):
        sink.size = lambda request: 100


class TestThatCountsCharacters(Batching):
    noticed_by = "test_sizes_count_the_body"

    def spoil(self, sink):
        sink.size = lambda request: len(request.body.decode())


class TestWithOtherSizesEachTime(Batching):
    noticed_by = "test_grouping_does_no_io"

    def spoil(self, sink):
        numbers = itertools.count()
        sink.size = lambda request: len(request.body) + next(numbers)


class TestThatConnectsToGroup(Batching):
    noticed_by = "test_grouping_does_no_io"

    def spoil(self, sink):
        def group(request):
            socket.getaddrinfo("localhost", 1)

        sink.group = group


class TestThatGroupsByWhatCannotBeHashed(Batching):
    noticed_by = "test_grouping_does_no_io"

    def spoil(self, sink):
        sink.group = lambda request: [request.target]


class TestThatGroupsDifferentSecrets(Batching):
    """A call is signed with the secrets of its first request."""

    noticed_by = "test_subscriptions_are_not_mixed_up"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            first = requests[0].secrets
            return deliver_batch([evolve(one, secrets=first) for one in requests], deadline)

        return changed


class TestThatGroupsDifferentOptions(Batching):
    """A call goes out with the options of its first request."""

    noticed_by = "test_subscriptions_are_not_mixed_up"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            first = requests[0].options
            return deliver_batch([evolve(one, options=first) for one in requests], deadline)

        return changed


class TestThatGroupsDifferentTargets(Batching):
    noticed_by = "test_each_of_two_targets_gets_what_is_its_own"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            first = requests[0].target
            return deliver_batch([evolve(one, target=first) for one in requests], deadline)

        return changed


class TestThatTriesABatchAgain(Batching):
    noticed_by = "test_it_makes_one_attempt_only"

    def mistake(self, deliver_batch):
        def changed(requests, deadline):
            outcomes = deliver_batch(requests, deadline)
            if any(one.kind == "retryable" for one in outcomes):
                return deliver_batch(requests, deadline)
            return outcomes

        return changed
