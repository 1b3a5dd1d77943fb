"""Event definitions: the setting, the decorator, plugins; and what resolves them."""

from __future__ import annotations

import importlib
import sys
import textwrap
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from mypy import api

from asyncevents_core import AsyncEvents, Settings, event
from asyncevents_core.adapters.importing import ImportResolverType
from asyncevents_core.catalog import collect_events
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.engine.publishing.arguments import ArgumentChecks
from asyncevents_core.errors import (
    InvalidPayload,
    ServiceArguments,
    ServiceNotFound,
    SettingsError,
    UnknownEvent,
)
from asyncevents_core.plugin import EventDefinition
from asyncevents_core.plugin_registry import load_plugins

MODULE = """
from __future__ import annotations
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
import attrs
from asyncevents_core import event

@dataclass
class Line:
    sku: str
    price: Decimal

@attrs.frozen
class Order:
    id: int
    at: datetime
    lines: list[Line]

@event("order.marked", title="Marked", resources=["sales"])
def load(id: int, at: datetime, lines: list[Line] | None = None) -> Order:
    return Order(id=id, at=at, lines=lines or [])

class Repository:
    @event("order.method")
    def get(self, id: int) -> dict[str, object]:
        return {"id": id, "self": type(self).__name__}

    @event("order.async", concurrency=2)
    async def fetch(self, id: UUID, when: date) -> dict[str, object]:
        return {"id": id, "when": when}

    @classmethod
    def made(cls, n: int) -> int:
        return n

    @staticmethod
    def fixed(anything, *, n: float = 1.0):
        return [anything, n]

class NeedsMore:
    def __init__(self, dependency):
        self.dependency = dependency
    def get(self, id: int):
        return {}
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "marked_shop.py").write_text(textwrap.dedent(MODULE))
    yield "marked_shop"
    sys.modules.pop("marked_shop", None)


def collect(**values):
    return collect_events(Settings.from_mapping(values), load_plugins(found=[]))


def test_definitions_from_the_setting_and_from_marks(shop):
    catalog = collect(EVENTS={"plain": {}}, EVENT_MODULES=[shop])
    assert catalog.names() == ["order.async", "order.marked", "order.method", "plain"]
    marked = catalog.get("order.marked")
    assert (marked.service, marked.title) == ("marked_shop:load", "Marked")
    assert marked.resources == ("sales",)
    assert catalog.get("order.method").service == "marked_shop:Repository.get"


def test_definitions_say_how_many_calls_there_may_be(shop):
    catalog = collect(EVENTS={"limited": {"concurrency": 3}, "plain": {}}, EVENT_MODULES=[shop])
    found = {one.name: one.concurrency for one in catalog}
    assert found == {
        "limited": 3,
        "plain": None,
        "order.async": 2,
        "order.marked": None,
        "order.method": None,
    }
    with pytest.raises(SettingsError, match="concurrency"):
        collect(EVENTS={"none": {"concurrency": 0}})


def test_services_that_are_async_say_so(shop):
    catalog = collect(EVENT_MODULES=[shop])
    resolver = ImportResolverType().open(lambda cls: cls())
    found = {one.name: resolver.resolve(one).is_async for one in catalog}
    assert found == {"order.async": True, "order.marked": False, "order.method": False}


def test_unknown_names_come_with_close_matches(shop):
    with pytest.raises(UnknownEvent, match=r"did you mean 'order\.marked'"):
        collect(EVENT_MODULES=[shop]).get("order.markt")


def test_a_name_defined_twice_names_both_places(shop):
    with pytest.raises(SettingsError) as caught:
        collect(EVENTS={"order.marked": {}}, EVENT_MODULES=[shop, "no_such_module"])
    text = str(caught.value)
    assert "in EVENTS and in marked_shop:load" in text
    assert "no_such_module cannot be imported" in text


def test_names_are_case_sensitive():
    assert collect(EVENTS={"A": {}, "a": {}}).names() == ["A", "a"]


class Recorder:
    def __init__(self):
        self.published = []

    def publish(self, name, data, *, tenant=None, event_id=None):
        self.published.append((name, data))
        return UUID(int=1)

    async def apublish(self, name, data, *, tenant=None, event_id=None):
        return self.publish(name, data)


async def test_marked_functions_publish_their_arguments():
    @event("sum.made")
    def add(a: int, b: int = 2) -> int:
        return a + b

    class Repository:
        @event("thing.got")
        def get(self, id: int) -> str:
            return f"{type(self).__name__} {id}"

    app = Recorder()
    assert add(1, b=5) == 6
    assert Repository().get(3) == "Repository 3"
    assert Repository.get(Repository(), 4) == "Repository 4"
    add.publish(app, 1)
    add.publish(app, 1, b=3)
    Repository.get.publish(app, 42)
    await Repository.get.apublish(app, id=43)
    assert app.published == [
        ("sum.made", {"a": 1}),
        ("sum.made", {"a": 1, "b": 3}),
        ("thing.got", {"id": 42}),
        ("thing.got", {"id": 43}),
    ]
    assert Repository.get.arguments(5) == {"id": 5}
    with pytest.raises(TypeError):
        add.publish(app, 1, 2, 3)


def test_a_type_that_no_json_becomes_is_named(shop):
    class Strange:
        def __init__(self, *, engine):
            self.engine = engine

    found = importlib.import_module(shop)
    found.load = lambda id: id
    found.load.__annotations__ = {"id": Strange}
    with pytest.raises(ServiceArguments, match=r"argument 'id' is not of type .*Strange"):
        service("marked_shop:load").call({"id": 1})


def resolver(build=lambda cls: cls()):
    return ImportResolverType().open(build)


def service(path: str, **options):
    return resolver(**options).resolve(EventDefinition(name="x", service=path))


def test_arguments_are_converted_to_their_annotated_types(shop):
    found = service("marked_shop:load")
    result = found.call(
        {"id": 1, "at": "2026-11-24T10:00:00+00:00", "lines": [{"sku": "tea", "price": "9.90"}]}
    )
    assert result.at == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert result.lines[0].price == Decimal("9.90")
    assert from_json(to_json(result)) == {
        "id": 1,
        "at": "2026-11-24T10:00:00+00:00",
        "lines": [{"sku": "tea", "price": "9.90"}],
    }


async def test_async_services_and_methods(shop):
    found = service("marked_shop:Repository.fetch")
    result = await found.call({"id": str(UUID(int=7)), "when": "2026-11-24"})
    assert result == {"id": UUID(int=7), "when": date(2026, 11, 24)}
    assert service("marked_shop:Repository.get").call({"id": 2})["self"] == "Repository"
    assert service("marked_shop:Repository.made").call({"n": 3}) == 3
    assert service("marked_shop:Repository.fixed").call({"anything": [1], "n": 2}) == [[1], 2.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "missing a required argument: 'id'"),
        ({"id": 1, "other": 2}, "other"),
        ({"id": "1"}, "argument 'id' is not of type int: '1'"),
        ({"id": True}, "argument 'id' is not of type int"),
        ({"id": None}, "argument 'id' is not of type int"),
    ],
)
def test_arguments_that_do_not_fit(shop, arguments, message):
    with pytest.raises(ServiceArguments, match=message):
        service("marked_shop:Repository.get").call(arguments)


@pytest.mark.parametrize(
    "path",
    ["no_such:thing", "marked_shop:nothing", "marked_shop:Repository.no", "marked_shop:datetime.x"],
)
def test_services_that_are_not_there(shop, path):
    with pytest.raises(ServiceNotFound):
        service(path)


def test_instances_are_built_by_the_container(shop):
    with pytest.raises(ServiceNotFound, match="asyncevents_build_service"):
        service("marked_shop:NeedsMore.get")
    built = service("marked_shop:NeedsMore.get", build=lambda cls: cls("dependency"))
    assert built.call({"id": 1}) == {}


TYPED = """
from uuid import UUID
from asyncevents_core import AsyncEvents, event

@event("order.created")
def order(id: int, note: str = "") -> dict[str, object]:
    return {}

class Repository:
    @event("order.loaded")
    def get(self, id: int) -> str:
        return ""

def good(events: AsyncEvents) -> UUID:
    order.publish(events, 1, note="x")
    Repository.get.publish(events, 1)
    text: str = Repository().get(2)
    arguments: dict[str, object] = order.arguments(id=3)
    events.publish("order.created", arguments)
    result: dict[str, object] = order(4)
    return order.publish(events, id=5)
"""

WRONG = """
def bad(events: AsyncEvents) -> None:
    order.publish(events, "1")
    order.publish(events, 1, nota="x")
    order.publish(events)
    Repository.get.publish(events, "1")
    Repository.get.publish(events, 1, 2)
"""


def test_publishing_is_typed_after_the_functions_parameters(tmp_path, monkeypatch):
    # mypy sets it, and leaves it.
    monkeypatch.setenv("MYPY_CONFIG_FILE_DIR", str(tmp_path))
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(TYPED)
    bad.write_text(TYPED + WRONG)
    cache = ["--strict", "--cache-dir", str(tmp_path / "cache"), "--follow-imports", "silent"]
    output, errors, code = api.run([*cache, str(good)])
    assert (code, errors) == (0, ""), output
    output, _, code = api.run([*cache, str(bad)])
    assert code == 1
    first = TYPED.count("\n") + 2
    lines = sorted({int(line.split(":")[1]) for line in output.splitlines() if ": error:" in line})
    assert lines == [first + n for n in range(1, 6)], output


# -- what `publish()` checks ------------------------------------------------------------------


def checked(path):
    return ImportResolverType().argument_check(EventDefinition(name="x", service=path))


def test_a_service_that_is_not_imported_is_not_checked(shop):
    assert checked("marked_shop:load") is None
    assert "marked_shop" not in sys.modules
    assert checked("no_such_module:load") is None


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("load", {"id": 1, "at": "2026-11-24"}, {"id": 1}),
        ("load", {"id": 1, "at": "2026-11-24"}, {"id": "one", "at": "2026-11-24"}),
        ("load", {"id": 1, "at": "2026-11-24"}, {"id": 1, "at": "2026-11-24", "more": 1}),
        ("Repository.get", {"id": 1}, {}),
        ("Repository.get", {"id": 1}, {"self": 1, "id": 1}),
        ("Repository.fetch", {"id": str(UUID(int=1)), "when": "2026-11-24"}, {"id": "1"}),
        ("Repository.made", {"n": 1}, {"n": None}),
        ("Repository.fixed", {"anything": [1]}, {"anything": 1, "n": "x"}),
        # An instance of it cannot be made here, and need not be.
        ("NeedsMore.get", {"id": 1}, {"di": 1}),
    ],
)
def test_arguments_are_checked_as_the_service_takes_them(shop, path, good, bad):
    __import__(shop)
    check = checked(f"marked_shop:{path}")
    check(good)
    with pytest.raises(ServiceArguments, match=f"marked_shop:{path}"):
        check(bad)


@pytest.mark.parametrize(
    "path", ["missing", "Repository", "Repository.missing", "Order.id", "Line"]
)
def test_what_is_no_service_is_left_to_the_worker(shop, path):
    __import__(shop)
    assert checked(f"marked_shop:{path}") is None


def test_publish_refuses_what_the_service_would(shop, published_events):
    events = AsyncEvents({"EVENT_MODULES": [shop], "EVENTS": {"plain": {}}})
    events.publish("order.method", {"id": 1})
    with pytest.raises(ServiceArguments, match=r"marked_shop:Repository\.get\(id: 'int'\).*'id'"):
        events.publish("order.method", {"di": 1})
    with pytest.raises(InvalidPayload, match="argument 'id' is not of type int"):
        events.publish_many([("plain", {}), ("order.method", {"id": "one"})])
    assert [one.name for one in published_events] == ["order.method"]


def test_a_resolver_that_is_not_installed_here_checks_nothing(published_events):
    events = AsyncEvents({"SERVICE_RESOLVER": "far", "EVENTS": {"x": {"service": "a:b"}}})
    events.publish("x", {"id": 1})
    published_events.assert_published("x")


def test_a_check_that_fails_itself_refuses_nothing(caplog):
    class Broken(ImportResolverType):
        def argument_check(self, definition):
            return lambda arguments: 1 / 0

    caplog.set_level("DEBUG", logger="asyncevents")
    checks = ArgumentChecks(Broken())
    checks.require(EventDefinition(name="x", service="a:b"), b'{"id": 1}')
    assert "arguments cannot be checked" in caplog.text
