"""What an engine brings along: how it asks about terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from asyncevents_core.domain.query.nodes import Pattern
from asyncevents_core.domain.query.regex import Node

Q = TypeVar("Q")


class QueryMaker(Protocol[Q]):
    """Makes queries of an engine, for one state of its index. `name` is a field of `leaves`."""

    @property
    def loose(self) -> bool:
        """Whether a phrase over `WORD` stays within one value although its words are moved."""

    def everything(self) -> Q:
        """Every document."""

    def nothing(self) -> Q:
        """No document."""

    def boolean(self, must: Sequence[Q], should: Sequence[Q], must_not: Sequence[Q]) -> Q:
        """All of `must`, one of `should` if there are any, none of `must_not`.

        One of `must` and `should` is given.
        """

    def term(self, name: str, term: str) -> Q:
        """Documents that have a term."""

    def matching(self, name: str, node: Node) -> Q:
        """Documents with a term that an expression matches. May raise `InvalidQuery`."""

    def phrase(self, name: str, terms: Sequence[str], slop: int) -> Q:
        """Two terms or more at places that `domain.query.phrases.arrangements` tells."""

    def fuzzy(self, name: str, start: str, word: str, distance: int) -> Q:
        """Terms that are `start` and a word at most so many slips from `word`."""

    def between(self, field: str, lower: int | None, upper: int | None) -> Q:
        """Documents that have a number between two, both included; None is an open end.

        `field` is one of `NUMBERS`, and the number what `AttemptDocument.number` returns.
        """

    def texts(
        self,
        name: str,
        start: str,
        lower: str | None,
        upper: str | None,
        *,
        above: bool,
        below: bool,
    ) -> Q:
        """Terms that are `start` and a text between two others, in code point order.

        None is an open end; `above` and `below` leave the ends themselves out. May raise
        `InvalidQuery`.
        """

    def paths(self, pattern: Pattern, words: Sequence[str]) -> Sequence[str]:
        """Return the paths of the index that a pattern covers and that hold all words.

        Others may be among them. May raise `InvalidQuery`.
        """
