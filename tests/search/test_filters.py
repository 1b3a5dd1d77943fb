"""One can subscribe to what one can search for: filters beside the search, on the same events."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Final

import attrs
import pytest
from hypothesis import given, settings

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.domain.filtering.by_query import (
    QueryFilter,
    field_of,
    is_of_events,
    leaves_of,
)
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.query.fields import FIELDS, matches
from asyncevents_core.domain.query.nodes import Pattern, Query
from asyncevents_core.ports.indexer import AttemptDocument
from asyncevents_core.testing.evaluation import Searchable
from tests.search.documents import DOCUMENTS, NOW, attempt
from tests.search.engines import filled, hits
from tests.search.queries import QUERIES
from tests.search.queries.grid import GRID_DOCUMENTS, grid
from tests.search.test_properties import ANY_TEXT, attempted

CORPUS: Final = Path(__file__).parents[3] / "shared" / "data" / "github-events.jsonl"
OF_EVENTS: Final = {"event_name", "tenant"}
SAMPLE: Final = 600
"""Queries of the grid that are tried."""


class EventDocument(AttemptDocument):
    """A document with nothing of the attempt but what is the event's."""

    def attempt_leaves(self):
        yield "event_name", self.event_name
        if self.tenant is not None:
            yield "tenant", self.tenant

    def number(self, name):
        return None

    @classmethod
    def of(cls, document):
        return cls(
            **{one.name: getattr(document, one.name) for one in attrs.fields(type(document))}
        )


ODD = tuple(
    attempt(1000 + number, f"odd.{number}", "2027-03-11T12:00:00", data, tenant=tenant)
    for number, (data, tenant) in enumerate(
        [
            ({"a": None, "b": [None, [None]], "c": {}, "d": []}, None),
            ({"a": [[1, [2, {"b": [3, "x y"]}]], None]}, "de"),
            ({"total": "99.50", "qty": "007", "neg": "-0", "zero": -0.0}, "fr"),
            ({"big": 10**40, "bigger": str(10**40 + 1), "tiny": "1e-300", "float": 1e300}, None),
            (
                {"at": "2026-11-24T00:30:00+01:00", "to": "2026-11-24 00:30", "no": "2026-13-01"},
                None,
            ),
            ({"a.b": {"c": 1}, "a": {"b.c": 2, "b": {"c": 3}}, "": {"": "empty"}}, "x.y"),
            ({"text": "Straße Ⅳ ﬁne İstanbul 東京タワー 👍🏽", "combining": "e\u0301"}, "größe"),
            ({"long": "word " * 200 + "end", "one": "x" * 700}, None),
            ({"true": True, "text": "true", "number": 1}, "true"),
            ([], None),
            ("", ""),
            (0, "0"),
            (False, None),
        ]
    )
)
BY_HAND = (*GRID_DOCUMENTS, *ODD)


def asked_of_events(text: str) -> Query | None:
    """Return a query, None for one that no filter may be."""
    query = attempted(text)
    if not isinstance(query, Query):
        return None
    return query if all(is_of_events(field_of(one)) for one in leaves_of(query)) else None


def passing(query, documents):
    """Return the documents whose events pass."""
    found = QueryFilter(query)
    views = {one.log_id: EventView.of(json.loads(one.body)) for one in documents}
    return {number for number, view in views.items() if found.lets_pass(view)}


@pytest.fixture(scope="module")
def searched():
    """Return what finds the documents of a query by the meaning of the contract."""
    references = {one.log_id: Searchable(EventDocument.of(one)) for one in BY_HAND}

    def search(query):
        return {number for number, one in references.items() if one.is_hit(query)}

    return search


MORE = (
    "data.a:1",
    "data.a.b.c:[2 TO 3]",
    "data.a.b:x",
    'data.a.b:"x y"',
    "_exists_:data.a",
    "_exists_:data.b",
    "_exists_:data.a.b",
    "_exists_:data.data.",
    "data.data..:empty",
    "data.total:[99 TO 100]",
    "data.neg:0",
    "data.big:1e40",
    "data.bigger:>1e40",
    "data.tiny:<0.001",
    "data.at:2026-11-23",
    "data.to:2026-11-24",
    "data.no:[2026 TO 2027]",
    "data.text:strasse",
    "data.text:iv",
    "data.combining:é",
    "data.long:end",
    "data.long:*end",
    "data.one:x*",
    "tenant:x",
    "tenant:GRÖSSE",
    'tenant:""',
    "data.data:0",
    "data.data:false",
    "NOT _exists_:data.data",
)


@pytest.mark.parametrize("text", [*QUERIES, *MORE], ids=ascii)
def test_an_event_passes_if_the_reference_finds_it(searched, text):
    query = asked_of_events(text)
    if query is not None:
        assert passing(query, BY_HAND) == searched(query)


def test_most_queries_can_be_filters():
    assert sum(asked_of_events(text) is not None for text in QUERIES) > 150


def test_events_of_the_grid_pass_if_the_reference_finds_them(searched):
    tried = 0
    for text in random.Random(7).sample(list(grid()), SAMPLE):
        query = asked_of_events(text)
        if query is not None:
            tried += 1
            assert passing(query, BY_HAND) == searched(query), text
    assert tried > SAMPLE / 3


@given(text=ANY_TEXT)
@settings(max_examples=600)
def test_any_query_lets_pass_what_the_reference_finds(searched, text):
    query = asked_of_events(text)
    if query is not None:
        assert passing(query, BY_HAND) == searched(query)


UNSEEN: Final = "\ue000" * 600
"""No word, and too long for patterns: no query finds it."""


def is_of_events_alone(query):
    """Tell whether a query means nothing of an attempt in the search either."""
    return not any(
        isinstance(field, Pattern)
        and any(matches(field, name) for name in FIELDS if name not in OF_EVENTS)
        for field in map(field_of, leaves_of(query))
    )


def test_an_event_passes_if_the_embedded_index_finds_it(open_engine):
    documents = [
        attrs.evolve(
            one, uuid=UNSEEN, sink=UNSEEN, target=UNSEEN, detail="", response="", http_status=None
        )
        for one in DOCUMENTS
    ]
    indexer = filled(open_engine("embedded"), documents)
    tried = 0
    for text in QUERIES:
        query = asked_of_events(text)
        if query is not None and is_of_events_alone(query):
            tried += 1
            assert passing(query, documents) == hits(indexer, text), text
    assert tried > 130


GITHUB = (
    "data.action:created",
    "data.action:(opened OR closed) AND data.sender.login:Codertocat",
    "data.repository.private:true",
    "data.repository.fork:false AND NOT data.action:created",
    "data.installation.id:[1 TO *]",
    "data.repository.created_at:[2019-05 TO 2019-06]",
    "data.issue.labels.name:bug",
    "data.commits.author.name:code*",
    "data.*.login:octocat~1",
    "data.*_url:https*",
    "_exists_:data.installation",
    "_exists_:data.*.sha",
    "event_name:pull_request*",
    "spelling",
    '"hello world"',
    "octo*",
    "/v[0-9].*/",
    "data.sender.id:>20000000 OR data.organization.login:github",
)


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here")
def test_real_events_pass_if_the_reference_finds_them():
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    documents = [
        attempt(number, line["event_name"], "2026-11-23T10:00:00", line["data"])
        for number, line in enumerate(lines, 1)
    ]
    references = {one.log_id: Searchable(EventDocument.of(one)) for one in documents}
    found = set()
    for text in GITHUB:
        query = parse_query(text, now=NOW)
        expected = {number for number, one in references.items() if one.is_hit(query)}
        assert passing(query, documents) == expected, text
        found |= expected
    assert len(found) > 100
