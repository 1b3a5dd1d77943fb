"""A query within a filter finds what both mean, and nothing else."""

from __future__ import annotations

import itertools

import pytest

from asyncevents_core.domain.query.narrowing import narrowed
from asyncevents_core.domain.query.nodes import MatchAll
from asyncevents_core.domain.trace import LogFilter
from tests.search.documents import DOCUMENTS
from tests.search.engines import ENGINES, filled

ANYTHING = MatchAll()


@pytest.fixture(scope="module", params=ENGINES)
def indexer(request, open_engine):
    return filled(open_engine(request.param), DOCUMENTS)


def found(indexer, query):
    return set(indexer.search(query, limit=1000, timeout=60).log_ids)


def meant(condition):
    return {one.log_id for one in DOCUMENTS if condition(one)}


@pytest.mark.parametrize("name", sorted({one.event_name for one in DOCUMENTS}))
def test_an_event_by_its_whole_name(indexer, name):
    query = narrowed(ANYTHING, LogFilter(event_name=name), None)
    assert found(indexer, query) == meant(lambda one: one.event_name == name)


def test_a_name_is_not_found_among_the_words_of_another(indexer):
    whole = next(one.event_name for one in DOCUMENTS if "." in one.event_name)
    assert found(indexer, narrowed(ANYTHING, LogFilter(event_name=whole.split(".")[0]), None)) == (
        meant(lambda one: one.event_name == whole.split(".")[0])
    )


@pytest.mark.parametrize("delivered", [True, False])
def test_success(indexer, delivered):
    query = narrowed(ANYTHING, LogFilter(delivered=delivered), None)
    assert found(indexer, query) == meant(lambda one: one.success is delivered)


@pytest.mark.parametrize("at", sorted({one.started_at for one in DOCUMENTS}))
def test_since_is_inclusive_and_until_is_not_to_the_microsecond(indexer, at):
    since = narrowed(ANYTHING, LogFilter(since=at), None)
    until = narrowed(ANYTHING, LogFilter(until=at), None)
    both = narrowed(ANYTHING, LogFilter(since=at, until=at + 1), None)
    assert found(indexer, since) == meant(lambda one: one.started_at >= at)
    assert found(indexer, until) == meant(lambda one: one.started_at < at)
    assert found(indexer, both) == meant(lambda one: one.started_at == at)


def test_any_set_of_subscriptions(indexer):
    numbers = sorted({one.subscription_id for one in DOCUMENTS})
    for count in range(min(4, len(numbers)) + 1):
        for some in itertools.combinations(numbers, count):
            query = narrowed(ANYTHING, LogFilter(), some)
            assert found(indexer, query) == meant(
                lambda one, some=some: one.subscription_id in some
            )


def test_many_subscriptions_that_are_neighbours_are_one_range():
    query = narrowed(ANYTHING, LogFilter(), range(5000))
    assert len(query.must[1].should) == 1


def test_without_conditions_the_query_stays_as_it_is():
    assert narrowed(ANYTHING, LogFilter(tenant="t"), None) is ANYTHING


def test_a_time_long_ago_is_a_time(indexer):
    ancient = -62_135_596_800_000_000
    assert found(indexer, narrowed(ANYTHING, LogFilter(since=ancient), None)) == meant(bool)
    assert found(indexer, narrowed(ANYTHING, LogFilter(until=ancient), None)) == set()
