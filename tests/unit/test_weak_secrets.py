"""Verification tokens that cannot protect anybody."""

from __future__ import annotations

import base64

import pytest
from attrs import evolve

from asyncevents_core.domain.secret import receiver_secret, weakness
from asyncevents_core.engine.managing.subscriptions import Checked, change, subscribe
from asyncevents_core.errors import InvalidSecret
from asyncevents_core.testing.builders import make_subscription
from tests.unit.harness import OPERATOR


@pytest.mark.parametrize("token", ["whpk_" + "A" * 43, "whpk_", "whpk_x"])
def test_a_public_key_is_no_secret(token):
    with pytest.raises(InvalidSecret, match="public key, with which receivers verify"):
        receiver_secret(token)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("supersecret", "it has 11 bytes"),
        ("x" * 23, "it has 23 bytes"),
        ("x" * 24, None),
        ("ü" * 12, None),
        ("whsec_" + base64.b64encode(b"x" * 16).decode(), "it has 16 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 24).decode(), None),
        ("whsk_" + base64.b64encode(b"x" * 32).decode(), None),
    ],
)
def test_what_is_said_of_a_weak_secret(token, why):
    found = weakness(token)
    assert (found is None) if why is None else (why in found)


def test_a_weak_secret_is_warned_of_when_it_is_given(ledger, harness, caplog):
    known = harness.definitions
    made = make_subscription(event_name="order.created", secret="too-short")
    one = subscribe(ledger, known, made, check=Checked, by=OPERATOR)
    assert caplog.text.count("a verification token is weak") == 1
    change(
        ledger, known, one.id, lambda old: evolve(old, rate_limit=5.0), check=Checked, by=OPERATOR
    )
    assert caplog.text.count("a verification token is weak") == 1
    change(ledger, known, one.id, lambda old: evolve(old, secret="as-short"), check=Checked,
           by=OPERATOR)  # fmt: skip
    assert caplog.text.count("a verification token is weak") == 2
    assert "too-short" not in caplog.text
