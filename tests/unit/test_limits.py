"""Limits: the same for Python, the REST API and the command line, and for the columns."""

from __future__ import annotations

import math

import pytest
from attrs import evolve

from asyncevents_core import AsyncEvents, NewSubscription, RetryPolicy
from asyncevents_core.adapters.sqlalchemy import schema
from asyncevents_core.domain import limits
from asyncevents_core.errors import InvalidValue

GOOD = NewSubscription(
    event_name="example.created", sink="http", target="https://example.com/hook", secret="s3cret"
)
NUMBER = "must be a number"
WHOLE = "must be a whole number from 0 to 2147483647"
DELAYS = "must have delays from 0 to 3153600000 seconds"
PRINTABLE = "characters that can be printed"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("maximum_deaths", -1, f"{WHOLE}, not -1"),
        ("maximum_deaths", 2**40, f"{WHOLE}, not 1099511627776"),
        ("maximum_deaths", 1.5, f"{WHOLE}, not 1.5"),
        ("maximum_deaths", True, f"{WHOLE}, not True"),
        ("schedule", (), "must have 1 to 100 delays, not 0"),
        ("schedule", (1.0,) * 101, "must have 1 to 100 delays, not 101"),
        ("schedule", (1.0, -1.0), f"{DELAYS}, not -1.0"),
        ("schedule", (1e300,), f"{DELAYS}, not 1e\\+300"),
        ("schedule", (math.inf,), f"{DELAYS}, not inf"),
        ("schedule", (math.nan,), f"{DELAYS}, not nan"),
        ("schedule", ("1",), f"{DELAYS}, not '1'"),
        ("schedule", "1,2", "must be a tuple of delays, not '1,2'"),
        ("jitter", 1.5, f"{NUMBER} from 0 to 1, not 1.5"),
        ("jitter", math.nan, f"{NUMBER} from 0 to 1, not nan"),
        ("jitter", None, f"{NUMBER} from 0 to 1, not None"),
    ],
)
def test_a_retry_policy_refuses(field, value, text):
    with pytest.raises(InvalidValue, match=f"^{field} {text}$") as raised:
        RetryPolicy(**{field: value})
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("rate_limit", 0, f"{NUMBER} above 0, up to 1000000000, not 0"),
        ("rate_limit", math.inf, f"{NUMBER} above 0, up to 1000000000, not inf"),
        ("rate_limit", "5", f"{NUMBER} above 0, up to 1000000000, not '5'"),
        (
            "options",
            {"labels": "x" * 32_768},
            "must have 32,768 characters as JSON at most, not 32,782",
        ),
        ("target", "", "must have 1 to 2048 characters, not 0"),
        ("target", "x" * 2049, "must have 1 to 2048 characters, not 2049"),
        ("target", None, "must be a text, not NoneType"),
        ("target", "a\nb", f"must have {PRINTABLE} only, not '.n'"),
        ("sink", "x" * 65, "must have 1 to 64 characters, not 65"),
        ("secret", "", "must have 1 to 4096 characters, not 0"),
        ("secret", "x" * 4097, "must have 1 to 4096 characters, not 4097"),
        ("tenant", " acme", "must not begin or end with a space, as ' acme' does"),
    ],
)
def test_a_subscription_refuses(field, value, text):
    with pytest.raises(InvalidValue, match=f"^{field} {text}$") as raised:
        evolve(GOOD, **{field: value})
    assert raised.value.field == field


def test_a_number_that_python_does_not_write_is_refused_like_others():
    with pytest.raises(InvalidValue, match=f"^maximum_deaths {WHOLE}, not "):
        RetryPolicy(maximum_deaths=10**5000)


@pytest.mark.parametrize("secret", [b"hidden", "hidden\n", "hidden" * 1000])
def test_a_secret_that_is_refused_is_not_shown(secret):
    with pytest.raises(InvalidValue) as raised:
        evolve(GOOD, secret=secret)
    assert "hidden" not in str(raised.value)


def test_the_largest_values_are_kept(tmp_path):
    """What is within the limits fits the ledger."""
    largest = evolve(
        GOOD,
        target="https://example.com/".ljust(2048, "x"),
        secret="x" * 4096,
        tenant="t" * 255,
        retry=RetryPolicy(maximum_deaths=2**31 - 1, schedule=(limits.LONGEST_DELAY,) * 100),
        rate_limit=1e9,
    )
    settings = {
        "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
        "EVENTS": {"example.created": {}},
        "SECRET_KEYS": ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
    }
    with AsyncEvents(settings) as events:
        events.upgrade()
        assert events.subscribe(largest).as_new() == largest


@pytest.mark.parametrize(
    ("table", "column", "limit"),
    [
        (schema.subscription, "event_name", limits.LONGEST_PATTERN),
        (schema.subscription, "sink", limits.LONGEST_SINK),
        (schema.subscription, "target", limits.LONGEST_TARGET),
        (schema.subscription, "tenant", limits.LONGEST_NAME),
        (schema.event, "external_id", limits.LONGEST_NAME),
        (schema.event, "name", limits.LONGEST_NAME),
        (schema.event, "tenant", limits.LONGEST_NAME),
        (schema.audit, "who", limits.LONGEST_NAME),
        (schema.replay, "requested_by", limits.LONGEST_NAME),
    ],
    ids=str,
)
def test_columns_are_as_long_as_the_limits(table, column, limit):
    assert table.c[column].type.length == limit


def test_who_a_token_is_fits_its_column():
    who = f"token {'x' * limits.LONGEST_TOKEN_NAME} {'0' * 36}"
    assert len(who) <= limits.LONGEST_NAME
