"""Patterns as expressions, and expressions in parts."""

from __future__ import annotations

from asyncevents_core.domain.query.nodes import Pattern, Wild
from asyncevents_core.domain.query.regex import (
    ANY,
    ANYTHING,
    Choice,
    Node,
    Repeat,
    Sequence,
    literal,
)


def of_pattern(pattern: Pattern) -> Node:
    """Return a wildcard pattern as an expression."""
    parts: list[Node] = []
    for part in pattern.parts:
        if isinstance(part, str):
            parts.append(literal(part))
        else:
            parts.append(ANYTHING if part is Wild.ANY else ANY)
    return Sequence(tuple(parts))


def quantifier(node: Repeat) -> str:
    """Return how often, as most syntaxes of expressions write it.

    >>> quantifier(ANYTHING), quantifier(Repeat(ANY, 2, 5))
    ('*', '{2,5}')
    """
    if node.most is None:
        return "*" if node.least == 0 else f"{{{node.least},}}"
    return f"{{{node.least},{node.most}}}"


def alternatives(node: Node) -> list[Node]:
    """Return expressions that together match what this one does; more than one if it ends in |."""
    match node:
        case Choice():
            return [one for option in node.options for one in alternatives(option)]
        case Sequence(parts=(*start, end)):
            return [Sequence((*start, one)) for one in alternatives(end)]
    return [node]
