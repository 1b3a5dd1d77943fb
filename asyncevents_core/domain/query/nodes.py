"""The tree of a query.

A leaf of the tree names a field: a path such as ``data.data.sku``, a `Pattern` over paths, or
None for the default fields (see `fields`). Texts are as the user wrote them, escapes resolved;
date math (``now-1d``) is resolved to dates already, so that a query means the same tomorrow.
"""

from __future__ import annotations

import enum
from typing import Final

from attrs import frozen


class Wild(enum.Enum):
    """A placeholder in a `Pattern`."""

    ANY = "*"
    """Any characters, none included."""
    ONE = "?"
    """Exactly one character."""


@frozen
class Pattern:
    """A text with placeholders: literal texts, none empty, and `Wild`s, in order."""

    parts: tuple[str | Wild, ...]


Field = str | Pattern | None


@frozen(kw_only=True)
class Query:
    """Base of all nodes."""


@frozen(kw_only=True)
class MatchAll(Query):
    """Every document."""


@frozen(kw_only=True)
class MatchNone(Query):
    """No document."""


@frozen(kw_only=True)
class TermQuery(Query):
    """A value: the whole of it in any case, its words one after the other, its number, its date."""

    field: Field
    text: str


@frozen(kw_only=True)
class PhraseQuery(Query):
    """As `TermQuery`, where the words may be moved by `slop` places in sum."""

    field: Field
    text: str
    slop: int = 0


@frozen(kw_only=True)
class ExactQuery(Query):
    """The whole value, its case included. Of `event_name` only: no other field is kept so."""

    field: str
    text: str


@frozen(kw_only=True)
class WildcardQuery(Query):
    """A pattern over the whole value, or over one of its words, in any case.

    A `*` next to a letter or digit stands for nothing, too: then it also finds what `TermQuery`
    finds of the text without it (see `folding.without_stars`).
    """

    field: Field
    pattern: Pattern


@frozen(kw_only=True)
class RegexQuery(Query):
    """A regular expression (see `regex`) over the whole value, or one of its words, in any case."""

    field: Field
    text: str


@frozen(kw_only=True)
class FuzzyQuery(Query):
    """One word of the value with up to `distance` (0 to 2) letters inserted, left out, replaced
    or swapped with their neighbour. `word` is in the form that `words` returns.
    """

    field: Field
    word: str
    distance: int


@frozen(kw_only=True)
class Bound:
    """An end of a range."""

    text: str
    inclusive: bool


@frozen(kw_only=True)
class RangeQuery(Query):
    """Values between two bounds; None is an open end. At least one bound is given.

    Compared as numbers if all bounds read as numbers, as dates if all read as dates (as both if
    they read as both), else as folded texts (see `words.fold`) by code point.
    """

    field: Field
    lower: Bound | None
    upper: Bound | None

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """The bounds that are given."""
        return tuple(one for one in (self.lower, self.upper) if one is not None)


@frozen(kw_only=True)
class ExistsQuery(Query):
    """Any value in the field, or anywhere below it."""

    field: str | Pattern


@frozen(kw_only=True)
class BooleanQuery(Query):
    """All of `must`, none of `must_not`; without `must`, one of `should` at least.

    Only `must_not` stands for everything else. Beside `must`, `should` excludes nothing.
    """

    must: tuple[Query, ...] = ()
    should: tuple[Query, ...] = ()
    must_not: tuple[Query, ...] = ()


MAX_SLOP: Final = 50
"""The largest `PhraseQuery.slop`."""
