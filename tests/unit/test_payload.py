"""What becomes JSON, and how: the same in every process, or a refusal that names the path."""

from __future__ import annotations

import itertools
import json
import math
import os
import pickle
import subprocess
import sys
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain import plain
from asyncevents_core.domain.payload import envelope, to_json
from asyncevents_core.domain.plain import DEEPEST
from asyncevents_core.engine.publishing.arguments import ArgumentChecks
from asyncevents_core.engine.publishing.publish import PublishRules, prepare
from asyncevents_core.engine.publishing.request import PublishRequest
from asyncevents_core.errors import InvalidPayload, UnknownEvent
from asyncevents_core.plugin import EventDefinition


class Colour(Enum):
    RED = "red"
    NUMBER = 7


class Text(StrEnum):
    A = "a"


class Named(StrEnum):
    CREATED = "example.created"


class Level(IntEnum):
    HIGH = 3


class Word(str):
    """A text that is of a subclass."""


class Same(str):
    """Texts that are different keys of a dict, and the same in JSON."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other


@dataclass(frozen=True)
class Line:
    sku: object


@attrs.frozen
class Order:
    line: object
    made: int = attrs.field(init=False, default=1)


class Broken:
    """Cannot be asked for anything."""

    def __repr__(self):
        raise ZeroDivisionError


class BrokenMapping(Mapping):
    def __getitem__(self, key):
        raise ZeroDivisionError("no items here \ud800")

    def __iter__(self):
        return iter("ab")

    def __len__(self):
        return 2


@dataclass
class Raising:
    value: object = None

    def __getattribute__(self, name):
        if name == "value":
            raise LookupError("gone")
        return super().__getattribute__(name)


Pair = namedtuple("Pair", "a b")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": (1, None, True, 1.5)}, '{"b":1,"a":[1,null,true,1.5]}'),
        ("\x00\n\u2028\U0001f40e", '"\\u0000\\n\u2028\U0001f40e"'),
        ({UUID(int=5): 1}, '{"00000000-0000-0000-0000-000000000005":1}'),
        ({Colour.RED: 1, Text.A: 2, NOW: 3, Word("w"): 4},
         '{"red":1,"a":2,"2026-01-02T03:04:05+00:00":3,"w":4}'),
        ([Colour.NUMBER, Text.A, Level.HIGH, Word("w")], '[7,"a",3,"w"]'),
        (OrderedDict(a=defaultdict(int, b=1)), '{"a":{"b":1}}'),
        (MappingProxyType({"a": deque([1])}), '{"a":[1]}'),
        (Pair(1, NOW), '[1,"2026-01-02T03:04:05+00:00"]'),
        (Order(Line(Order(Decimal("1.10")))), '{"line":{"sku":{"line":"1.10"}}}'),
        ({3, 20, "a", (1, "b")}, '["a",20,3,[1,"b"]]'),
        ([frozenset({Line(2), Line(1)}), set()], '[[{"sku":1},{"sku":2}],[]]'),
        ({"1", Decimal("1")}, '["1","1"]'),
        ([date(2026, 1, 2), time(3, 4)], '["2026-01-02","03:04:00"]'),
        ([10**4299], "[1" + "0" * 4299 + "]"),
    ],
)  # fmt: skip
def test_what_becomes_what(value, text):
    assert to_json(value) == text.encode()


ITSELF: list[object] = [1]
ITSELF.append({"again": (ITSELF,)})


def nested(levels, value=1, wrap=lambda value: [value]):
    for _ in range(levels):
        value = wrap(value)
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1: "a", "1": "b"}, "data[1]: keys must be texts, not int"),
        ({"a": {1: "a"}}, "data.a[1]: keys must be texts, not int"),
        ({"a": [{None: 1}]}, "data.a[0][None]: keys must be texts, not NoneType"),
        ({True: 1}, "data[True]: keys must be texts, not bool"),
        ({("a", 1): 1}, "data[('a', 1)]: keys must be texts, not tuple"),
        ({Colour.NUMBER: 1}, "data[<Colour.NUMBER: 7>]: keys must be texts, not Colour"),
        ({UUID(int=5): 1, str(UUID(int=5)): 2}, f"two keys become '{UUID(int=5)}'"),
        ({Same("a"): 1, "b": 2, Same("a"): 3}, "data.a: two keys become 'a'"),
        ({"a": {Decimal("1.0"): 1, "1.0": NOW}}, "two keys become '1.0'"),
        ({"a": ["\ud800"]}, "data.a[0]: the text is not valid Unicode"),
        ({"a": {"\udfff": 1}}, "data.a['\\udfff']: the text is not valid Unicode"),
        ({"\ud83d\ude00": 1}, "data['\\ud83d\\ude00']: the text is not valid Unicode"),
        ({"a\n\x00": [b"x"]}, "data['a\\n\\x00'][0]: bytes is not JSON"),
        ([1, 10**4300], "data[1]: the number has too many digits"),
        ({10**5000: 1}, "the number has too many digits"),
        ({"a": {"b": [math.nan]}}, "data.a.b[0]: nan is not a JSON number"),
        ([-math.inf], "data[0]: -inf is not a JSON number"),
        ({math.nan: 1}, "nan is not a JSON number"),
        ({1, math.inf}, "data[*]: inf is not a JSON number"),
        ({Broken()}, "data[*]: Broken is not JSON"),
        ({"a": Broken()}, "data.a: Broken is not JSON"),
        ({Broken(): 1}, "Broken is not JSON"),
        ({"a": BrokenMapping()}, "data.a: BrokenMapping cannot be converted: ZeroDivisionError"),
        ([Line(Raising())], "data[0].sku: Raising cannot be converted: LookupError: gone"),
        (ITSELF, "data[1].again[0]: it contains itself"),
        (nested(DEEPEST + 1), "it is nested more than 100 levels deep"),
        (nested(DEEPEST + 1, wrap=Line), "it is nested more than 100 levels deep"),
        (nested(100_000), "it is nested more than 100 levels deep"),
        ({"x" * 1000: object()}, "object is not JSON"),
        (Line, "data: type is not JSON"),
        (1j, "data: complex is not JSON"),
        ({}.keys(), "data: dict_keys is not JSON"),
        (iter([1]), "data: list_iterator is not JSON"),
    ],
)  # fmt: skip
def test_what_is_refused(value, message):
    with pytest.raises(InvalidPayload) as refused:
        to_json(value)
    text = str(refused.value)
    assert message in text
    assert text.startswith("data")
    assert len(text.encode()) < 700


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"a": value}, Line])
def test_as_deep_as_may_be(wrap):
    depth = 0
    value = json.loads(to_json(nested(DEEPEST, wrap=wrap)))
    while value != 1:
        (value,) = value.values() if isinstance(value, dict) else value
        depth += 1
    assert depth == DEEPEST


def test_values_that_share_a_part_do_not_contain_themselves():
    part = {"at": NOW}
    assert json.loads(to_json([part, part])) == [{"at": NOW.isoformat()}] * 2


# -- properties -----------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=5)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.builds(lambda: 10**4400)
    | st.floats()
    | ANY_TEXT
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.sampled_from([*Colour, *Text, *Level])
    | st.builds(Word, st.text(max_size=3))
)
HASHABLE = st.recursive(
    LEAVES,
    lambda inner: (
        st.frozensets(inner, max_size=4) | st.tuples(inner, inner) | st.builds(Line, inner)
    ),
    max_leaves=4,
)
KEYS = st.text(max_size=5) | HASHABLE | st.sampled_from([1, "1", None, "null"])
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4), inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.builds(Order, inner)
        | st.builds(MappingProxyType, st.dictionaries(st.text(max_size=3), inner, max_size=3))
    ),
    max_leaves=12,
)


class Refused(Exception):
    """The rule says that this is no payload."""


def by_the_rule(value):
    """Return what the reference says that a value becomes."""
    if isinstance(value, Enum):
        return by_the_rule(value.value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 10**4300:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value):
        return "".join(value)
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Line):
        return by_the_rule({"sku": value.sku})
    if isinstance(value, Order):
        return by_the_rule({"line": value.line})
    if isinstance(value, list | tuple):
        return [by_the_rule(one) for one in value]
    if isinstance(value, frozenset):
        return sorted(map(by_the_rule, value), key=lambda one: compact(one).encode())
    if isinstance(value, Mapping):
        made = [(by_the_rule(key), by_the_rule(item)) for key, item in value.items()]
        names = [name for name, _ in made]
        if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
            return dict(made)
    raise Refused


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@settings(deadline=None)
@given(VALUES)
def test_a_value_arrives_by_the_rule_or_is_refused(value):
    try:
        wanted = by_the_rule(value)
    except Refused:
        with pytest.raises(InvalidPayload, match=r"^data"):
            to_json(value)
    else:
        text = to_json(value)
        assert text.decode() == compact(wanted)
        assert json.loads(text) == wanted


def test_without_jsons_part_in_c_it_becomes_the_same(monkeypatch):
    value = {"a": ['\x00\x7f\u2028\U0001f40e"\\', 1e16, 1.0, -0.0, 10**30, True, None], "b": {}}
    with_it = [to_json(value), to_json("a"), to_json([])]
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    monkeypatch.setattr(plain, "_encoded", plain._made_encoder())
    assert [to_json(value), to_json("a"), to_json([])] == with_it
    with pytest.raises(InvalidPayload, match=r"data: nan is not a JSON number"):
        to_json(math.nan)


# -- another process ------------------------------------------------------------------------

RULES = PublishRules(source="/test", max_payload_bytes=1_000_000, arguments=ArgumentChecks(None))
CATALOG = EventCatalog(
    [
        EventDefinition(name="example.created"),
        EventDefinition(name="example.loaded", service="m:f"),
    ]
)


def test_events_made_together_are_what_each_is_alone():
    wanted = [
        PublishRequest(name=name, data={"n": number}, tenant=tenant, event_id=event_id)
        for number, (name, tenant, event_id) in enumerate(
            itertools.product(
                ["example.created", Named.CREATED, "example.loaded"],
                [None, "a", Word("a"), "b"],
                [None, "one"],
            )
        )
    ]
    together = prepare(wanted, CATALOG, RULES)
    alone = [prepare([one], CATALOG, RULES)[0] for one in wanted]

    def told(event):
        body = None if event.body is None else {**json.loads(event.body), "time": "", "id": ""}
        return attrs.evolve(event, id=UUID(int=0), occurred_at=0, body=body)

    assert [told(one) for one in together] == [told(one) for one in alone]
    for one in together:
        assert (type(one.name), type(one.tenant)) in {(str, str), (str, type(None))}
        if one.body is not None:
            body = json.loads(one.body)
            assert (body["id"], body["type"]) == (str(one.id), one.name)
            assert body.get("tenant") == one.tenant


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"name": "example.unknown"}, UnknownEvent, "example.unknown"),
        ({"name": ["example.created"]}, InvalidPayload, "name must be a text, not list"),
        ({"tenant": " a"}, InvalidPayload, "example.created: tenant must not begin"),
        ({"tenant": ["a"]}, InvalidPayload, "example.created: tenant must be a text, not list"),
        ({"event_id": ""}, InvalidPayload, "example.created: event_id must have 1 to 255"),
    ],
)
def test_one_that_is_wrong_among_others_is_named(wrong, error, message):
    right = PublishRequest(name="example.created", data={})
    with pytest.raises(error) as refused:
        prepare([right, attrs.evolve(right, **wrong), right], CATALOG, RULES)
    assert message in str(refused.value)


def digest_of(data):
    request = PublishRequest(name="example.created", data=data, event_id="mine")
    (event,) = prepare([request], CATALOG, RULES)
    return event.digest.hex()


def answer():
    """Read pickled values; write the order in which this process has them, and their digests."""
    while True:
        try:
            value = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        print(ascii(list(value)), digest_of(value), sep="\t", flush=True)


@pytest.fixture(scope="module")
def elsewhere():
    """Another process, whose hashes of texts are others."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    process = subprocess.Popen(
        [sys.executable, "-c", "from tests.unit.test_payload import answer; answer()"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def ask(value):
        pickle.dump(value, process.stdin)
        process.stdin.flush()
        return process.stdout.readline().decode().rstrip("\n").split("\t")

    yield ask
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    process.stdout.close()


def test_a_set_has_the_same_digest_in_another_process(elsewhere):
    value = {f"text {number}" for number in range(100)}
    order, digest = elsewhere(value)
    assert order != ascii(list(value))
    assert digest == digest_of(value)
    assert digest != digest_of(value - {"text 0"})


SAFE = (
    st.text(max_size=4)
    | st.integers()
    | st.uuids()
    | st.dates()
    | st.floats(allow_nan=False, allow_infinity=False)
)
SETS = st.frozensets(
    st.recursive(
        SAFE,
        lambda inner: st.frozensets(inner, max_size=5) | st.tuples(inner, inner),
        max_leaves=5,
    ),
    max_size=6,
)


@settings(deadline=None)
@given(st.lists(SETS, max_size=3))
def test_any_value_has_the_same_digest_in_another_process(elsewhere, value):
    assert elsewhere(value)[1] == digest_of(value)


@pytest.mark.parametrize(
    ("source", "tenant", "said"),
    [
        ("/shop", "2", "/shop"),
        ("{store_id}", "2", "2"),
        ("{store_id}", None, "0"),
        ("/shops/{store_id}", "a b/c", "/shops/a%20b%2Fc"),
    ],
)
def test_the_source_can_name_the_tenant_as_a_store(source, tenant, said):
    made = envelope(
        event_id=UUID(int=7), name="a", source=source, occurred_at=0, tenant=tenant, data=b"{}"
    )
    assert json.loads(made)["source"] == said
