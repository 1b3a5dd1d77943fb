"""The sink `mcp`: what it posts, and what it does not."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from attrs import evolve
from standardwebhooks import Webhook

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.errors import InvalidOptions, InvalidTarget
from asyncevents_core.plugin import TraceContext
from asyncevents_core.testing import make_request
from asyncevents_http.mcp_kind import McpSinkType
from asyncevents_http.mcp_messages import LARGEST, McpConfig, McpOptions
from asyncevents_http.mcp_sink import McpSink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOCAL = McpConfig(allow=("127.0.0.0/8",), https_only=False)
OPTIONS = McpOptions(subscription_id="sub_1")


@pytest.fixture
async def seen(serve):
    """Requests that came, and the URL that takes them."""
    requests = []

    async def answer(request):
        requests.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    return requests, await serve(answer)


def asking(target, data, **more):
    body = {
        "specversion": "1.0",
        "id": "1",
        "type": "order.created",
        "time": "2026-11-24T10:48:46Z",
        "data": data,
    }
    request = make_request(target=target, secrets=(SECRET,))
    given = {"options": OPTIONS, "body": json.dumps(body).encode(), **more}
    return evolve(request, **given)


async def sent(request, config=LOCAL):
    sink = McpSink(config)
    try:
        return await sink.deliver(request, 5.0)
    finally:
        await sink.close()


async def test_an_attempt_says_where_it_belongs_in_a_trace(seen):
    requests, target = seen
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    context = TraceContext(traceparent=parent, tracestate="a=1")
    await sent(asking(target, {"id": 42}, trace_context=context))
    await sent(asking(target, {"id": 43}))
    (first, _), (second, _) = requests
    lowered = {name.lower(): value for name, value in first.items()}
    assert (lowered["traceparent"], lowered["tracestate"]) == (parent, "a=1")
    assert not {"traceparent", "tracestate"} & {name.lower() for name in second}


async def test_an_event(seen):
    requests, target = seen
    request = asking(target, {"id": 42, "who": "Zoë"})
    assert (await sent(request)).kind is OutcomeKind.DELIVERED
    ((headers, body),) = requests
    lowered = {name.lower(): value for name, value in headers.items()}
    assert Webhook(SECRET).verify(body, lowered) == {
        "eventId": str(request.event_id),
        "name": "order.created",
        "timestamp": "2026-11-24T10:48:46Z",
        "data": {"id": 42, "who": "Zoë"},
        "cursor": None,
    }
    assert lowered["webhook-id"] == str(request.event_id)
    assert lowered["x-mcp-subscription-id"] == "sub_1"
    assert lowered["content-type"] == "application/json"


async def test_messages_may_have_ids_of_their_own(seen):
    requests, target = seen
    request = asking(target, {})
    for attempt in (1, 2):
        await sent(evolve(request, attempt=attempt), evolve(LOCAL, message_ids="message"))
    ids = [headers["webhook-id"] for headers, _ in requests]
    assert ids == [f"msg_{request.delivery_id.hex}"] * 2
    assert json.loads(requests[0][1])["eventId"] == str(request.event_id)


@pytest.mark.parametrize("data", [None, 7, "text", [1, 2]])
async def test_data_is_an_object(seen, data):
    requests, target = seen
    await sent(asking(target, data))
    assert json.loads(requests[0][1])["data"] == {"value": data}


async def test_a_control_message_is_sent_as_it_is(seen):
    requests, target = seen
    body = b'{"type": "verification", "challenge": "x"}'
    await sent(asking(target, None, body=body))
    ((headers, posted),) = requests
    assert posted == body
    assert headers["webhook-id"].startswith("msg_verification_")


@pytest.mark.parametrize(("size", "kind"), [(0, OutcomeKind.DELIVERED), (1, OutcomeKind.PERMANENT)])
async def test_messages_have_a_largest_size(seen, size, kind):
    requests, target = seen
    around = len(McpSinkType().request_of(asking(target, {"a": ""}), LOCAL, at=0.0).body)
    outcome = await sent(asking(target, {"a": "x" * (LARGEST - around + size)}))
    assert outcome.kind is kind
    assert [len(body) for _, body in requests] == ([LARGEST] if size == 0 else [])


@pytest.mark.parametrize(
    ("until", "kind"),
    [(None, OutcomeKind.DELIVERED), (2**62, OutcomeKind.DELIVERED), (1, OutcomeKind.GONE)],
)
async def test_what_was_not_renewed_is_not_sent(seen, until, kind):
    requests, target = seen
    request = evolve(asking(target, {}), options=evolve(OPTIONS, expires_at=until))
    assert (await sent(request)).kind is kind
    assert len(requests) == (kind is OutcomeKind.DELIVERED)


async def test_addresses_are_guarded_as_by_the_sink_http(seen):
    requests, target = seen
    for config in (McpConfig(https_only=False), McpConfig(allow=("127.0.0.0/8",))):
        assert (await sent(asking(target, {}), config)).kind is OutcomeKind.PERMANENT
        with pytest.raises(InvalidTarget):
            McpSinkType().validate_target(target, config)
    assert not requests


async def test_answers_mean_what_they_mean_elsewhere(serve):
    async def gone(_):
        return web.Response(status=410)

    assert (await sent(asking(await serve(gone), {}))).kind is OutcomeKind.GONE


@pytest.mark.parametrize("option", ["http2", "magento_signature"])
def test_options_that_only_the_sink_http_has(option):
    with pytest.raises(ValueError, match="only the sink http"):
        McpConfig(**{option: True})


async def test_the_answer_to_a_challenge_is_read_whatever_is_kept_of_others(serve):
    async def answer(_):
        return web.json_response({"challenge": "x"})

    target, config = await serve(answer), evolve(LOCAL, response_cap=0)
    challenge = asking(target, None, body=b'{"type": "verification", "challenge": "x"}')
    assert json.loads((await sent(challenge, config)).response) == {"challenge": "x"}
    assert "challenge" not in (await sent(asking(target, {}), config)).response


@pytest.mark.parametrize("one", ["", " ", "sub\r\nx: y", "é", "x" * 201])
def test_ids_go_into_a_header(one):
    with pytest.raises(InvalidOptions):
        McpSinkType().validate_options(McpOptions(subscription_id=one), "", McpConfig())


def test_what_people_see_of_a_request_is_what_is_sent():
    request = asking("https://agents.example/hooks", {"id": 42})
    shown = McpSinkType().request_of(request, LOCAL, at=1_700_000_000.0)
    assert json.loads(shown.body)["data"] == {"id": 42}
    assert dict(shown.headers)["webhook-timestamp"] == "1700000000"
    assert shown.signed == ("webhook-signature",)
