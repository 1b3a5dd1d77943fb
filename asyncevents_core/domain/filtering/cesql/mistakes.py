"""What can go wrong with an expression, when it is read and when it is evaluated."""

from __future__ import annotations

import enum

from asyncevents_core.domain.filtering.cesql.values import Value


class MistakeKind(enum.Enum):
    """The kinds of errors of CloudEvents SQL, as its conformance cases call them."""

    PARSE = "parse"
    MATH = "math"
    CAST = "cast"
    MISSING_ATTRIBUTE = "missingAttribute"
    MISSING_FUNCTION = "missingFunction"
    FUNCTION_EVALUATION = "functionEvaluation"
    GENERIC = "generic"


class Mistake(ValueError):
    """An error of an expression. Its text says what is wrong.

    `position` counts characters of the expression from 0. `value` is what the operator or the
    function comes to all the same; None: the zero value of its type.
    """

    def __init__(
        self, kind: MistakeKind, text: str, position: int, *, value: Value | None = None
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.position = position
        self.value = value
