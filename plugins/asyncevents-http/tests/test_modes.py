"""The forms of requests, and how they are sent."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from aiohttp import web
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from asyncevents_core.plugin import Failure, OutcomeKind, receiver_secret
from asyncevents_core.testing import make_request
from asyncevents_core.testing.driver import reason_of
from asyncevents_http.modes import parts_of, percent_encoded
from sending import send, usual_sink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ODD = {"text": 'Grüße, "data": 你好 \u2028', "data": {"data": [1, 2.50, None]}}


@pytest.fixture
async def recipient(serve):
    came = []

    async def take(request):
        came.append((request.method, request.headers, await request.read()))
        return web.Response()

    return await serve(take), came


async def sent(recipient, *, tenant=None, **options):
    """Deliver once; return the request that was made, and the method, headers and body."""
    from attrs import evolve

    target, came = recipient
    async with usual_sink() as (sink, new):
        request = new(target, data=ODD, **options)
        other = make_request(
            target=target, data=ODD, event_id=request.event_id, tenant=tenant, event_name="a.Größe"
        )
        request = evolve(request, body=other.body, tenant=tenant, event_name="a.Größe")
        outcome = await sink.deliver(request, 5.0)
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    return request, *came[-1]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_methods(recipient, method):
    _, came, _, _ = await sent(recipient, method=method)
    assert came == method


async def test_structured_is_as_it_always_was(recipient):
    request, _, headers, body = await sent(recipient)
    assert body == request.body
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"


@pytest.mark.parametrize("tenant", [None, 'ac"me 100%'])
async def test_binary_is_read_by_the_sdk(recipient, tenant):
    request, _, headers, body = await sent(recipient, mode="binary", tenant=tenant)
    event = from_http_event(
        HTTPMessage(headers={name.lower(): value for name, value in headers.items()}, body=body)
    )
    assert event.get_id() == str(request.event_id)
    assert event.get_type() == "a.Größe"
    assert event.get_data() == ODD
    assert event.get_time() is not None
    assert event.get_extension("tenant") == tenant
    assert headers["content-type"] == "application/json"
    assert headers["ce-specversion"] == "1.0"
    assert "ce-datacontenttype" not in headers


async def test_plain_is_the_data_alone(recipient):
    request, _, headers, body = await sent(recipient, mode="plain", secrets=(SECRET,))
    assert json.loads(body) == ODD
    assert body in request.body
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == str(request.event_id)
    assert headers["asyncevents-event"] == "a.Gr%C3%B6%C3%9Fe"
    assert not [name for name in headers if name.lower().startswith("ce-")]


@pytest.mark.parametrize("mode", ["structured", "binary", "plain", "batched"])
async def test_the_very_bytes_that_are_sent_are_signed(recipient, mode):
    _, _, headers, body = await sent(
        recipient, mode=mode, secrets=(SECRET, "old"), magento_signature=True
    )
    lowered = {name.lower(): value for name, value in headers.items()}
    for one in (SECRET, "old"):
        Webhook(receiver_secret(one)).verify(body, lowered)
    wanted = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-magento-signature"] == wanted


@pytest.mark.parametrize("mode", ["structured", "binary", "plain", "batched"])
async def test_another_content_type(recipient, mode):
    _, _, headers, _ = await sent(recipient, mode=mode, content_type="application/x-shop+json")
    assert headers.getall("content-type") == ["application/x-shop+json"]


@pytest.mark.parametrize(
    ("configured", "chosen", "there"),
    [
        (False, None, False),
        (True, None, True),
        (False, True, True),
        (True, False, False),
    ],
)
async def test_a_magento_receiver_is_a_choice_of_the_subscription(
    recipient, configured, chosen, there
):
    target, came = recipient
    options = {} if chosen is None else {"magento_signature": chosen}
    config = {"magento_signature": configured}
    await send(target, secrets=("supersecret",), config=config, **options)
    assert ("x-magento-signature" in came[0][1]) is there


async def test_a_receiver_that_reads_json_only(serve):
    """As `express.json()` does: other types of content are not read at all."""
    read = []

    async def take(request):
        if request.content_type != "application/json":
            return web.Response(status=415)
        body = await request.json()
        read.append(body["id"])
        return web.Response()

    target = await serve(take)
    assert (await send(target, data={"id": 42})).http_status == 415
    for options in ({"mode": "plain"}, {"mode": "binary"}):
        assert (await send(target, data={"id": 42}, **options)).kind is OutcomeKind.DELIVERED
    assert read == [42, 42]
    read.clear()
    outcome = await send(target, data={"id": 42}, content_type="application/json")
    assert outcome.kind is OutcomeKind.DELIVERED


async def test_a_time_out_of_its_own(serve):
    import asyncio

    async def hang(_):
        await asyncio.sleep(60)

    outcome = await send(await serve(hang), timeout=0.2)
    assert reason_of(outcome) is Failure.TIMED_OUT
    assert "0.2 s" in outcome.detail


async def test_no_signature(recipient):
    _, _, headers, _ = await sent(recipient, signature="none", secrets=(SECRET,))
    assert "webhook-signature" not in headers
    assert "signature" not in headers


@given(st.text())
def test_values_of_headers_are_printable_and_can_be_read_again(text):
    from urllib.parse import unquote

    encoded = percent_encoded(text)
    assert all(0x21 <= one < 0x7F and one != 0x22 for one in encoded)
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert unquote(encoded.decode()) == text


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**60), 2**60)
        | st.text('a"\\, data:{}é', max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("data", max_size=4), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.sampled_from(["a.b", 'a", "data": 1', "é"]),
)
def test_a_cloudevent_is_taken_apart(data, tenant):
    request = make_request(target="http://a.example/", data={"x": data}, tenant=tenant)
    attributes, found = parts_of(request.body)
    whole = json.loads(request.body)
    assert json.loads(found) == whole.pop("data")
    assert attributes == whole
    assert found in request.body


@pytest.mark.parametrize(
    ("body", "attributes", "data"),
    [
        (b'{"id":"1","data":{"a":1}}', {"id": "1"}, b'{"a": 1}'),
        (b'{"data": 1, "id": "1"}', {"id": "1"}, b"1"),
        (b'{"id": "1"}', {"id": "1"}, b""),
    ],
)
def test_events_that_others_have_written(body, attributes, data):
    assert parts_of(body) == (attributes, data)
