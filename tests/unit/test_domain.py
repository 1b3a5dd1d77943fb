"""The domain's pure functions: backoff, summaries, envelopes, secrets, identifiers."""

from __future__ import annotations

import json
import uuid

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.domain.backoff import DAYS, MINUTE, backoff, exhausted, retry_delay
from asyncevents_core.domain.delivery import DeliveryState, summary
from asyncevents_core.domain.instant import uuid7, uuid7s
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.payload import data_of, envelope
from asyncevents_core.domain.secret import generate_secret, receiver_secret, symmetric_key
from asyncevents_core.domain.subscription import RetryPolicy
from asyncevents_core.errors import InvalidSecret

DEFAULT = RetryPolicy()
DAY = 86_400


@pytest.mark.parametrize(
    ("deaths", "seconds"), [(1, 1), (2, 4), (3, 9), (4, 16), (5, 25), (7, 49), (8, 60), (100, 60)]
)
def test_the_backoff_is_quadratic_up_to_a_minute(deaths, seconds):
    assert backoff(deaths, DEFAULT) == seconds


@pytest.mark.parametrize(("deaths", "seconds"), [(1, 5), (2, 300), (3, 300)])
def test_the_last_step_of_a_schedule_repeats(deaths, seconds):
    assert backoff(deaths, RetryPolicy(schedule=(5, 300))) == seconds


@pytest.mark.parametrize(
    ("deaths", "retry_after", "cap", "seconds"),
    [
        (1, None, 3600, 1),
        (1, 30.0, 3600, 30),
        (1, 30.0, 10, 10),
        (5, 3.0, 3600, 25),
        (1, -5.0, 3600, 1),
        (1, 30.0, 0, 1),
    ],
)
def test_retry_after_is_a_floor_below_the_cap(deaths, retry_after, cap, seconds):
    delay = retry_delay(deaths, DEFAULT, retry_after=retry_after, retry_after_max=cap, random=0.5)
    assert delay == seconds


@pytest.mark.parametrize(
    ("schedule", "least", "most"), [(MINUTE, 55, 55), (DAYS, 3 * DAY, 3.5 * DAY)]
)
def test_schedules_last_as_long_as_their_names_say(schedule, least, most):
    assert least <= schedule.lasts(schedule.retries) <= most
    assert list(schedule.delays) == sorted(schedule.delays)


@pytest.mark.parametrize(("retries", "seconds"), [(0, 0), (1, 1), (3, 14), (9, 260)])
def test_a_schedule_lasts_as_long_as_its_delays(retries, seconds):
    assert MINUTE.lasts(retries) == seconds


@pytest.mark.parametrize(
    ("policy", "random", "seconds"),
    [
        (DEFAULT, 0.0, 4.0),
        (DEFAULT, 1.0, 6.0),
        (RetryPolicy(jitter=0.5), 0.0, 2.5),
        (RetryPolicy(schedule=(8.0,)), 0.0, 8.0),
    ],
)
def test_the_jitter_of_a_schedule_is_for_those_who_follow_it(policy, random, seconds):
    delay = retry_delay(1, policy, DAYS, retry_after=None, retry_after_max=0, random=random)
    assert delay == pytest.approx(seconds)


@given(st.integers(1, 50), st.floats(0, 1), st.floats(0, 1))
def test_jitter_stays_within_its_fraction(deaths, jitter, random):
    policy = RetryPolicy(jitter=jitter)
    delay = retry_delay(deaths, policy, retry_after=None, retry_after_max=0, random=random)
    plain = backoff(deaths, DEFAULT)
    assert plain * (1 - jitter) - 1e-9 <= delay <= plain * (1 + jitter) + 1e-9


@pytest.mark.parametrize(
    ("policy", "deaths", "over"),
    [
        (DEFAULT, 5, False),
        (DEFAULT, 6, True),
        (RetryPolicy(maximum_deaths=0), 1, True),
        (RetryPolicy(maximum_deaths=7), 7, False),
    ],
)
def test_a_delivery_is_exhausted_after_its_maximum_deaths(policy, deaths, over):
    assert exhausted(deaths, policy, default_maximum=5) is over


@pytest.mark.parametrize(
    ("state", "deaths", "words"),
    [
        (DeliveryState.DELIVERED, 0, "Delivered"),
        (DeliveryState.DELIVERED, 1, "Delivered with 1 retry"),
        (DeliveryState.DELIVERED, 2, "Delivered with 2 retries"),
        (DeliveryState.DEAD, 6, "Dead Lettered with 5 retries"),
        (DeliveryState.DEAD, 1, "Dead Lettered"),
        (DeliveryState.WAITING, 0, "Waiting"),
        (DeliveryState.WAITING, 2, "Waiting for retry 2"),
        (DeliveryState.LEASED, 1, "Being delivered"),
        (DeliveryState.HELD, 1, "Held: its subscription is disabled"),
        (DeliveryState.CANCELLED, 1, "Cancelled"),
    ],
)
def test_summaries(state, deaths, words):
    assert summary(state, deaths) == words


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    tenant=st.none() | st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True),
    at=st.integers(0, 4_000_000_000_000_000),
    name=st.sampled_from(["a.b", "ID", "data", "id"]),
    # What looks like the places where id, time and data go.
    source=st.sampled_from(["/s", '"id": "ID"', '/"time": "1970-01-01T00:00:00Z"', ', "data": ']),
)
def test_the_sdk_reads_an_envelope_back(data, tenant, at, name, source):
    number = uuid7()
    text = json.dumps(data).encode()
    body = envelope(
        event_id=number, name=name, source=source, occurred_at=at, tenant=tenant, data=text
    )
    event = JSONFormat().read(CloudEvent, body)
    assert (event.get_id(), event.get_source(), event.get_type()) == (str(number), source, name)
    assert event.get_data() == data
    assert event.get_attributes().get("tenant") == tenant
    assert round(event.get_time().timestamp() * 1_000_000) == pytest.approx(at, abs=1)
    assert data_of(body) == text


@pytest.mark.parametrize("make", [lambda count: [uuid7() for _ in range(count)], uuid7s])
def test_identifiers_are_unique_and_ordered_by_time(make):
    before = uuid7()
    made = [before, *make(10_000), uuid7()]
    assert len(set(made)) == len(made)
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {uuid.RFC_4122}
    times = [one.int >> 64 for one in made]
    assert times == sorted(times)


def test_identifiers_made_together_have_random_bits_of_their_own():
    low = [one.int & (1 << 62) - 1 for one in uuid7s(1000)]
    for bit in range(62):
        assert 300 < sum(one >> bit & 1 for one in low) < 700


def test_a_generated_secret_is_what_the_receiver_gets():
    secret = generate_secret()
    assert receiver_secret(secret) == secret
    assert len(symmetric_key(secret)) == 24
    assert generate_secret() != secret


@pytest.mark.parametrize("token", ["", "whsec_", "whsec_***", "whsk_", "whsk_c2hvcnQ="])
def test_malformed_secrets(token):
    with pytest.raises(InvalidSecret):
        receiver_secret(token)


@pytest.mark.parametrize(
    ("text", "most", "stored"),
    [
        ("fine", 4, "fine"),
        ("too long", 4, "too…"),
        ("nul \0 and \ud800", 20, "nul \ufffd and \ufffd"),
        ("", 0, ""),
        ("gone", 0, ""),
    ],
)
def test_text_of_others_is_made_storable(text, most, stored):
    assert storable(text, most) == stored
    storable(text, most).encode()
