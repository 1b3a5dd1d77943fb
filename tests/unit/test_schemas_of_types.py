"""JSON Schemas of types: what `to_json` writes of an instance matches them."""

from __future__ import annotations

import enum
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.adapters.json_schemas import compile_schema
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.domain.schemas.given import checked_schema
from asyncevents_core.domain.schemas.of_types import is_described, schema_of_type
from asyncevents_core.errors import InvalidPayload

T = TypeVar("T")
OrderId = NewType("OrderId", int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Mixed(enum.Enum):
    DAY = date(2027, 1, 31)
    NUMBER = 1
    NOTHING = None


class Word(str):
    __slots__ = ()


class Place(NamedTuple):
    x: int
    y: float = 0.0


class Address(TypedDict):
    street: str
    more: NotRequired[list[str]]


@dataclass
class Line:
    """One line of an order.

    More about it.
    """

    sku: str
    price: Decimal = field(metadata={"description": "In the order's currency."})
    kept: ClassVar[int] = 3
    seed: InitVar[int] = 0
    shown: int = field(default=1, init=False)


@attrs.frozen
class Order:
    id: OrderId
    at: datetime
    lines: list[Line]
    _secret: str = "s"
    email: str | None = None
    total: float = 1
    made: int = attrs.field(default=1, init=False)


@attrs.frozen
class Node:
    value: int
    left: Node | None = None
    children: tuple[Node, ...] = ()


@dataclass
class Page(Generic[T]):
    items: list[T]
    next: T | None = None


@dataclass
class Pages:
    numbers: Page[int]
    nodes: Page[Node]


class Inner(pydantic.BaseModel):
    at: datetime
    price: Decimal


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(serialization_alias="theName")
    inner: list[Inner] = []
    model: Model | None = None


class Renamed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(serialize_by_alias=True)
    name: str = pydantic.Field(serialization_alias="theName")


@attrs.frozen
class WithModel:
    model: Model
    inner: Inner


NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
ONE = UUID(int=1)
INNER = Inner(at=NOW, price=Decimal("1.50"))
MODEL = Model(name="a", inner=[INNER], model=Model(name="b"))
ORDER = Order(id=OrderId(1), at=NOW, lines=[Line("a", Decimal("19.99"))])
NODE = Node(1, Node(2), (Node(3, children=(Node(4),)),))

INSTANCES = [
    (str, "a"),
    (Word, Word("a")),
    (int, 10**40),
    (OrderId, 3),
    (float, 1.5),
    (float, 3),
    (bool, True),
    (type(None), None),
    (Any, {"a": [1]}),
    (object, [None]),
    (datetime, NOW),
    (datetime, datetime(2027, 1, 31)),
    (date, NOW.date()),
    (time, time(12, 30)),
    (Decimal, Decimal("1E+3")),
    (UUID, ONE),
    (Path, Path("a/b")),
    (Colour, Colour.RED),
    (Level, Level.HIGH),
    (Rights, Rights.READ | Rights.WRITE),
    (Mixed, Mixed.DAY),
    (Mixed, Mixed.NOTHING),
    (Literal["a", 2, None], 2),
    (Literal[Colour.RED], Colour.RED),
    (list, [1, "a"]),
    (list[int], [1]),
    (Sequence[Decimal], (Decimal(1),)),
    (deque[int], deque([1])),
    (set[UUID], {ONE}),
    (frozenset[Colour], frozenset(Colour)),
    (set[Decimal | str], {Decimal(1), "1"}),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (tuple[()], ()),
    (dict, {"a": 1}),
    (dict[str, Any], {"a": None}),
    (Mapping[UUID, int], {ONE: 1}),
    (dict[Colour, int], {Colour.RED: 1}),
    (dict[date, list[int]], {NOW.date(): [1]}),
    (Place, Place(1)),
    (Address, {"street": "a"}),
    (Address, {"street": "a", "more": ["b"]}),
    (Line, Line("a", Decimal(1))),
    (Order, ORDER),
    (Order, attrs.evolve(ORDER, email="a@b.c", total=1.5)),
    (Node, NODE),
    (Page[int], Page([1], 2)),
    (Page[Order], Page([ORDER])),
    (Page, Page(["anything"])),
    (Pages, Pages(Page([1]), Page([NODE], NODE))),
    (Order | None, None),
    (Order | Node, NODE),
    (list[Order | str], [ORDER, "a"]),
    (Annotated[int, "anything"], 1),
    (Final[int], 1),
    (Model, MODEL),
    (Renamed, Renamed(name="a")),
    (list[Model], [MODEL]),
    (WithModel, WithModel(MODEL, INNER)),
]


def shown(one):
    """Return the same in every process: sets have no order."""
    text = sorted(map(str, one)) if isinstance(one, set | frozenset) else one
    return str(text)[:60]


@pytest.mark.parametrize(("kind", "value"), INSTANCES, ids=shown)
def test_an_instance_matches_the_schema_of_its_type(kind, value):
    schema = checked_schema(schema_of_type(kind))
    assert compile_schema(schema)(from_json(to_json(value))) == ()


WRONG = [
    (str, 1),
    (int, "1"),
    (int, 1.5),
    (bool, 1),
    (Decimal, 1.5),
    (Colour, "green"),
    (Literal["a"], "b"),
    (list[int], ["a"]),
    (tuple[int, str], [1]),
    (tuple[int, str], [1, "a", 2]),
    (tuple[()], [1]),
    (dict[str, int], {"a": "b"}),
    (dict[Colour, int], {"green": 1}),
    (Place, {"x": 1, "y": 1}),
    (Address, {}),
    (Order, {"id": 1}),
    (Node, {"value": 1, "left": {"value": "deep"}, "children": []}),
    (Page[int], {"items": ["a"], "next": None}),
    (Model, {"name": 1}),
]


@pytest.mark.parametrize(("kind", "value"), WRONG, ids=shown)
def test_what_is_no_instance_does_not_match(kind, value):
    assert compile_schema(checked_schema(schema_of_type(kind)))(value)


@given(
    st.lists(
        st.builds(Line, sku=st.text(max_size=5), price=st.decimals(allow_nan=False)), max_size=3
    ),
    st.none() | st.text(max_size=5),
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    st.datetimes(),
)
def test_instances_of_any_content_match(lines, email, total, at):
    order = Order(id=OrderId(1), at=at, lines=lines, email=email, total=total)
    assert CHECK(from_json(to_json(order))) == ()


CHECK = compile_schema(schema_of_type(Order))


def test_a_class_is_an_object_of_all_its_arguments():
    made = schema_of_type(Order)
    assert made["title"] == "Order"
    assert list(made["properties"]) == ["id", "at", "lines", "_secret", "email", "total"]
    assert made["required"] == list(made["properties"])
    assert made["properties"]["email"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert made["$defs"]["Line"] == {
        "title": "Line",
        "description": "One line of an order.",
        "type": "object",
        "properties": {
            "sku": {"type": "string"},
            "price": {
                "type": "string",
                "format": "decimal",
                "description": "In the order's currency.",
            },
        },
        "required": ["sku", "price"],
    }
    assert "description" not in made


def test_what_contains_itself_refers_to_itself():
    made = schema_of_type(Node)
    assert made["$ref"] == "#/$defs/Node"
    left = made["$defs"]["Node"]["properties"]["left"]
    assert left == {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}


def test_classes_of_the_same_name_are_told_apart():
    def another():
        @dataclass
        class Line:
            number: int

        return Line

    @dataclass
    class Both:
        one: Any
        other: Any

    Both.__annotations__ = {"one": Line, "other": another()}
    made = schema_of_type(Both)
    assert set(made["$defs"]) == {"Line", "Line2"}
    assert made["properties"]["other"] == {"$ref": "#/$defs/Line2"}


class Documented:
    def __init__(self, documentation):
        self.documentation = documentation


def test_what_is_said_of_a_field_is_there():
    made = schema_of_type(Annotated[int, Documented("How many.")])
    assert made == {"type": "integer", "description": "How many."}


@attrs.frozen
class WithBytes:
    data: list[bytes]


@attrs.frozen
class WithLater:
    later: NoSuchThing  # noqa: F821


class Unknown:
    pass


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (bytes, "bytes is not JSON"),
        (timedelta, "timedelta is not JSON"),
        (Unknown, "Unknown is not JSON"),
        (WithBytes, r"WithBytes\.data\[\*\]: bytes is not JSON"),
        (WithLater, "WithLater: its annotations cannot be read: NameError"),
        (dict[int, str], "the keys of a JSON object are texts"),
        (dict[Level, str], "the keys of a JSON object are texts"),
        (3, "3 says nothing about its values"),
        (Order | bytes, "bytes is not JSON"),
    ],
    ids=str,
)
def test_what_cannot_be_data_is_refused_with_its_place(kind, message):
    with pytest.raises(ValueError, match=message):
        schema_of_type(kind)


@pytest.mark.parametrize("value", [b"a", timedelta(1), Unknown(), {1: "a"}, {Level.LOW: "a"}])
def test_and_to_json_refuses_the_same(value):
    with pytest.raises(InvalidPayload):
        to_json(value)


@pytest.mark.parametrize(
    ("kind", "is_so"),
    [
        (Order, True),
        (Line, True),
        (Page[int], True),
        (Address, True),
        (Model, True),
        (dict[str, object], False),
        (list[Order], False),
        (Place, False),
        (Colour, False),
        (int, False),
        (None, False),
        (Order | None, False),
    ],
    ids=str,
)
def test_which_annotations_say_what_is_in_them(kind, is_so):
    assert is_described(kind) is is_so


class Struct(msgspec.Struct, rename="camel", omit_defaults=True):
    unit_price: Decimal
    at: datetime
    lines: list[Struct] = []
    note: str | None = None


def test_a_struct_of_msgspec_is_published_as_it_writes_itself():
    at = datetime(2027, 1, 31, 12, tzinfo=UTC)
    inner = Struct(unit_price=Decimal("1.50"), at=at)
    assert json.loads(to_json({"struct": Struct(unit_price=Decimal(2), at=at, lines=[inner])})) == {
        "struct": {
            "unitPrice": "2",
            "at": "2027-01-31T12:00:00Z",
            "lines": [{"unitPrice": "1.50", "at": "2027-01-31T12:00:00Z"}],
        }
    }


def test_a_struct_with_what_is_no_json_is_refused():
    class Wrong(msgspec.Struct):
        value: object

    with pytest.raises(InvalidPayload, match=r"data\.a: .*Wrong cannot be converted: TypeError"):
        to_json({"a": Wrong(object())})
    with pytest.raises(InvalidPayload, match=r"data\.a\.value: nan is not a JSON number"):
        to_json({"a": Wrong(float("nan"))})


def test_a_model_of_pydantic_is_published_as_it_writes_itself():
    assert json.loads(to_json({"model": MODEL})) == {
        "model": {
            "name": "a",
            "inner": [{"at": "2027-01-31T12:00:00Z", "price": "1.50"}],
            "model": {"name": "b", "inner": [], "model": None},
        }
    }
    assert json.loads(to_json(Renamed(name="a"))) == {"theName": "a"}
