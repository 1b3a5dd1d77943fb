"""The query language of the log, as the search uses it."""

from __future__ import annotations

from collections.abc import Sequence

from asyncevents_core.adapters.lucene.parsing import parse_query
from asyncevents_core.domain.query.doubts import Doubt
from asyncevents_core.domain.query.nodes import Query


class Lucene:
    """Lucene's, as docs/reference/search.md describes it. Thread-safe."""

    def parse(self, text: str, *, now: int | None = None) -> Query:
        """See `parse_query`."""
        return parse_query(text, now=now)

    def doubts(self, text: str) -> Sequence[Doubt]:
        """Return what in a text that can be parsed is probably meant otherwise."""
        # It needs luqum, which an extra brings: whoever asks has parsed the text.
        from asyncevents_core.adapters.lucene.doubts import doubts_of

        return doubts_of(text)
