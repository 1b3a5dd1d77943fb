"""Contract of an indexer: where attempts become searchable."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen


@frozen(kw_only=True)
class AttemptDocument:
    """One attempt as a document. `log_id` is its key; `body` the CloudEvent's JSON text."""

    log_id: int
    uuid: str
    event_name: str
    success: bool
    created_at: int
    body: bytes = field(repr=False)


class Indexer(ABC):
    """An open index. One process at a time writes to it."""

    @abstractmethod
    def upsert(self, documents: Sequence[AttemptDocument]) -> None:
        """Write documents by `log_id`, durably: they survive a crash once this returns."""

    @abstractmethod
    def search(self, query: str, *, limit: int) -> Sequence[int]:
        """Return the `log_id`s that a Lucene query finds, newest first."""

    def close(self) -> None:  # noqa: B027 - nothing to close is the common case
        """Release what was opened. Called once."""


class IndexerType(ABC):
    """What a plugin registers: a kind of indexer, chosen by INDEXER. Stateless."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def open(self) -> Indexer:
        """Return an open index."""
