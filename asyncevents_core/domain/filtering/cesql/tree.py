"""The tree of an expression. `position` counts characters of its text from 0."""

from __future__ import annotations

from attrs import frozen

from asyncevents_core.domain.filtering.cesql.values import Value
from asyncevents_core.domain.query.nodes import Wild


@frozen(kw_only=True)
class Node:
    """Base of all nodes. An operator stands where its sign does, a function where its name does."""

    position: int


@frozen(kw_only=True)
class Literal(Node):
    """A value that is written out."""

    value: Value


@frozen(kw_only=True)
class AttributeOf(Node):
    """The value of an attribute; `name` is in lower case."""

    name: str


@frozen(kw_only=True)
class Exists(Node):
    """Whether there is such an attribute."""

    name: str


@frozen(kw_only=True)
class Not(Node):
    """The opposite."""

    operand: Node


@frozen(kw_only=True)
class Negative(Node):
    """The number with the other sign."""

    operand: Node


@frozen(kw_only=True)
class Like(Node):
    """Whether a text has a form."""

    operand: Node
    pattern: tuple[str | Wild, ...]
    negated: bool


@frozen(kw_only=True)
class In(Node):
    """Whether a value is equal to one of others."""

    operand: Node
    options: tuple[Node, ...]
    negated: bool


@frozen(kw_only=True)
class Call(Node):
    """What a function returns; `name` is in capital letters."""

    name: str
    arguments: tuple[Node, ...]


@frozen(kw_only=True)
class Link:
    """An operator and what stands behind it."""

    sign: str
    operand: Node
    position: int


@frozen(kw_only=True)
class Chain(Node):
    """Operators of one precedence, from left to right: ``a AND b OR c``, ``1 + 2 - 3``.

    One node, however long it is, so that nothing is nested but what is written so. All signs are
    of the same table of `parser`.
    """

    first: Node
    links: tuple[Link, ...]
