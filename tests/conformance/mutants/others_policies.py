"""Retry policies: with one mistake each, and some that are only unusual."""

from __future__ import annotations

import datetime
import math
import random
import socket
import time

import pytest

from asyncevents_core.ports.retry_policy import RetryPolicyType
from asyncevents_core.testing import RetryPolicyConformance


class Suite(RetryPolicyConformance):
    """What would happen anyway, unless a subclass decides otherwise."""

    noticed_by = ""
    name = "mistaken"

    def decide(self, failed):
        return failed.usual

    @pytest.fixture
    def retry_policy(self):
        suite = self

        class Policy(RetryPolicyType):
            name = suite.name
            title = "Mistaken"

            def decide(self, failed):
                return suite.decide(failed)

        return Policy()


class TestPolicyAsUsual(Suite):
    pass


class TestPolicyThatGivesUpAtOnce(Suite):
    def decide(self, failed):
        return None


class TestPolicyOfOfficeHours(Suite):
    """Nothing at night, and at most a week."""

    def decide(self, failed):
        if failed.at - failed.published_at > datetime.timedelta(days=7):
            return None
        morning = failed.at.replace(hour=8, minute=0, second=0, microsecond=0)
        if failed.at.hour >= 18:
            morning += datetime.timedelta(days=1)
        elif failed.at.hour >= 8:
            return 600
        return (morning - failed.at).total_seconds()


class TestPolicyThatNeverGivesUp(Suite):
    @pytest.fixture
    def gives_up(self):
        return False

    def decide(self, failed):
        return 60.0 if failed.usual is None else failed.usual


class TestPolicyWithoutAnEnd(Suite):
    noticed_by = "test_it_gives_up_at_some_time"

    def decide(self, failed):
        return 60.0


class TestPolicyThatGoesBackInTime(Suite):
    noticed_by = "test_it_decides_at_any_time"

    def decide(self, failed):
        return None if failed.usual is None else 12.0 - failed.at.hour


class TestPolicyOfInfinity(Suite):
    noticed_by = "test_it_decides_at_any_time"

    def decide(self, failed):
        return math.inf if failed.deaths > 10 else failed.usual


class TestPolicyOfNoNumber(Suite):
    noticed_by = "test_it_decides_at_any_time"

    def decide(self, failed):
        return math.nan if failed.outcome.detail == "" else failed.usual


class TestPolicyOfTimeSpans(Suite):
    noticed_by = "test_it_decides_at_any_time"

    def decide(self, failed):
        return datetime.timedelta(seconds=failed.usual or 0)


class TestPolicyWithoutWeekends(Suite):
    """It raises where the week ends."""

    noticed_by = "test_it_decides_at_any_time"

    def decide(self, failed):
        return [1.0, 1.0, 1.0, 1.0, 1.0][failed.at.weekday()]


class TestPolicyThatCountsOnTheUsual(Suite):
    noticed_by = "test_what_would_be_given_up_is_up_to_it"

    def decide(self, failed):
        return failed.usual * 2


class TestPolicyByChance(Suite):
    noticed_by = "test_it_decides_the_same_again"

    def decide(self, failed):
        return None if failed.usual is None else random.uniform(0, failed.usual)


class TestPolicyThatCounts(Suite):
    """What it was asked before matters."""

    noticed_by = "test_it_decides_the_same_again"
    before = None

    def decide(self, failed):
        if failed is not self.before:
            self.number = getattr(self, "number", 0) + 1
        self.before = failed
        return None if failed.usual is None else float(self.number)


class TestPolicyThatAsksAround(Suite):
    noticed_by = "test_it_does_no_io"

    def decide(self, failed):
        socket.getaddrinfo("localhost", 1)
        return failed.usual


class TestPolicyForOneThread(Suite):
    noticed_by = "test_it_decides_on_several_threads"

    def decide(self, failed):
        self.failed = failed
        time.sleep(0.0001)  # others come in between
        return self.failed.usual


class TestPolicyWithoutAName(Suite):
    noticed_by = "test_it_describes_itself"
    name = "Not A Name"
