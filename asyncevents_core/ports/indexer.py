"""Contract of an indexer: where attempts become searchable.

An indexer keeps one document per attempt. It learns of attempts through `Indexer.upsert`, with
the newest version of each, at least once and in any order of ids, and finds them again for a
`asyncevents_core.domain.query` tree. What a query means is written in docs/reference/search.md;
`IndexerConformance` holds an indexer to it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

from attrs import field, frozen

from asyncevents_core.domain.histogram import Buckets
from asyncevents_core.domain.query.fields import EVENT
from asyncevents_core.domain.query.leaves import Leaf, leaves
from asyncevents_core.domain.query.nodes import Query
from asyncevents_core.domain.query.readings import microseconds

COUNTED: Final = 10_000
"""Hits are counted exactly up to here."""

Config = TypeVar("Config")


@frozen(kw_only=True)
class AttemptDocument:
    """One attempt as a document.

    Its fields are called as those of the log. `log_id` is its key, ascending with time. `uuid` is
    the delivery's id, `started_at` in microseconds since the epoch (UTC), `duration` in seconds,
    `fate` and `outcome` are among `CHOICES`, `attempt` counts from 1. `http_status` is None where
    there was no answer, or none over HTTP. `body` is the CloudEvent's JSON text.
    """

    log_id: int
    uuid: str
    event_name: str
    success: bool
    started_at: int
    duration: float
    fate: str
    outcome: str
    http_status: int | None
    detail: str = field(repr=False)
    attempt: int
    subscription_id: int
    sink: str
    tenant: str | None
    target: str
    response: str = field(repr=False)
    body: bytes = field(repr=False)

    def leaves(self) -> Iterator[Leaf]:
        """Yield those of the attempt, then those of the event. Raises as `event_leaves`."""
        yield from self.attempt_leaves()
        yield from event_leaves(self.body)

    def attempt_leaves(self) -> Iterator[Leaf]:
        """Yield texts and success of the attempt; numbers and dates are not among them."""
        yield "uuid", self.uuid
        yield from self.usual_leaves()

    def usual_leaves(self) -> Iterator[Leaf]:
        """Yield those of `attempt_leaves` that many attempts have alike: all but its own id."""
        yield "event_name", self.event_name
        yield "success", self.success
        yield "fate", self.fate
        yield "outcome", self.outcome
        yield "sink", self.sink
        yield "target", self.target
        if self.detail:
            yield "detail", self.detail
        if self.tenant is not None:
            yield "tenant", self.tenant
        if self.response:
            yield "response", self.response

    def number(self, name: str) -> int | None:
        """Return one of `NUMBERS` as an index keeps it; None where the attempt has none."""
        if name == "duration":
            return microseconds(self.duration)
        found: int | None = getattr(self, name)
        return found


def event_leaves(body: bytes) -> Iterator[Leaf]:
    """Yield every value of a CloudEvent, its path under ``data.``.

    Raises `ValueError` if the body is not a JSON object.
    """
    try:
        event = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(event, dict):
        raise ValueError("not a JSON object")
    for key, value in event.items():
        yield from leaves(value, f"{EVENT}.{key}")


@frozen(kw_only=True)
class Rejected:
    """A document that the index refuses, and would refuse again: why, in one line."""

    log_id: int
    reason: str


@frozen(kw_only=True)
class Found:
    """The result of a search.

    `log_ids` are the hits of this page, newest (highest) first. `total` counts all hits of the
    query, whatever the page: exactly if `exact`, else there are more than these `COUNTED`. It is
    None where counting was not asked for.
    """

    log_ids: Sequence[int]
    total: int | None
    exact: bool = True


class Rebuild(ABC):
    """A new generation of the index on its way: filled beside the one that serves searches.

    Begun, or taken up after a crash, by `Indexer.rebuild`. While it exists, in whatever process,
    `upsert` and `delete` reach both generations; searches see the old one only. Lives in the
    thread of its `Indexer`'s writer; at most one at a time.
    """

    @property
    @abstractmethod
    def cursor(self) -> int | None:
        """The cursor of the last `fill` that is durable; None before the first."""

    @abstractmethod
    def fill(self, documents: Sequence[AttemptDocument], *, cursor: int) -> Sequence[Rejected]:
        """Add documents that the new generation does not have yet, durably; keep `cursor`.

        What `upsert` wrote since the rebuild began is newer and stays; what `delete` took out
        since then does not come back. Repeating a call changes nothing: after a kill, go on
        behind `cursor`. Returns those that the engine refuses.
        """

    @abstractmethod
    def finish(self) -> None:
        """Let the new generation serve, in one step: each search sees the old or the new one.

        Then remove the old one. Killed in the middle, the rebuild is either still there, to be
        finished, or done.
        """

    @abstractmethod
    def abandon(self) -> None:
        """Remove the new generation; the old one goes on serving."""


class Indexer(ABC):
    """An open index.

    `search`, `histogram` and `count` may be called from any thread and any process at any time,
    also while another one writes. All the other methods write: they are called from one thread at
    a time, in one process at a time. A lease in the ledger sees to it.
    """

    @abstractmethod
    def upsert(self, documents: Sequence[AttemptDocument]) -> Sequence[Rejected]:
        """Write documents by `log_id`, in place of older ones. The last of equal ids counts.

        When it returns they are durable (a crash does not take them back) and found. Killed in
        the middle it leaves each document as it was or as it shall be, never twice; the caller
        repeats the call. Returns those that the engine refuses; an older version of such a
        document is gone. Raises `IndexUnavailable`; repeating the call later is safe.
        """

    @abstractmethod
    def delete(self, log_ids: Collection[int]) -> None:
        """Take documents out, durably; unknown ids are no error. Raises `IndexUnavailable`."""

    @abstractmethod
    def search(
        self,
        query: Query,
        *,
        limit: int,
        before: int | None = None,
        timeout: float = 10.0,
        count: bool = True,
    ) -> Found:
        """Return up to `limit` hits, those with the highest `log_id` first.

        `before` is the last `log_id` of the page before: pages that follow each other so reach
        every hit once. With `limit` 0 it counts only; without `count` it saves the counting.
        Raises `SearchTimeout` after `timeout` seconds (at once if it is 0), `IndexUnavailable`,
        and `InvalidQuery` for a query that is beyond what the engine can do.
        """

    def histogram(
        self, query: Query, buckets: Buckets, *, timeout: float = 10.0
    ) -> Sequence[int] | None:
        """Count the hits of a query by the time of the attempt: a number for each bucket.

        Bounds of buckets are kept to a millisecond at least. None: this indexer has no histograms,
        and pages leave them out. Raises as `search`.
        """
        return None

    @abstractmethod
    def count(self) -> int:
        """Return the number of documents that searches see. Raises `IndexUnavailable`."""

    @abstractmethod
    def rebuild(self) -> Rebuild:
        """Begin a rebuild, or take up the one that was begun. Raises `IndexUnavailable`."""

    @abstractmethod
    def is_rebuilding(self) -> bool:
        """Tell whether a rebuild was begun and not finished, by whichever process."""

    def close(self) -> None:  # noqa: B027 - nothing to close is the common case
        """Release what was opened. Called once; a rebuild under way stays resumable."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class IndexerType(ABC, Generic[Config]):
    """What a plugin registers: a kind of indexer, chosen by INDEXER. Stateless.

    `config_class` is an attrs class, made from ``INDEXERS[name]``; fields with
    ``metadata={SECRET: True}`` are masked.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    config_class: type[Config]

    @abstractmethod
    def open(self, config: Config) -> Indexer:
        """Return an open index. Without I/O: what is unavailable shows at the first use.

        Libraries are imported here, not with the plugin; raises `MissingExtra`.
        """


AnyIndexerType = IndexerType[Any]
