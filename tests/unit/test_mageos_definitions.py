"""``async_events.xml``: read as the original's schema says, and written as a module of Python."""

from __future__ import annotations

import re
import sys
import types

import pytest

from asyncevents_core.adapters.importing import ImportResolver
from asyncevents_core.adapters.mageos import event_definitions
from asyncevents_core.adapters.mageos.event_definitions import read_event_definitions
from asyncevents_core.adapters.mageos.events_module import events_module, is_served
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.marked import MarkedService
from asyncevents_core.domain.original import OriginalEvent
from asyncevents_core.errors import InvalidValue, ServiceArguments

ORDERS = r"Magento\Sales\Api\OrderRepositoryInterface"
HEAD = """<?xml version="1.0"?>
<config xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:noNamespaceSchemaLocation="urn:magento:module:MageOS_AsyncEvents:etc/async_events.xsd">
"""


def definition(name, service=ORDERS, method="get", resources=()):
    inner = "".join(f"<resource>{one}</resource>" for one in resources)
    return (
        f'<async_event name="{name}">\n<service class="{service}" method="{method}"/>\n'
        + (f"<resources>{inner}</resources>" if resources else "")
        + "</async_event>\n"
    )


@pytest.fixture
def read(tmp_path):
    def write_and_read(*texts):
        paths = []
        for number, text in enumerate(texts):
            path = tmp_path / f"async_events{number}.xml"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            paths.append(path)
        return read_event_definitions(paths)

    return write_and_read


def whole(*definitions):
    return HEAD + "".join(definitions) + "</config>"


def test_events_are_read_with_their_services_and_resources(read):
    found = read(
        whole(
            "<!-- orders -->",
            definition("sales.order.created", resources=("Magento_Sales::sales", " A::b ")),
            definition("customer.created", r"\Vendor\Customers", "load"),
        )
    )
    customer, order = found.events
    assert (order.name, order.service, order.method) == ("sales.order.created", ORDERS, "get")
    assert order.resources == ("Magento_Sales::sales", "A::b")
    assert order.where.endswith("async_events0.xml:4")
    assert (customer.service, customer.resources) == (r"Vendor\Customers", ())
    assert found.notes == ()


def test_no_events_are_no_mistake(read):
    assert read("<config/>").events == ()


def test_names_are_in_lower_case_as_in_the_original(read):
    found = read(whole(definition("Sales.Order")))
    assert [one.name for one in found.events] == ["sales.order"]
    assert "Sales.Order is called sales.order" in found.notes[0]


def test_of_two_files_the_later_holds(read):
    found = read(whole(definition("a.b")), whole(definition("a.b", "Other", "load")))
    (one,) = found.events
    assert (one.service, one.method) == ("Other", "load")
    assert re.search(r"events1\.xml:4: a\.b is also defined at .*events0\.xml:4", found.notes[0])


ENTITIES = '<!DOCTYPE config [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>\n'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (ENTITIES + "<config>&b;</config>", 1, "it has a document type"),
        ("<config>\n&b;</config>", 2, "undefined entity"),
        ("<config>\n<async_event", 2, "it is not XML"),
        ("", 1, "it is not XML"),
        ("<config><async_events/></config>", 1, "no element 'async_events' in <config>"),
        ("<async_event name='a'/>", 1, "no element 'async_event' at the top"),
        ("<config><service class='a' method='b'/></config>", 1, "no element 'service' in"),
        ("<config>\n<async_event/>\n</config>", 2, "<async_event> has no attribute name"),
        ("<config>\n<async_event name='a b'/></config>", 2, "'a b' is no name of an event"),
        ("<config><async_event name='a' x='1'/></config>", 1, "the unknown attribute 'x'"),
        ("<config><async_event name='a'>\n</async_event></config>", 2, "a has no <service>"),
        ("<config><async_event name='a'><service class=''/></async_event></config>", 1,
         "<service> has no attribute class"),
        ("<config><async_event name='a'><service class='A'/></async_event></config>", 1,
         "<service> has no attribute method"),
        (f"<config>{definition('a')}{definition('a')}</config>", 4, "a is there twice"),
        ("<config>words</config>", 1, "there is no text in <config>: 'words'"),
        (whole(definition("a", resources=("",))), 6, "<resource> is empty"),
        (b"<config>\xff</config>", 1, "it is not XML"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_file_and_line(read, text, line, message):
    with pytest.raises(InvalidValue) as raised:
        read(text)
    assert re.search(rf"async_events0\.xml:{line}: .*{re.escape(message)}", str(raised.value))


def test_a_file_that_is_too_large_is_not_parsed(read, monkeypatch):
    monkeypatch.setattr(event_definitions, "LARGEST_FILE", 100)
    with pytest.raises(InvalidValue, match="it has more than 100 bytes"):
        read(whole(definition("a")))


# -- the module -----------------------------------------------------------------------------------


def original(name, service=ORDERS, method="get", resources=()):
    return OriginalEvent(
        where="x:1", name=name, service=service, method=method, resources=resources
    )


@pytest.fixture
def module(monkeypatch):
    """Run a module that was written, and return it."""

    def make(*events):
        made = types.ModuleType("shop_events")
        exec(compile(events_module(events), "shop_events.py", "exec"), made.__dict__)
        monkeypatch.setitem(sys.modules, "shop_events", made)
        return made

    return make


def services(module):
    return {k: v for k, v in vars(module).items() if isinstance(v, MarkedService)}


def test_a_service_that_the_shop_serves_is_asked_of_it(module, monkeypatch):
    made = module(original("sales.order.created", resources=("Magento_Sales::sales",)))
    assert is_served(original("x"))
    asked = []
    monkeypatch.setattr(made, "of_shop", lambda *what: asked.append(what) or {"total": 1})
    path = "shop_events:sales_order_created"
    service = ImportResolver(lambda cls: cls()).resolve(
        EventDefinition(name="sales.order.created", service=path)
    )
    assert service.call({"id": "42"}) == {"total": 1}
    assert service.call({"id": 42}) == {"total": 1}
    assert asked == [("orders", "42"), ("orders", 42)]
    with pytest.raises(ServiceArguments):
        service.call({"orderId": 42})
    (marked,) = services(made).values()
    assert marked.event_name == "sales.order.created"
    assert marked.marks.resources == ("Magento_Sales::sales",)


def test_another_service_fails_until_it_is_written(module):
    made = module(original("a.b", r"Vendor\Thing", "load"))
    assert not is_served(original("a.b", r"Vendor\Thing", "load"))
    service = ImportResolver(lambda cls: cls()).resolve(
        EventDefinition(name="a.b", service="shop_events:a_b")
    )
    with pytest.raises(NotImplementedError, match=r"return what Vendor\\Thing::load did"):
        service.call({"anything": 1})
    assert not hasattr(made, "of_shop")


def test_each_event_has_a_function_of_its_own(module):
    names = ("a.b", "a-b", "a_b", "1.2", "class", "of_shop", "...")
    made = module(*map(original, names))
    assert sorted(one.event_name for one in services(made).values()) == sorted(names)
    assert {"a_b", "a_b_2", "a_b_3", "on_1_2", "on_class", "of_shop_2"} <= services(made).keys()


@pytest.mark.parametrize("nasty", ['"', "'", '"""', "\n@event('x')\n", "\\", "{}", "ä\u2028"])
def test_nothing_in_a_file_becomes_code(module, nasty):
    made = module(original("a", f"A{nasty}B", nasty, resources=(f"R{nasty}",)))
    (service,) = services(made).values()
    assert service.marks.resources == (f"R{nasty}",)
    with pytest.raises(NotImplementedError) as raised:
        service.function()
    assert str(raised.value) == f"return what A{nasty}B::{nasty} did"


def test_what_is_written_is_formatted(tmp_path):
    from subprocess import run

    path = tmp_path / "shop_events.py"
    path.write_text(events_module([original("a", resources=("A::b", "C::d")), original("b", "X")]))
    command = [sys.executable, "-m", "ruff", "format", "--check", "--line-length=100", str(path)]
    assert run(command, check=False).returncode == 0
