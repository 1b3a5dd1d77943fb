"""Headers of one's own, and gateways that want to know who sends."""

from __future__ import annotations

import base64

import pytest
from aiohttp import web

from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing.driver import reason_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType
from sending import request_with, send, usual_sink

DOTS = "•••"


@pytest.fixture
async def recipient(serve):
    """Takes everything; returns its URL, and the headers that came."""
    came = []

    async def take(request):
        came.append(request.headers)
        return web.Response()

    return await serve(take), came


@pytest.fixture
async def gateway(serve):
    """Wants a key, and repeats what it was sent, as some do to help."""

    async def guarded(request):
        if request.headers.get("X-API-Key") != "key-of-the-gateway":
            return web.Response(status=401, text=f"wrong: {dict(request.headers)}")
        return web.Response(text=f"welcome: {dict(request.headers)}")

    return await serve(guarded)


async def test_headers_are_added(recipient):
    target, came = recipient
    outcome = await send(
        target,
        headers={"X-Shop": "eu", "Accept": "text/plain", "User-Agent": "shop/1"},
        secret_headers={"X-Token": "hidden"},
        secrets=("supersecret",),
    )
    assert outcome.kind is OutcomeKind.DELIVERED
    (headers,) = came
    assert (headers["x-shop"], headers["x-token"]) == ("eu", "hidden")
    assert headers.getall("user-agent") == ["shop/1"]
    assert headers.getall("accept") == ["text/plain"]
    assert len(headers.getall("content-type")) == len(headers.getall("host")) == 1
    assert headers["webhook-signature"].startswith("v1,")


async def test_basic(recipient):
    target, came = recipient
    await send(target, username="größe", password="p:ä")
    scheme, _, written = came[0]["authorization"].partition(" ")
    assert (scheme, base64.b64decode(written).decode()) == ("Basic", "größe:p:ä")


async def test_bearer(recipient):
    target, came = recipient
    await send(target, bearer_token="abc.def")
    assert came[0]["authorization"] == "Bearer abc.def"


async def test_a_gateway_that_wants_a_key(gateway):
    outcome = await send(gateway, api_key="key-of-the-gateway")
    assert outcome.kind is OutcomeKind.DELIVERED
    assert outcome.response.startswith("welcome: ")


async def test_the_key_may_stand_in_another_header(recipient):
    target, came = recipient
    await send(target, api_key="ApiKey 1", api_key_header="Authorization")
    assert came[0]["authorization"] == "ApiKey 1"


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": "hunter22"},
        {"bearer_token": "hunter22"},
        {"username": "ann", "password": "hunter22"},
    ],
)
async def test_wrong_credentials_are_ours_to_mend(gateway, options):
    outcome = await send(gateway, **options)
    assert reason_of(outcome) is Failure.CREDENTIALS
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.http_status == 401


async def test_without_any_a_401_is_final(gateway):
    outcome = await send(gateway, headers={"X-Shop": "eu"})
    assert reason_of(outcome) is Failure.DENIED


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        ({"api_key": "key-of-the-gateway"}, "key-of-the-gateway"),
        ({"bearer_token": "hunter22"}, "hunter22"),
        ({"secret_headers": {"X-A": "hunter22"}}, "hunter22"),
        ({"username": "ann", "password": "hunter22"}, base64.b64encode(b"ann:hunter22").decode()),
    ],
)
async def test_recipients_that_repeat_secrets_do_not_bring_them_into_the_log(
    gateway, options, secret
):
    outcome = await send(gateway, **options)
    assert "X-A" in outcome.response or DOTS in outcome.response
    assert DOTS in outcome.response
    assert secret not in repr(outcome) + outcome.response + outcome.detail


@pytest.mark.parametrize("kept", range(8, 20))
async def test_nor_does_the_half_of_one(serve, kept):
    async def echo(request):
        return web.Response(text="x" * 10 + request.headers["x-api-key"])

    outcome = await send(
        await serve(echo), api_key="hunter22hunter22", config={"response_cap": kept}
    )
    assert "hunt" not in outcome.response


async def test_a_location_with_a_secret_is_not_shown(serve):
    async def moved(request):
        return web.Response(status=302, headers={"location": f"/?k={request.headers['x-api-key']}"})

    outcome = await send(await serve(moved), api_key="hunter22")
    assert "hunter22" not in outcome.detail
    assert f"/?k={DOTS}" in outcome.detail


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"secret_headers": {"X-Token": "hidden"}}, {"x-token"}),
        ({"api_key": "hidden"}, {"x-api-key"}),
        ({"bearer_token": "hidden"}, {"authorization"}),
        ({"username": "a", "password": "hidden"}, {"authorization"}),
    ],
)
def test_people_without_the_right_do_not_see_them(options, names):
    request = request_with("http://127.0.0.1/", **options)
    shown = HttpSinkType().request_of(request, HttpConfig(), at=1.0)
    with_secrets = {name for name, _ in shown.headers if name in names}
    assert with_secrets == names
    assert names <= set(shown.signed)


async def test_what_is_shown_is_what_is_sent(recipient):
    target, came = recipient
    async with usual_sink() as (sink, new):
        request = new(
            target,
            method="PUT",
            headers={"X-Shop": "eu"},
            api_key="hidden",
            mode="binary",
            signature="both",
            magento_signature=True,
            secrets=("supersecret",),
        )
        await sink.deliver(request, 5.0)
    sent = {name.lower(): value for name, value in came[0].items()}
    at = float(sent["webhook-timestamp"])
    config = HttpConfig(allow=("127.0.0.0/8", "localhost"))
    shown = HttpSinkType().request_of(request, config, at=at)
    assert shown.method == "PUT"
    assert dict(shown.headers) == {
        name: value for name, value in sent.items() if name not in {"host", "content-length"}
    }
