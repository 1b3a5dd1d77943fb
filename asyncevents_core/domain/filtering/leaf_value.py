"""A value in an event, and what it reads as."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from asyncevents_core.domain.query.leaves import Scalar
from asyncevents_core.domain.query.readings import date_of, number_of, text_of
from asyncevents_core.domain.query.words import fold, words_of_folded

LONGEST_WHOLE: Final = 512
"""Characters of a folded text that patterns and ranges are held against as a whole."""


class LeafValue:
    """A value as the search sees it. Each reading of it is made when it is first asked for."""

    __slots__ = ("_date", "_folded", "_number", "_text", "_words", "value")

    def __init__(self, value: Scalar) -> None:
        self.value = value
        self._text: str | None = None
        self._folded: str | None = None
        self._words: Sequence[str] | None = None
        # In a tuple: None is a reading, too.
        self._number: tuple[Decimal | None] | None = None
        self._date: tuple[int | None] | None = None

    @property
    def text(self) -> str:
        """It as a text."""
        if self._text is None:
            self._text = text_of(self.value)
        return self._text

    @property
    def folded(self) -> str:
        """Its text in any case."""
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    @property
    def whole(self) -> str | None:
        """Its folded text; None for one that is too long for patterns and ranges."""
        folded = self.folded
        return folded if len(folded) <= LONGEST_WHOLE else None

    @property
    def words(self) -> Sequence[str]:
        """The words of its text; a number has none."""
        if self._words is None:
            is_text = isinstance(self.value, str | bool)
            self._words = words_of_folded(self.folded) if is_text else ()
        return self._words

    @property
    def number(self) -> Decimal | None:
        """Its number, if it is one or is written as one."""
        if self._number is None:
            self._number = (number_of(self.value),)
        return self._number[0]

    @property
    def date(self) -> int | None:
        """The instant that it tells, in microseconds since the epoch; None for what is no date."""
        if self._date is None:
            self._date = (date_of(self.value),)
        return self._date[0]
