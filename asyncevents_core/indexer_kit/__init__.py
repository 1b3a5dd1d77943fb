"""For authors of indexers: documents become terms, and queries questions about terms.

An engine that keeps exact terms, and words with their positions, finds what
docs/reference/search.md says if it writes what a `TermMaker` makes of a document's leaves, and
answers what a `Translator` asks through its `QueryMaker`. Nothing here knows an engine.

The names below are public API, beside those of `asyncevents_core.plugin`.
"""

from asyncevents_core.domain.query import nodes, regex
from asyncevents_core.domain.query.distance import within
from asyncevents_core.domain.query.fields import NUMBERS, matches
from asyncevents_core.domain.query.nodes import MAX_SLOP, Pattern, Query, Wild
from asyncevents_core.domain.query.phrases import arrangements
from asyncevents_core.indexer_kit.automata import alternatives, of_pattern
from asyncevents_core.indexer_kit.keys import US
from asyncevents_core.indexer_kit.leaves import (
    FORM,
    LEAF,
    PATH,
    VALUE,
    WORD,
    WORD_AT,
    TermMaker,
    Terms,
)
from asyncevents_core.indexer_kit.making import QueryMaker
from asyncevents_core.indexer_kit.matching import Automaton, beginning
from asyncevents_core.indexer_kit.ranges import between
from asyncevents_core.indexer_kit.translating import Translator
from asyncevents_core.ports.indexer import COUNTED

__all__ = [
    "LEAF",
    "VALUE",
    "PATH",
    "WORD_AT",
    "WORD",
    "US",
    "FORM",
    "NUMBERS",
    "TermMaker",
    "Terms",
    "Translator",
    "QueryMaker",
    "Query",
    "nodes",
    "Pattern",
    "Wild",
    "matches",
    "of_pattern",
    "regex",
    "Automaton",
    "beginning",
    "alternatives",
    "between",
    "arrangements",
    "MAX_SLOP",
    "within",
    "COUNTED",
]
