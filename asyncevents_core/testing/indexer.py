"""An indexer in memory that evaluates queries value by value: simple, slow, the reference."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from decimal import Decimal
from typing import Final, TypeVar

from attrs import define, field, frozen

from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.distance import within
from asyncevents_core.domain.query.fields import FIELDS, matches, selects
from asyncevents_core.domain.query.leaves import Leaf, Scalar
from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
    ExistsQuery,
    FuzzyQuery,
    MatchAll,
    Pattern,
    PhraseQuery,
    Query,
    RangeQuery,
    RegexQuery,
    TermQuery,
    WildcardQuery,
)
from asyncevents_core.domain.query.readings import (
    date_bounds,
    date_of,
    number_bounds,
    number_of,
    span_of,
    text_of,
    truth_of,
)
from asyncevents_core.domain.query.words import fold, words
from asyncevents_core.errors import IndexUnavailable
from asyncevents_core.ports.indexer import (
    COUNTED,
    AttemptDocument,
    Found,
    Indexer,
    IndexerType,
    Rebuild,
    Rejected,
)

Ordered = TypeVar("Ordered", Decimal, str)

_NUMBERS: Final = ("log_id", "attempt", "subscription_id")


@frozen(kw_only=True)
class MemoryIndexerConfig:
    """The configuration of the indexer `memory`."""

    name: str = "index"


@define
class _Store:
    """What is kept under one name."""

    documents: dict[int, AttemptDocument] = field(factory=dict)
    following: dict[int, AttemptDocument | None] | None = None
    cursor: int | None = None
    lock: threading.RLock = field(factory=threading.RLock)


class MemoryIndexerType(IndexerType[MemoryIndexerConfig]):
    """The indexer `memory`: what one object has opened under one name is one index."""

    name = "memory"
    title = "In memory (for tests)"
    config_class = MemoryIndexerConfig
    single_writer = False

    def __init__(self) -> None:
        self._stores: dict[str, _Store] = {}

    def open(self, config: MemoryIndexerConfig) -> Indexer:
        """See `IndexerType`."""
        return MemoryIndexer(self._stores.setdefault(config.name, _Store()))


class MemoryIndexer(Indexer):
    """See `MemoryIndexerType`."""

    def __init__(self, store: _Store) -> None:
        self._store = store

    def upsert(self, documents: Sequence[AttemptDocument]) -> Sequence[Rejected]:
        """See `Indexer`."""
        with self._store.lock:
            return [one for document in documents for one in self._put(document)]

    def delete(self, log_ids: Collection[int]) -> None:
        """See `Indexer`."""
        with self._store.lock:
            for log_id in log_ids:
                self._store.documents.pop(log_id, None)
                if self._store.following is not None:
                    self._store.following[log_id] = None

    def search(
        self,
        query: Query,
        *,
        limit: int,
        before: int | None = None,
        timeout: float = 10.0,
        count: bool = True,
    ) -> Found:
        """See `Indexer`."""
        with self._store.lock:
            documents = sorted(self._store.documents.items(), reverse=True)
        hits = [log_id for log_id, one in documents if finds(query, one)]
        page = [one for one in hits if before is None or one < before][:limit]
        if not count:
            return Found(log_ids=page, total=None)
        return Found(log_ids=page, total=min(len(hits), COUNTED), exact=len(hits) <= COUNTED)

    def count(self) -> int:
        """See `Indexer`."""
        return len(self._store.documents)

    def rebuild(self) -> Rebuild:
        """See `Indexer`."""
        with self._store.lock:
            if self._store.following is None:
                self._store.following, self._store.cursor = {}, None
        return _MemoryRebuild(self._store)

    def is_rebuilding(self) -> bool:
        """See `Indexer`."""
        return self._store.following is not None

    def _put(self, document: AttemptDocument) -> Iterator[Rejected]:
        self._store.documents.pop(document.log_id, None)
        reason = _refusal(document)
        if reason is not None:
            yield Rejected(log_id=document.log_id, reason=reason)
            return
        self._store.documents[document.log_id] = document
        if self._store.following is not None:
            self._store.following[document.log_id] = document


class _MemoryRebuild(Rebuild):
    def __init__(self, store: _Store) -> None:
        self._store = store

    @property
    def cursor(self) -> int | None:
        return self._store.cursor

    def fill(self, documents: Sequence[AttemptDocument], *, cursor: int) -> Sequence[Rejected]:
        rejected = []
        with self._store.lock:
            following = self._following()
            for one in documents:
                reason = _refusal(one)
                if reason is not None:
                    rejected.append(Rejected(log_id=one.log_id, reason=reason))
                elif one.log_id not in following:
                    following[one.log_id] = one
            self._store.cursor = cursor
        return rejected

    def finish(self) -> None:
        with self._store.lock:
            following = self._following()
            kept = {log_id: one for log_id, one in following.items() if one is not None}
            self._store.documents, self._store.following = kept, None

    def abandon(self) -> None:
        with self._store.lock:
            self._store.following = None

    def _following(self) -> dict[int, AttemptDocument | None]:
        if self._store.following is None:
            raise IndexUnavailable("this rebuild has ended: begin another one")
        return self._store.following


def _refusal(document: AttemptDocument) -> str | None:
    try:
        list(document.leaves())
    except ValueError as error:
        return f"its body cannot be indexed: {error}"
    return None


def finds(query: Query, document: AttemptDocument) -> bool:
    """Tell whether a query finds a document."""
    match query:
        case MatchAll():
            return True
        case BooleanQuery():
            return _boolean(query, document)
        case ExistsQuery():
            return _exists(query.field, document)
        case TermQuery():
            number = getattr(document, query.field) if query.field in _NUMBERS else None
            if number is not None:
                return int(query.text) == int(number)
            return _any(query.field, document, lambda value: _term(query.text, value, 0))
        case PhraseQuery():
            return _any(query.field, document, lambda value: _term(query.text, value, query.slop))
        case WildcardQuery():
            return _any(query.field, document, lambda value: _wildcard(query.pattern, value))
        case RegexQuery():
            wanted = re.compile(_python(regex.parse(query.text)), re.DOTALL)
            return _any(
                query.field,
                document,
                lambda value: any(
                    wanted.fullmatch(one) for one in (text_of(value), *_words(value))
                ),
            )
        case FuzzyQuery():
            return _any(
                query.field,
                document,
                lambda value: any(within(query.word, one, query.distance) for one in _words(value)),
            )
        case RangeQuery():
            return _any(query.field, document, lambda value: _range(query, value))
    return False


def _boolean(query: BooleanQuery, document: AttemptDocument) -> bool:
    if any(finds(one, document) for one in query.must_not):
        return False
    if query.must:
        return all(finds(one, document) for one in query.must)
    return not query.should or any(finds(one, document) for one in query.should)


def _any(field: object, document: AttemptDocument, test: Callable[[Scalar], bool]) -> bool:
    if field == "created":
        return test(_Instant(document.created))
    return any(test(value) for path, value in _values(document) if selects(field, path))  # type: ignore[arg-type]


class _Instant(int):
    """The time of an attempt: microseconds since the epoch."""


def _values(document: AttemptDocument) -> Iterator[Leaf]:
    yield from document.leaves()
    yield "success", document.success
    for name in _NUMBERS:
        yield name, getattr(document, name)


def _words(value: Scalar) -> list[str]:
    return words(text_of(value)) if isinstance(value, str | bool) else []


def _matching(text: str) -> Callable[[Scalar], bool]:
    wanted = re.compile(_python(regex.parse(text)), re.DOTALL)
    return lambda value: any(wanted.fullmatch(one) for one in (text_of(value), *_words(value)))


def _term(text: str, value: Scalar, slop: int) -> bool:
    if isinstance(value, bool) and truth_of(text) is value:
        return True
    span = span_of(text)
    moment = _moment(value)
    if span is not None and moment is not None and span.start <= moment < span.end:
        return True
    if isinstance(value, _Instant):
        return False
    number = number_of(text)
    if number is not None and number == number_of(value):
        return True
    return text_of(value) == text or _phrase(words(text), _words(value), slop)


def _moment(value: Scalar) -> int | None:
    return int(value) if isinstance(value, _Instant) else date_of(value)


def _phrase(wanted: Sequence[str], found: Sequence[str], slop: int) -> bool:
    """Tell whether the words follow each other, moved by `slop` places in sum."""
    if not wanted:
        return False
    places = [[at for at, one in enumerate(found) if one == word] for word in wanted]

    def fits(index: int, shift: int, left: int) -> bool:
        if index == len(wanted):
            return True
        return any(
            fits(index + 1, at - index, left - abs(at - index - shift))
            for at in places[index]
            if abs(at - index - shift) <= left
        )

    return any(fits(1, at, slop) for at in places[0])


def _wildcard(pattern: Pattern, value: Scalar) -> bool:
    if matches(pattern, text_of(value)):
        return True
    folded = Pattern(tuple(fold(one) if isinstance(one, str) else one for one in pattern.parts))
    return any(matches(folded, one) for one in _words(value))


def _range(query: RangeQuery, value: Scalar) -> bool:
    numbers, dates = number_bounds(query), date_bounds(query)
    above = query.lower is not None and not query.lower.inclusive
    below = query.upper is not None and not query.upper.inclusive
    number = None if isinstance(value, _Instant) else number_of(value)
    if (
        numbers is not None
        and number is not None
        and _between(number, numbers[0], numbers[1], above, below)
    ):
        return True
    moment = _moment(value)
    if dates is not None and moment is not None:
        start, end = dates
        if (start is None or start <= moment) and (end is None or moment < end):
            return True
    if numbers is not None or dates is not None or isinstance(value, _Instant):
        return False
    low = None if query.lower is None else query.lower.text
    high = None if query.upper is None else query.upper.text
    return _between(text_of(value), low, high, above, below)


def _between(
    value: Ordered, low: Ordered | None, high: Ordered | None, above: bool, below: bool
) -> bool:
    if low is not None and (value < low or (above and value == low)):
        return False
    return high is None or value < high or (not below and value == high)


def _exists(wanted: str | Pattern, document: AttemptDocument) -> bool:
    paths = {path for path, _ in document.leaves()}
    paths |= {".".join(path.split(".")[:n]) for path in set(paths) for n in range(2, len(path))}
    paths |= {name for name in FIELDS if name not in {"tenant", "response"}}
    if isinstance(wanted, str):
        return wanted in paths
    return any(matches(wanted, path) for path in paths)


def _python(node: regex.Node) -> str:
    """Return the expression in Python's syntax."""
    match node:
        case regex.Chars():
            spans = "".join(f"{re.escape(a)}-{re.escape(b)}" for a, b in node.ranges)
            if not spans:
                return "." if node.negated else "(?!)"
            return f"[{'^' if node.negated else ''}{spans}]"
        case regex.Sequence():
            return "".join(_python(one) for one in node.parts)
        case regex.Choice():
            return f"(?:{'|'.join(_python(one) for one in node.options)})"
        case regex.Repeat():
            most = "" if node.most is None else node.most
            return f"(?:{_python(node.node)}){{{node.least},{most}}}"
