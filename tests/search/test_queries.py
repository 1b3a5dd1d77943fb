"""One list of queries over documents made by hand, the same answers from every engine."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.lucene import parse_query
from tests.search.documents import DOCUMENTS, NOW
from tests.search.engines import ENGINES, filled, hits
from tests.search.printing import print_query
from tests.search.queries import ALL, QUERIES


@pytest.fixture(scope="module", params=ENGINES)
def indexer(request, open_engine):
    return filled(open_engine(request.param), DOCUMENTS)


def test_the_documents_are_those_that_the_queries_speak_of():
    assert {one.log_id for one in DOCUMENTS} == ALL
    assert len(QUERIES) >= 150


@pytest.mark.parametrize("query", QUERIES, ids=ascii)
def test_it_finds(indexer, query):
    assert hits(indexer, query) == QUERIES[query]


@pytest.mark.parametrize("query", QUERIES, ids=ascii)
def test_it_means_the_same_when_it_was_printed(query):
    parsed = parse_query(query, now=NOW)
    printed = print_query(parsed)
    assert parse_query(printed) == parsed
    assert print_query(parse_query(printed)) == printed
