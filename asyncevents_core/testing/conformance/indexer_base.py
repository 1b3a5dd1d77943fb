"""What the suites of indexers share: fixtures, documents, reading back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Final
from uuid import UUID

import pytest

from asyncevents_core.domain.query.nodes import MatchAll, Query, TermQuery
from asyncevents_core.ports.indexer import AnyIndexerType, AttemptDocument, Indexer

PATIENCE: Final = 60.0
"""Seconds that one search may take, and that a test waits for another process."""

_BEGIN: Final = 1_790_000_000_000_000
SECOND: Final = 1_000_000
"""Between the times of two documents, microseconds."""

Open = Callable[[], Indexer]


class IndexerBase:
    """Fixtures of `IndexerConformance`."""

    @pytest.fixture
    def indexer_type(self) -> AnyIndexerType:
        """Override: the type under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `indexer_type`")

    @pytest.fixture
    def config(self, indexer_type: AnyIndexerType) -> object:
        """Override: its configuration, for an index that is empty."""
        return indexer_type.config_class()

    @pytest.fixture
    def shared(self) -> bool:
        """Override with False where an index lives and dies with its process."""
        return True

    @pytest.fixture
    def open_index(self, indexer_type: AnyIndexerType, config: object) -> Iterator[Open]:
        """Return a function that opens the index, once more each time."""
        with ExitStack() as opened:
            yield lambda: opened.enter_context(indexer_type.open(config))

    @pytest.fixture
    def indexer(self, open_index: Open) -> Indexer:
        """Return the index, open."""
        return open_index()


def document(
    log_id: int,
    *,
    response: str = "fine",
    data: object = None,
    body: bytes | None = None,
    event_name: str = "example.created",
    duration: float = 0.25,
    http_status: int | None = 200,
    detail: str = "HTTP 200",
) -> AttemptDocument:
    """Make a document."""
    if body is None:
        event = {"specversion": "1.0", "type": event_name, "data": {"number": log_id}}
        body = json.dumps(event if data is None else {**event, "data": data}).encode()
    return AttemptDocument(
        log_id=log_id,
        uuid=str(UUID(int=log_id)),
        event_name=event_name,
        success=log_id % 2 == 0,
        started_at=_BEGIN + log_id * SECOND,
        duration=duration,
        fate="delivered" if log_id % 2 == 0 else "retrying",
        outcome="delivered" if log_id % 2 == 0 else "retryable",
        http_status=http_status,
        detail=detail,
        attempt=1,
        subscription_id=7,
        sink="http",
        tenant=None,
        target="https://receiver.example/hook",
        response=response,
        body=body,
    )


def documents(*log_ids: int, response: str = "fine") -> list[AttemptDocument]:
    """Make several."""
    return [document(one, response=response) for one in log_ids]


def said(response: str) -> Query:
    """Return the query for attempts with this response."""
    return TermQuery(field="response", text=response)


def hits(indexer: Indexer, query: Query | None = None, *, limit: int = 1000) -> Sequence[int]:
    """Return the log_ids of a search."""
    return list(indexer.search(query or MatchAll(), limit=limit, timeout=PATIENCE).log_ids)
