"""From the tree of an expression to functions: what is known at once is worked out at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from attrs import evolve, frozen

from asyncevents_core.domain.filtering.cesql.arithmetic import ARITHMETIC, fitting
from asyncevents_core.domain.filtering.cesql.functions import (
    FUNCTIONS,
    FunctionFailed,
    function_of,
)
from asyncevents_core.domain.filtering.cesql.mistakes import Mistake, MistakeKind
from asyncevents_core.domain.filtering.cesql.parser import COMPARISONS, LOGIC
from asyncevents_core.domain.filtering.cesql.tree import (
    AttributeOf,
    Call,
    Chain,
    Exists,
    In,
    Like,
    Link,
    Literal,
    Negative,
    Node,
    Not,
)
from asyncevents_core.domain.filtering.cesql.values import (
    CastFailed,
    Value,
    ValueType,
    cast,
    to_boolean,
    to_integer,
    to_string,
    type_of,
)
from asyncevents_core.domain.filtering.wildcards import matcher
from asyncevents_core.errors import suggestion

Attributes = Mapping[str, Value]
Run = Callable[[Attributes], Value]

_ORDERS: Final[Mapping[str, Callable[[int, int], bool]]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)


@frozen(kw_only=True)
class Part:
    """A part of an expression.

    `run` returns its value, or raises `Mistake`. `type` is what that is, None if the event decides.
    `constant` says that it is the same for every event.
    """

    run: Run
    type: ValueType | None
    position: int
    constant: bool = False


class Compiler:
    """Compiles one expression."""

    def __init__(self) -> None:
        self.certain: list[Mistake] = []
        """Mistakes of parts that fail whatever the event is."""
        self.names: dict[str, int] = {}
        """The attributes that are asked for, and where first."""

    def compile(self, node: Node) -> Part:
        """Compile a part. Raises `Mistake` for a function that there is not."""
        part = self._part(node)
        if not part.constant or isinstance(node, Literal):
            return part
        try:
            value = part.run({})
        except Mistake as error:
            if not self.certain:
                self.certain.append(error)
            return part
        return evolve(part, run=lambda attributes: value)

    def _part(self, node: Node) -> Part:
        match node:
            case Literal():
                value = node.value
                return Part(
                    run=lambda attributes: value,
                    type=type_of(value),
                    position=node.position,
                    constant=True,
                )
            case AttributeOf():
                self.names.setdefault(node.name, node.position)
                run = _attribute(node.name, node.position)
                return Part(run=run, type=None, position=node.position)
            case Exists():
                self.names.setdefault(node.name, node.position)
                name = node.name
                return _boolean(node, lambda attributes: name in attributes)
            case Not():
                return self._not(node)
            case Negative():
                return self._negative(node)
            case Like():
                return self._like(node)
            case In():
                return self._in(node)
            case Call():
                return self._call(node)
            case Chain():
                return self._chain(node)
        raise TypeError(f"no node: {node!r}")

    def _not(self, node: Not) -> Part:
        operand = self.compile(node.operand)
        truth, position = self._truth(operand, node.position), node.position

        def run(attributes: Attributes) -> Value:
            try:
                return not truth(attributes)
            except Mistake as error:
                if error.position != position:
                    raise
                # What cannot be cast counts as false here.
                raise Mistake(error.kind, str(error), position, value=True) from None

        return _boolean(node, run, operand)

    def _negative(self, node: Negative) -> Part:
        operand = self.compile(node.operand)
        number, position = _number(operand, node.position), node.position

        def run(attributes: Attributes) -> Value:
            return fitting(-number(attributes), position)

        return _integer(node, run, operand)

    def _like(self, node: Like) -> Part:
        operand = self.compile(node.operand)
        text, matches, negated = _text(operand), matcher(node.pattern), node.negated
        if negated:
            return _boolean(node, lambda attributes: not matches(text(attributes)), operand)
        return _boolean(node, lambda attributes: matches(text(attributes)), operand)

    def _in(self, node: In) -> Part:
        operand = self.compile(node.operand)
        options = [self.compile(one) for one in node.options]
        value, others = operand.run, [one.run for one in options]
        negated, position = node.negated, node.position

        def run(attributes: Attributes) -> Value:
            wanted = value(attributes)
            target = type_of(wanted)
            for other in others:
                if _cast(other(attributes), target, position) == wanted:
                    return not negated
            return negated

        return _boolean(node, run, operand, *options)

    def _call(self, node: Call) -> Part:
        function = function_of(node.name, len(node.arguments))
        if function is None:
            raise Mistake(MistakeKind.MISSING_FUNCTION, _no_function(node), node.position)
        arguments = [self.compile(one) for one in node.arguments]
        position, call = node.position, function.call
        read = [
            one.run if target is None or target is one.type else _casting(one.run, target, position)
            for one, target in zip(arguments, function.types(len(arguments)), strict=True)
        ]

        def run(attributes: Attributes) -> Value:
            values = [one(attributes) for one in read]
            try:
                return call(*values)
            except FunctionFailed as error:
                raise Mistake(error.kind, str(error), position, value=error.value) from None
            except CastFailed as error:
                raise Mistake(MistakeKind.CAST, str(error), position) from None

        return Part(
            run=run,
            type=function.returns,
            position=position,
            constant=all(one.constant for one in arguments),
        )

    def _chain(self, node: Chain) -> Part:
        first = self.compile(node.first)
        others = [self.compile(link.operand) for link in node.links]
        sign = node.links[0].sign
        if sign in LOGIC:
            return _boolean(node, self._logic(first, node.links, others), first, *others)
        if sign not in COMPARISONS:
            return _integer(node, _arithmetic(first, node.links, others), first, *others)
        part = first
        for link, other in zip(node.links, others, strict=True):
            part = _boolean(node, _comparison(part, link, other), part, other)
        return part

    def _logic(self, first: Part, links: Sequence[Link], others: Sequence[Part]) -> Run:
        start = self._truth(first, links[0].position)
        truths = [
            self._truth(other, link.position) for link, other in zip(links, others, strict=True)
        ]
        signs = {link.sign for link in links}
        if signs == {"AND"}:
            return _all((start, *truths))
        if signs == {"OR"}:
            return _any((start, *truths))
        steps = [(link.sign, truth) for link, truth in zip(links, truths, strict=True)]

        def run(attributes: Attributes) -> Value:
            value = start(attributes)
            for sign, truth in steps:
                if sign == "XOR":
                    value = value != truth(attributes)
                elif value is (sign == "AND"):
                    value = truth(attributes)
            return value

        return run

    def _truth(self, part: Part, position: int) -> Callable[[Attributes], bool]:
        """Return what reads an operand of NOT, AND, OR or XOR; an Integer is none.

        The conformance cases say so of NOT, against the table of casts: BOOL() casts one.
        """
        value = part.run
        if part.type is ValueType.INTEGER and not self.certain:
            self.certain.append(_no_truth(position))

        def truth(attributes: Attributes) -> bool:
            found = value(attributes)
            if found is True or found is False:
                return found
            if not isinstance(found, str):
                raise _no_truth(position)
            try:
                return to_boolean(found)
            except CastFailed as error:
                raise Mistake(MistakeKind.CAST, str(error), position) from None

        return truth


def _no_truth(position: int) -> Mistake:
    text = "a number is neither true nor false; BOOL(…) is true for all but 0"
    return Mistake(MistakeKind.CAST, text, position)


def _boolean(node: Node, run: Run, *operands: Part) -> Part:
    constant = bool(operands) and all(one.constant for one in operands)
    return Part(run=run, type=ValueType.BOOLEAN, position=node.position, constant=constant)


def _integer(node: Node, run: Run, *operands: Part) -> Part:
    constant = all(one.constant for one in operands)
    return Part(run=run, type=ValueType.INTEGER, position=node.position, constant=constant)


def _attribute(name: str, position: int) -> Run:
    def run(attributes: Attributes) -> Value:
        value = attributes.get(name)
        if value is None:
            text = f"the event has no attribute {name!r}"
            raise Mistake(MistakeKind.MISSING_ATTRIBUTE, text, position)
        return value

    return run


def _all(truths: Sequence[Callable[[Attributes], bool]]) -> Run:
    def run(attributes: Attributes) -> Value:
        return all(truth(attributes) for truth in truths)

    return run


def _any(truths: Sequence[Callable[[Attributes], bool]]) -> Run:
    def run(attributes: Attributes) -> Value:
        return any(truth(attributes) for truth in truths)

    return run


def _comparison(left: Part, link: Link, right: Part) -> Run:
    if link.sign in _ORDERS:
        order = _ORDERS[link.sign]
        low, high = _number(left, link.position), _number(right, link.position)
        return lambda attributes: order(low(attributes), high(attributes))
    equal = link.sign == "="
    if right.type is ValueType.STRING:
        # All that can be compared with a text has one: nothing can fail.
        text, other = _text(left), right.run
        if equal:
            return lambda attributes: text(attributes) == other(attributes)
        return lambda attributes: text(attributes) != other(attributes)
    value, wanted, position = left.run, right.run, link.position

    def run(attributes: Attributes) -> Value:
        # The type of the right one counts.
        found, other = value(attributes), wanted(attributes)
        return (_cast(found, type_of(other), position) == other) is equal

    return run


def _arithmetic(first: Part, links: Sequence[Link], others: Sequence[Part]) -> Run:
    start = _number(first, links[0].position)
    steps = [
        (ARITHMETIC[link.sign], _number(other, link.position), link.position)
        for link, other in zip(links, others, strict=True)
    ]

    def run(attributes: Attributes) -> Value:
        value = start(attributes)
        for calculate, number, position in steps:
            value = fitting(calculate(value, number(attributes), position), position)
        return value

    return run


def _text(part: Part) -> Callable[[Attributes], str]:
    value = part.run

    def text(attributes: Attributes) -> str:
        found = value(attributes)
        return found if isinstance(found, str) else to_string(found)

    return text


def _number(part: Part, position: int) -> Callable[[Attributes], int]:
    value = part.run

    def number(attributes: Attributes) -> int:
        try:
            return to_integer(value(attributes))
        except CastFailed as error:
            raise Mistake(MistakeKind.CAST, str(error), position) from None

    return number


def _casting(run: Run, target: ValueType, position: int) -> Run:
    return lambda attributes: _cast(run(attributes), target, position)


def _cast(value: Value, target: ValueType, position: int) -> Value:
    try:
        return cast(value, target)
    except CastFailed as error:
        raise Mistake(MistakeKind.CAST, str(error), position) from None


def _no_function(node: Call) -> str:
    count = len(node.arguments)
    if node.name not in FUNCTIONS:
        return f"there is no function {node.name}{suggestion(node.name, FUNCTIONS)}"
    return f"{node.name} takes another number of values than {count}"
