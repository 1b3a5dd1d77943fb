"""What a search found, and what the index does not hold, in words for people."""

from __future__ import annotations

import time
from typing import Final

from asyncevents_core.domain.counts import counted, shown_count
from asyncevents_core.engine.searching.search import SearchPage
from asyncevents_core.ports.ledger.index import IndexBacklog

INCOMPLETE: Final = (
    "The index lacks attempts that the ledger has: `asyncevents reindex` builds it anew"
)


def told(page: SearchPage, *, more: str = "") -> str:
    """Say how much was found, and how far behind the index is; `more` says how to see the rest."""
    total = shown_count(page.total, exact=page.exact)
    off = "" if page.indexing else " Indexing is switched off (INDEXING_ENABLED)."
    return f"{total} found{more}. {behind(page.behind, complete=page.complete)}{off}"


def behind(backlog: IndexBacklog, *, complete: bool) -> str:
    """Say in words what an index does not hold."""
    aside = f"; {backlog.set_aside:,} were refused by it" if backlog.set_aside else ""
    if not complete:
        return f"{INCOMPLETE}{aside}."
    if not backlog.waiting:
        return f"The index is up to date{aside}."
    age = ""
    if backlog.oldest is not None:
        late = time.time() - backlog.oldest / 1e6
        age = f", the oldest made {max(0, round(late))} s ago"
    late_by = counted(backlog.waiting, "attempt", exact=backlog.exact)
    return f"The index is behind by {late_by}{age}{aside}."
