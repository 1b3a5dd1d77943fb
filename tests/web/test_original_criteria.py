"""The search criteria of mageos-async-events' clients: every condition and order, every field."""

from __future__ import annotations

import pytest

from asyncevents_core.web.api.criteria.parsing import CONDITIONS
from tests.web.magento import FIELDS, found, matching, post, put
from tests.web.serving import TARGET


@pytest.fixture
def client(api):
    return api.client("manage")


@pytest.fixture
def stored(client):
    """Two subscriptions that differ in every field; both spellings of each field are tried."""
    post(client, store_id=1)
    post(client, store_id=2, recipient_url=f"{TARGET}/Zwei", status=False)
    put(client, 2, status=False, maximum_deaths=1)
    return client


# What the second of the two has in each field, and a value that neither has.
SECOND = {
    "subscription_id": ("2", "9"),
    "event_name": ("ORDER.created", "order.deleted"),
    "recipient_url": (f"{TARGET}/zWEI", "https://example.com/"),
    "status": ("0", None),
    "subscribed_at": (None, "2020-01-01"),
    "modified": (None, "2020-01-01 00:00:00"),
    "store_id": ("2", "0"),
    "metadata": ("HTTP", "sqs"),
    "tenant": ("2", "3"),
}
SAME_IN_BOTH = {"event_name", "metadata", "subscribed_at"}


def spelled(name):
    first, *others = name.split("_")
    return first + "".join(one.capitalize() for one in others)


def test_the_fields_are_those_of_the_answer_and_the_tenant():
    assert set(SECOND) == {*FIELDS, "tenant"}


@pytest.mark.parametrize("spell", [str, spelled])
@pytest.mark.parametrize("field", SECOND)
def test_every_condition_on_every_field(stored, field, spell):
    value, other = SECOND[field]
    if value is None:
        value = stored.get("/async_event/2").json()[field]
    both, name = [1, 2], spell(field)
    equal = both if field in SAME_IN_BOTH else [2]
    held = [2] if field == "modified" else both
    rest = [one for one in held if one not in equal]
    tried = set()

    def meant(condition, text, expected):
        tried.add(condition)
        assert matching(stored, name, text, condition) == expected, condition

    if field != "subscribed_at":  # the two may have been made in different seconds
        for condition in ("eq", "in", "like", "finset"):
            meant(condition, value, equal)
        for condition in ("neq", "nin", "nlike", "nfinset"):
            meant(condition, value, rest)
    assert 2 in matching(stored, name, value, "eq")
    for condition in ("gteq", "moreq", "from", "lteq", "to"):
        tried.add(condition)
        assert 2 in matching(stored, name, value, condition), condition
    for condition in ("gt", "lt"):
        tried.add(condition)
        assert 2 not in matching(stored, name, value, condition), condition
    meant("notnull", None, held)
    meant("null", "", [one for one in both if one not in held])
    if other is not None:
        meant("eq", other, [])
        meant("in", f"{other},{other}", [])
        meant("neq", other, held)
        assert 2 in matching(stored, name, f"{other},{value}", "in")
    if field != "subscribed_at":
        assert tried == set(CONDITIONS)


@pytest.mark.parametrize("spell", [str, spelled])
@pytest.mark.parametrize("direction", ["ASC", "asc", "Asc", "DESC", "desc", "dEsC"])
@pytest.mark.parametrize("field", sorted(set(SECOND) - SAME_IN_BOTH))
def test_orders_by_every_field_in_any_spelling(stored, field, direction, spell):
    order = {
        "searchCriteria[sortOrders][0][field]": spell(field),
        "searchCriteria[sortOrders][0][direction]": direction,
    }
    ordered = [one["subscription_id"] for one in found(stored, **order)["items"]]
    rising = [2, 1] if field == "status" else [1, 2]
    assert ordered == (rising if direction.upper() == "ASC" else rising[::-1])


def test_texts_are_ordered_and_compared_as_magentos_collation_does(client):
    for tenant in ("Banana", "apple", "Äpfel", "cherry", "ÉCLAIR"):
        post(client, tenant=tenant)
    order = {
        "searchCriteria[sortOrders][0][field]": "tenant",
        "searchCriteria[sortOrders][0][direction]": "ASC",
    }
    ordered = [one["subscription_id"] for one in found(client, **order)["items"]]
    assert ordered == [3, 2, 1, 4, 5]
    for value, condition, meant in (
        ("APFEL", "eq", [3]),
        ("éclair  ", "eq", [5]),
        ("eclair", "neq", [1, 2, 3, 4]),
        ("BANANA,Eclair", "in", [1, 5]),
        ("banana", "gt", [4, 5]),
        ("BANANA", "lteq", [1, 2, 3]),
        ("%PF%", "like", [3]),
        ("é%", "like", [5]),
        ("ECLAIR", "finset", [5]),
    ):
        assert matching(client, "tenant", value, condition) == meant, (value, condition)


def test_a_wildcard_is_only_what_sql_has(client):
    post(client, recipient_url=f"{TARGET}/a%EF%BC%85b")
    for pattern in (
        "\N{FULLWIDTH PERCENT SIGN}",
        "\N{SMALL PERCENT SIGN}",
        "\N{FULLWIDTH LOW LINE}",
    ):
        assert matching(client, "recipient_url", pattern, "like") == []
