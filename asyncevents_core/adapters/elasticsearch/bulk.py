"""Writing documents in bulk, in batches that the server takes."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Literal

from attrs import frozen
from elasticsearch import ApiError, Elasticsearch

from asyncevents_core.adapters.elasticsearch.calls import reaching, reason_of
from asyncevents_core.adapters.elasticsearch.documents import DocumentMaker
from asyncevents_core.errors import IndexUnavailable
from asyncevents_core.ports.indexer import AttemptDocument, Rejected

PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the tries of what a busy cluster turned down."""

_BUSY: Final = frozenset({429, 502, 503, 504})
_TOO_LARGE: Final = 413
_REFUSED: Final = frozenset({400, _TOO_LARGE})


Kind = Literal["index", "create", "delete"]


@frozen
class Action:
    """One document to write, under an alias for writing, or to delete.

    `create` writes only where there is none of that id.
    """

    kind: Kind
    alias: str
    log_id: int
    source: bytes = b""

    @property
    def lines(self) -> list[bytes]:
        """What is sent."""
        about = {self.kind: {"_index": self.alias, "_id": str(self.log_id)}}
        head = json.dumps(about, separators=(",", ":")).encode()
        return [head] if self.kind == "delete" else [head, self.source]


class Bulk:
    """Sends actions, no two for the same document in one call. Stateless between calls.

    `size` is that of a request in bytes; `parallel` of them are under way at once.
    """

    def __init__(
        self,
        client: Elasticsearch,
        *,
        size: int,
        parallel: int,
        pauses: Sequence[float] = PAUSES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._size = size
        self._parallel = parallel
        self._pauses = pauses
        self._sleep = sleep

    def write(self, actions: Iterable[Action]) -> list[Rejected]:
        """Write, durably; return what is refused for good. Raises `IndexUnavailable`."""
        rejected: list[Rejected] = []
        under_way = deque[Future[list[Rejected]]]()
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="elasticsearch") as pool:
            for some in self._requests(actions):
                if len(under_way) >= self._parallel:
                    rejected += under_way.popleft().result()
                under_way.append(pool.submit(self._reach, some))
            for one in under_way:
                rejected += one.result()
        return rejected

    def _reach(self, actions: Sequence[Action]) -> list[Rejected]:
        with reaching():
            return self._write(actions)

    def _requests(self, actions: Iterable[Action]) -> Iterator[Sequence[Action]]:
        some: list[Action] = []
        size = 0
        for one in actions:
            length = sum(len(line) + 1 for line in one.lines)
            if some and size + length > self._size:
                yield some
                some, size = [], 0
            some.append(one)
            size += length
        if some:
            yield some

    def _write(self, actions: Sequence[Action]) -> list[Rejected]:
        rejected: list[Rejected] = []
        waiting, reason = actions, ""
        for pause in (*self._pauses, None):
            try:
                items = self._post(waiting)
            except ApiError as error:
                if error.status_code == _TOO_LARGE:
                    return rejected + self._in_parts(waiting)
                if error.status_code not in _BUSY:
                    raise
                reason = reason_of(error.body)
            else:
                waiting, reason, refused = _sorted(waiting, items)
                rejected += refused
            if not waiting:
                return rejected
            if pause is not None:
                self._sleep(pause)
        raise IndexUnavailable(
            f"Elasticsearch is too busy to write: {reason}. Indexing goes on when it is not"
        )

    def _in_parts(self, actions: Sequence[Action]) -> list[Rejected]:
        """Write what is more than one request may be, or refuse what cannot be divided."""
        if len(actions) == 1:
            reason = f"its {len(actions[0].source):,} bytes are more than the cluster takes"
            return [Rejected(log_id=actions[0].log_id, reason=reason)]
        half = len(actions) // 2
        return self._write(actions[:half]) + self._write(actions[half:])

    def _post(self, actions: Sequence[Action]) -> Sequence[Mapping[str, Any]]:
        lines: Any = [line for one in actions for line in one.lines]
        return list(self._client.bulk(operations=lines, require_alias=True)["items"])


def _sorted(
    actions: Sequence[Action], items: Sequence[Mapping[str, Any]]
) -> tuple[list[Action], str, list[Rejected]]:
    """Return what shall be tried again, why, and what is refused."""
    again: list[Action] = []
    reason = ""
    rejected: list[Rejected] = []
    for action, item in zip(actions, items, strict=True):
        (result,) = item.values()
        status = int(result["status"])
        if status < 300 or _is_so_already(action, status):
            continue
        why = reason_of(result)
        if status in _BUSY:
            again.append(action)
            reason = why
        elif status in _REFUSED:
            rejected.append(Rejected(log_id=action.log_id, reason=why))
        else:
            raise IndexUnavailable(f"{action.alias}: cannot be written ({status}): {why}")
    return again, reason, rejected


def _is_so_already(action: Action, status: int) -> bool:
    return (action.kind, status) in {("create", 409), ("delete", 404)}


class Batch:
    """What is written of documents, the last of equal ids. Made once, at the first iteration."""

    def __init__(self, maker: DocumentMaker, documents: Sequence[AttemptDocument]) -> None:
        self._maker = maker
        self._waiting = {one.log_id: one for one in documents}
        self._made: dict[int, bytes] = {}
        self.log_ids: Collection[int] = tuple(self._waiting)
        self.rejected: list[Rejected] = []
        """Those that cannot be made; complete after the first iteration."""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield ids, and documents as JSON."""
        yield from self._made.items()
        while self._waiting:
            log_id, document = self._waiting.popitem()
            try:
                source = self._made[log_id] = self._maker.make(document)
            except (ValueError, OverflowError) as error:
                reason = f"its body cannot be indexed: {error}"
                self.rejected.append(Rejected(log_id=log_id, reason=reason))
            else:
                yield log_id, source
