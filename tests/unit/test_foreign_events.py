"""CloudEvents of other programs: what of them becomes an event, and what is refused."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.access import ALL, PUBLISH_SOME, Actor
from asyncevents_core.domain.foreign_event import (
    MOST_EVENTS,
    ForeignEvent,
    read_attributes,
    read_cloud_event,
    read_cloud_events,
)
from asyncevents_core.domain.limits import own_id_mistake
from asyncevents_core.engine.managing.rights import check_rights
from asyncevents_core.errors import AccessDenied, InvalidValue

EVENT = {
    "specversion": "1.0",
    "type": "order.created",
    "source": "/shop",
    "id": "1",
    "data": {"id": 42},
}


def changed(**attributes):
    made = {**EVENT, **attributes}
    return {name: value for name, value in made.items() if value is not ...}


def test_type_tenant_and_data_are_kept():
    sent = changed(tenant="7", subject="x", time="yesterday", dataschema="urn:x", traceparent="00")
    assert read_cloud_event(sent, "event") == ForeignEvent(
        name="order.created", data={"id": 42}, tenant="7", event_id="cloudevent:/shop 1"
    )


def test_data_may_be_missing_and_the_tenant_too():
    found = read_cloud_event(changed(data=...), "event")
    assert (found.data, found.tenant) == (None, None)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/vnd.shop+json"]
)
def test_data_is_json(kind):
    assert read_cloud_event(changed(datacontenttype=kind), "event").data == {"id": 42}


@pytest.mark.parametrize(
    ("attributes", "field", "reason"),
    [
        ({"specversion": ...}, "event.specversion", "required"),
        ({"specversion": "0.3"}, "event.specversion", "'1.0', not '0.3'"),
        ({"specversion": 1.0}, "event.specversion", "must be a text"),
        ({"type": ...}, "event.type", "required"),
        ({"type": ""}, "event.type", "must be a text"),
        ({"type": "a" * 256}, "event.type", "1 to 255"),
        ({"type": "a\nb"}, "event.type", "printed"),
        ({"type": "asyncevents.endpoint.disabled"}, "event.type", "itself"),
        ({"source": None}, "event.source", "required"),
        ({"source": "a b"}, "event.source", "URI reference"),
        ({"source": "\t"}, "event.source", "URI reference"),
        ({"id": ...}, "event.id", "required"),
        ({"id": 7}, "event.id", "must be a text"),
        ({"tenant": 7}, "event.tenant", "must be a text"),
        ({"tenant": " 7"}, "event.tenant", "space"),
        ({"datacontenttype": "text/xml"}, "event.datacontenttype", "'text/xml'"),
        ({"datacontenttype": 7}, "event.datacontenttype", "not 7"),
        ({"data": ..., "data_base64": "AAAA"}, "event.data_base64", "send `data`"),
    ],
)
def test_what_is_refused_names_the_attribute(attributes, field, reason):
    with pytest.raises(InvalidValue) as refused:
        read_cloud_event(changed(**attributes), "event")
    assert refused.value.field == field
    assert reason in str(refused.value)


@pytest.mark.parametrize("value", [None, 7, "text", [EVENT]])
def test_what_is_no_object(value):
    with pytest.raises(InvalidValue, match="not an object"):
        read_cloud_event(value, "event")


def test_a_batch_is_in_order_and_the_wrong_one_is_named():
    ids = [one.event_id for one in read_cloud_events([EVENT, changed(id="2")], "events")]
    assert ids == ["cloudevent:/shop 1", "cloudevent:/shop 2"]
    with pytest.raises(InvalidValue) as refused:
        read_cloud_events([EVENT, changed(id="")], "events")
    assert refused.value.field == "events[1].id"


@pytest.mark.parametrize("batch", [[], [EVENT] * (MOST_EVENTS + 1), EVENT, None])
def test_what_is_no_batch(batch):
    with pytest.raises(InvalidValue):
        read_cloud_events(batch, "events")


def test_the_largest_batch():
    assert len(read_cloud_events([EVENT] * MOST_EVENTS, "events")) == MOST_EVENTS


# -- the ids of events ------------------------------------------------------------------------

PAIRS = [
    ("/shop", "1"),
    ("/shop", "2"),
    ("/shop/1", "1"),
    ("/sho", "p 1"),
    ("/shop", "a b"),
    ("/shop", "a  b"),
    ("/shop", "1 "),
    ("/shop", "1\n"),
    ("/shop", "\ud800"),
    ("/shop", "x" * 255),
    ("/shop", "x" * 256),
    ("/" + "x" * 300, "1"),
    ("sha256:", "1"),
]


def event_id(source, sent_id, tenant=None):
    found = read_attributes(changed(source=source, id=sent_id), {}, "")
    return (found if tenant is None else found.of_tenant(tenant)).event_id


def test_source_and_id_together_are_one_id_that_fits():
    made = [event_id(*pair) for pair in PAIRS]
    assert len(set(made)) == len(PAIRS)
    assert [own_id_mistake(one) for one in made] == [None] * len(PAIRS)
    assert made == [event_id(*pair) for pair in PAIRS]


def test_ids_of_a_tenant_are_its_own():
    tenants = [None, "a", "a 1", "1", "x" * 255, "a%20"]
    made = [event_id(*pair, tenant) for tenant in tenants for pair in PAIRS]
    assert len(set(made)) == len(made)
    assert [own_id_mistake(one) for one in made] == [None] * len(made)


def test_what_has_no_id_gets_none_of_a_tenant():
    found = ForeignEvent(name="a", data={}).of_tenant("7")
    assert (found.tenant, found.event_id) == ("7", None)


# -- who may publish what ---------------------------------------------------------------------


def may(name, *resources):
    try:
        Actor(who="somebody", resources=frozenset(resources)).require_publishing(name)
    except AccessDenied:
        return False
    return True


def test_the_resource_that_is_missing_is_named():
    with pytest.raises(AccessDenied, match=r"resource publish:stock\.low"):
        Actor(who="somebody", resources=frozenset({"view"})).require_publishing("stock.low")


@pytest.mark.parametrize(
    ("resources", "names"),
    [
        (["publish"], {"sales.order.created", "sales.paid", "stock.low"}),
        (["manage"], {"sales.order.created", "sales.paid", "stock.low"}),
        ([ALL], {"sales.order.created", "sales.paid", "stock.low"}),
        (["publish:sales.*"], {"sales.paid"}),
        (["publish:sales.**"], {"sales.order.created", "sales.paid"}),
        (["publish:**, !stock.low"], {"sales.order.created", "sales.paid"}),
        (["publish:stock.low", "publish:sales.paid"], {"stock.low", "sales.paid"}),
        (["view", "create", "logs"], set()),
        (["publish:"], set()),
        (["publish:sales..*"], set()),
    ],
)
def test_what_may_be_published(resources, names):
    known = ["sales.order.created", "sales.paid", "stock.low"]
    assert {one for one in known if may(one, *resources)} == names


def test_some_of_it_lets_in_where_all_of_it_is_asked_for():
    some = Actor(who="somebody", resources=frozenset({"publish:sales.*", "view:reports"}))
    assert some.may_partly("publish")
    assert not some.may("publish")
    # Events may have resources that look alike.
    assert not some.may_partly("view")
    assert Actor(who="somebody", resources=frozenset({"publish"})).may("publish:sales.*")
    assert not some.may("publish:stock.*")


@pytest.mark.parametrize("events", ["", " ", "sales..*", "sales.***", "a b", "!sales.*", "a,"])
def test_a_resource_of_wrong_patterns_is_given_to_nobody(events):
    with pytest.raises(InvalidValue, match="publish:") as refused:
        check_rights([f"{PUBLISH_SOME}{events}"], None, known=(), what="a token")
    assert refused.value.field == "resources"


def test_a_resource_of_patterns_is_given():
    check_rights(["publish:sales.*, !sales.paid"], "7", known=(), what="a token")
