"""The documents of one call, made while the first of them are on their way already."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from asyncevents_core.adapters.elasticsearch.documents import DocumentMaker
from asyncevents_core.ports.indexer import AttemptDocument, Rejected


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
