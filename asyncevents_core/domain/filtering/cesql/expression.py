"""An expression, ready to be evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from asyncevents_core.domain.filtering.cesql.compiling import Attributes, Compiler
from asyncevents_core.domain.filtering.cesql.mistakes import Mistake
from asyncevents_core.domain.filtering.cesql.parser import parse
from asyncevents_core.domain.filtering.cesql.values import ZEROS, Value, ValueType


@frozen
class Evaluation:
    """What an expression comes to: a value always, and the error that made it this one."""

    value: Value
    error: Mistake | None


class Expression:
    """An expression of CloudEvents SQL. Thread-safe.

    `type` is that of its value, None if the event decides. `certain` are mistakes that show for
    every event that they are reached with; `names` the attributes that it asks for, and where.
    """

    def __init__(self, text: str) -> None:
        """Raises `Mistake` for what cannot be read, and for functions that there are not."""
        self.text = text
        compiler = Compiler()
        self._root = compiler.compile(parse(text))
        self.type: ValueType | None = self._root.type
        self.certain: Sequence[Mistake] = compiler.certain
        self.names: Mapping[str, int] = compiler.names

    def value(self, attributes: Attributes) -> Value:
        """Return its value for an event's attributes. Raises `Mistake` at the first error."""
        return self._root.run(attributes)

    def evaluate(self, attributes: Attributes) -> Evaluation:
        """Return what it comes to, errors or not: the zero value of its type where one is inside.

        It ends at the first error, as the rest could not change the value.
        """
        try:
            return Evaluation(self.value(attributes), None)
        except Mistake as error:
            if error.value is not None and error.position == self._root.position:
                return Evaluation(error.value, error)
            return Evaluation(ZEROS[self.type or ValueType.BOOLEAN], error)
