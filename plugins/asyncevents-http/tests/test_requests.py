"""What is sent: headers, signatures, the body."""

from __future__ import annotations

import base64
import json
import time

import attrs
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from asyncevents_core.errors import InvalidSecret
from asyncevents_core.plugin import OutcomeKind, TraceContext, receiver_secret
from asyncevents_core.testing import make_request
from asyncevents_http.signing import HmacSigner, signers
from sending import sink_with


@pytest.fixture
async def target(serve):
    requests = []

    async def take(request):
        requests.append((dict(request.headers), await request.read()))
        return web.Response()

    url = await serve(take)
    return url, requests


async def send(target, **options):
    url, requests = target
    request = make_request(target=url, data={"text": "Grüße"}, secrets=options.pop("secrets", ()))
    async with sink_with(**options) as sink:
        assert (await sink.deliver(request, 5.0)).kind is OutcomeKind.DELIVERED
    headers, body = requests[-1]
    return request, {name.lower(): value for name, value in headers.items()}, body


@pytest.mark.parametrize("token", ["supersecret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "é"])
async def test_any_standard_webhooks_library_verifies(target, token):
    request, headers, body = await send(target, secrets=(token,))
    verified = Webhook(receiver_secret(token)).verify(body, headers)
    assert verified["data"] == {"text": "Grüße"}
    assert headers["webhook-id"] == str(request.event_id) == verified["id"]
    assert headers["asyncevents-delivery"] == str(request.delivery_id)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 10
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert body == request.body


@pytest.mark.parametrize("state", [None, "rojo=00f067aa0ba902b7"])
async def test_the_trace_is_continued_in_headers(target, state):
    url, requests = target
    context = TraceContext(
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate=state
    )
    request = attrs.evolve(make_request(target=url), trace_context=context)
    async with sink_with() as sink:
        assert (await sink.deliver(request, 5.0)).kind is OutcomeKind.DELIVERED
    headers = {name.lower(): value for name, value in requests[-1][0].items()}
    assert headers["traceparent"] == context.traceparent
    assert headers.get("tracestate") == state


async def test_while_secrets_rotate_each_of_them_verifies(target):
    _, headers, body = await send(target, secrets=("new", "old"))
    assert len(headers["webhook-signature"].split()) == 2
    for token in ("new", "old"):
        Webhook(receiver_secret(token)).verify(body, headers)


async def test_without_a_secret_nothing_is_signed(target):
    _, headers, _ = await send(target)
    assert "webhook-signature" not in headers


async def test_ed25519(target):
    key = Ed25519PrivateKey.generate()
    token = "whsk_" + base64.b64encode(key.private_bytes_raw()).decode()
    _request, headers, body = await send(target, secrets=(token,))
    version, signature = headers["webhook-signature"].split(",")
    assert version == "v1a"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key.public_key().verify(base64.b64decode(signature), content)
    public = receiver_secret(token)
    assert public.startswith("whpk_")
    assert base64.b64decode(public.removeprefix("whpk_")) == key.public_key().public_bytes_raw()


async def test_magento_signature(target):
    import hashlib
    import hmac

    _, headers, body = await send(target, secrets=("supersecret",), magento_signature=True)
    wanted = hmac.new(b"supersecret", body, hashlib.sha256).hexdigest()
    assert headers["x-magento-signature"] == wanted


async def test_the_user_agent_is_a_setting(target):
    _, headers, _ = await send(target, user_agent="shop/1.0")
    assert headers["user-agent"] == "shop/1.0"


async def test_a_secret_that_cannot_be_used_is_final(serve):
    async def answer(_):
        return web.Response()

    url = await serve(answer)
    async with sink_with() as sink:
        outcome = await sink.deliver(make_request(target=url, secrets=("whsec_!!",)), 5.0)
    assert outcome.kind is OutcomeKind.PERMANENT
    assert "base64" in outcome.detail


def test_the_specifications_own_example():
    # From the reference tests of Standard Webhooks.
    signer = HmacSigner("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("token", ["", "whsec_", "whsec_!", "whsk_AAAA"])
def test_malformed_secrets(token):
    with pytest.raises(InvalidSecret):
        signers([token])


async def test_bodies_are_json_with_a_specversion(target):
    _, _, body = await send(target)
    assert json.loads(body)["specversion"] == "1.0"
