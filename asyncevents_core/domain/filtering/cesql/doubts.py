"""What in an expression is probably meant otherwise than it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asyncevents_core.domain.filtering.cesql.parser import COMPARISONS, LOGIC, parse
from asyncevents_core.domain.filtering.cesql.tree import (
    Call,
    Chain,
    In,
    Like,
    Negative,
    Node,
    Not,
)
from asyncevents_core.domain.query.doubts import Doubt


def doubts_of(text: str) -> Sequence[Doubt]:
    """Return the doubts about an expression that can be read. Raises `Mistake` for another."""
    return list(_doubts(parse(text)))


def _doubts(node: Node) -> Iterator[Doubt]:
    match node:
        case Not() | Negative():
            yield from _doubts(node.operand)
        case Like():
            yield from _of_not(node.operand)
            yield from _doubts(node.operand)
        case In():
            yield from _of_not(node.operand)
            for one in (node.operand, *node.options):
                yield from _doubts(one)
        case Call():
            for one in node.arguments:
                yield from _doubts(one)
        case Chain():
            yield from _of_chain(node)
            for one in (node.first, *(link.operand for link in node.links)):
                yield from _doubts(one)


def _of_chain(node: Chain) -> Iterator[Doubt]:
    first, *others = node.links
    if first.sign in COMPARISONS:
        yield from _of_not(node.first)
    if first.sign in LOGIC:
        before = first.sign
        for link in others:
            if link.sign == "AND" != before:
                yield Doubt(
                    position=link.position,
                    found="AND",
                    hint="AND, OR and XOR go from left to right: all that stands before "
                    "it counts as one side of it; write parentheses",
                )
                return
            before = link.sign


def _of_not(operand: Node) -> Iterator[Doubt]:
    if isinstance(operand, Not) and not isinstance(operand.operand, Not):
        yield Doubt(
            position=operand.position,
            found="NOT",
            hint="it belongs to what stands right behind it; for the opposite of the comparison, "
            "write NOT (…), or !=, NOT LIKE and NOT IN",
        )
