"""What receivers verify with, against what the sink signs and what others' libraries sign."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from asyncevents_core.errors import InvalidSecret
from asyncevents_core.plugin import receiver_secret
from asyncevents_core.testing import make_request
from asyncevents_http import InvalidSignature, verify
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType

SYMMETRIC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SEED = bytes(range(32))
PRIVATE = "whsk_" + base64.b64encode(SEED).decode()
PUBLIC = receiver_secret(PRIVATE)
BODY = '{"id": "größe"}'.encode()


def sent(*secrets: str, at: float = 0.0, body: bytes = BODY) -> dict[str, str]:
    """Return the headers that the sink sends, `at` seconds from now."""
    request = evolve(make_request(target="http://127.0.0.1/", secrets=secrets), body=body)
    timestamp = int(time.time() + at)
    found = HttpSinkType().request_of(request, HttpConfig(allow=("127.0.0.1",)), at=timestamp)
    return dict(found.headers)


@pytest.mark.parametrize(
    ("signed_by", "known"),
    [
        ([SYMMETRIC], SYMMETRIC),
        ([SYMMETRIC], [SYMMETRIC]),
        (["any text"], ["any text"]),
        (["any text"], [receiver_secret("any text")]),
        ([PRIVATE], [PUBLIC]),
        ([PRIVATE], [PRIVATE]),
        # While one is changed for another, whichever side is first.
        ([SYMMETRIC, "new"], ["new"]),
        ([SYMMETRIC, "new"], [SYMMETRIC]),
        ([SYMMETRIC], ["new", SYMMETRIC]),
        ([PRIVATE, SYMMETRIC], ["new", PUBLIC]),
        ([PRIVATE, SYMMETRIC], [SYMMETRIC]),
    ],
)
def test_what_the_sink_signs(signed_by, known):
    headers = sent(*signed_by)
    assert verify(headers, BODY, known) == headers["webhook-id"]


@pytest.mark.parametrize(
    ("signed_by", "known"),
    [
        ([SYMMETRIC], ["another"]),
        ([SYMMETRIC], [PUBLIC]),
        ([PRIVATE], [SYMMETRIC]),
        ([PRIVATE], [receiver_secret("whsk_" + base64.b64encode(bytes(32)).decode())]),
        ([], [SYMMETRIC]),
    ],
)
def test_what_somebody_else_signs(signed_by, known):
    with pytest.raises(InvalidSignature):
        verify(sent(*signed_by), BODY, known)


def test_the_example_of_the_specification():
    """Its key, id and body; the signature is by the library of those who wrote it."""
    now = datetime.now(UTC)
    body = '{"test": 2432232314}'
    headers = {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(SYMMETRIC).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", now, body),
    }
    assert verify(headers, body.encode(), SYMMETRIC) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_vector_of_the_specification_for_public_keys():
    """As its section on asymmetric signatures has it: ed25519 over the same text, as v1a."""
    timestamp = str(int(time.time()))
    signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(b"m.%b.x" % timestamp.encode())
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,AAAA v1a,{base64.b64encode(signature).decode()}",
    }
    assert verify(headers, b"x", PUBLIC) == "m"


@pytest.mark.parametrize("change", ["webhook-id", "webhook-timestamp", "body"])
@pytest.mark.parametrize(("signed_by", "known"), [(SYMMETRIC, SYMMETRIC), (PRIVATE, PUBLIC)])
def test_everything_is_signed(change, signed_by, known):
    headers, body = sent(signed_by), BODY
    if change == "body":
        body += b" "
    elif change == "webhook-id":
        headers[change] += "0"
    else:
        headers[change] = str(int(headers[change]) + 1)
    with pytest.raises(InvalidSignature, match="no signature"):
        verify(headers, body, known)


@pytest.mark.parametrize(
    ("at", "tolerance", "what"),
    [
        (-290, 300, None),
        (290, 300, None),
        (-310, 300, "s old, 300 are allowed"),
        (310, 300, "s ahead"),
        (-90, 60, "s old"),
        (-3600, 7200, None),
    ],
)
def test_how_old_a_request_may_be(at, tolerance, what):
    headers = sent(SYMMETRIC, at=at)
    if what is None:
        assert verify(headers, BODY, SYMMETRIC, tolerance=tolerance)
    else:
        with pytest.raises(InvalidSignature, match=what):
            verify(headers, BODY, SYMMETRIC, tolerance=tolerance)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_header_that_is_missing_is_named(missing, value):
    headers = sent(SYMMETRIC)
    del headers[missing]
    if value is not None:
        headers[missing] = value
    with pytest.raises(InvalidSignature, match=f"the header {missing} is missing"):
        verify(headers, BODY, SYMMETRIC)


@pytest.mark.parametrize("timestamp", ["soon", "1.5", "-1", "٣", "9" * 5_000, " 1", "1e9", "NaN"])
def test_a_timestamp_that_is_none(timestamp):
    with pytest.raises(InvalidSignature, match="webhook-timestamp"):
        verify({**sent(SYMMETRIC), "webhook-timestamp": timestamp}, BODY, SYMMETRIC)


@pytest.mark.parametrize(
    "signature",
    ["v1", "v1,", ",", "v1,====", "v1,größe", "v2,AAAA", " ", "v1a,AAAA", "v1," + "A" * 10_000],
)
def test_signatures_that_are_none_stand_in_nobodys_way(signature):
    headers = sent(SYMMETRIC)
    right = headers["webhook-signature"]
    with pytest.raises(InvalidSignature):
        verify({**headers, "webhook-signature": signature}, BODY, [SYMMETRIC, PUBLIC])
    both = {**headers, "webhook-signature": f"{signature} {right}"}
    assert verify(both, BODY, [PUBLIC, SYMMETRIC])


def test_a_signature_of_one_version_is_none_of_another():
    headers = sent(SYMMETRIC)
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1a,")
    with pytest.raises(InvalidSignature):
        verify(headers, BODY, SYMMETRIC)


@pytest.mark.parametrize(
    ("secrets", "what"),
    [
        ([], "without a secret"),
        ("", "must not be empty"),
        (["whsec_$"], "base64"),
        (["whpk_$"], "base64"),
        (["whpk_AAAA"], "32 bytes"),
        (["whsk_AAAA"], "32 bytes"),
    ],
)
def test_secrets_that_are_none(secrets, what):
    with pytest.raises(InvalidSecret, match=what):
        verify(sent(SYMMETRIC), BODY, secrets)


@given(
    body=st.binary(max_size=200),
    message_id=st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), min_size=1),
    offset=st.integers(-290, 290),
)
def test_it_agrees_with_the_library_of_the_specification(body, message_id, offset):
    text = body.decode("latin-1")
    at = datetime.now(UTC) + timedelta(seconds=offset)
    signature = Webhook(SYMMETRIC).sign(message_id, at, text)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    Webhook(SYMMETRIC).verify(text, headers, json_parse=False)
    assert verify(headers, text.encode(), SYMMETRIC) == message_id
    with pytest.raises(WebhookVerificationError):
        Webhook(SYMMETRIC).verify(text + " ", headers, json_parse=False)
    with pytest.raises(InvalidSignature):
        verify(headers, text.encode() + b" ", SYMMETRIC)
