"""Recipients behind a real gateway (nginx): it wants a client's certificate, or an API key."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from asyncevents_core.plugin import Failure, Outcome, OutcomeKind
from asyncevents_core.testing import make_request
from asyncevents_core.testing.driver import reason_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.sink import HttpSink
from tests.conftest import skip_unless_present
from tests.services.needs import NGINX
from tests.services.nginx import API_KEY, Nginx
from tests.services.over_tls import make_certificate


@pytest.fixture(scope="module")
def nginx():
    skip_unless_present(NGINX)
    server = Nginx()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def send(nginx):
    async def attempt(target: str, *, http2: bool = False, **options: object) -> Outcome:
        config = HttpConfig(
            allow=("127.0.0.0/8", "localhost"),
            ca_certs=str(nginx.certificate.certificate),
            http2=http2,
        )
        sink = HttpSink(config)
        request = make_request(
            target=target, options=options, sink_type=HttpSinkType(), config=config
        )
        try:
            return await sink.deliver(request, 10.0)
        finally:
            await sink.close()

    return attempt


def presenting(one):
    return {
        "client_certificate": one.certificate.read_text(),
        "client_key": one.key.read_text(),
    }


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_it_knows_who_comes_by_the_certificate(nginx, send, http2):
    outcome = await send(f"{nginx.url}/certificate", http2=http2, **presenting(nginx.client))
    assert (outcome.kind, outcome.response) == (OutcomeKind.DELIVERED, "CN=tests")


async def test_it_knows_by_the_certificate_where_everybody_needs_one(nginx, send):
    outcome = await send(nginx.strict, **presenting(nginx.client))
    assert outcome.kind is OutcomeKind.DELIVERED, outcome


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_without_a_certificate_its_answer_says_so(nginx, send, http2):
    outcome = await send(f"{nginx.url}/certificate", http2=http2)
    assert (outcome.http_status, outcome.response) == (403, "who are you?")
    outcome = await send(nginx.strict, http2=http2)
    assert outcome.http_status == 400
    assert "No required SSL certificate was sent" in outcome.response


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_refused_again_and_again_each_attempt_ends(nginx, send, make_loop):
    # It answers and ends TLS in one breath, with an alert behind: asyncio stumbled over that.
    async def attempts():
        return [await send(nginx.strict) for _ in range(20)]

    with asyncio.Runner(loop_factory=make_loop) as runner:
        outcomes = runner.run(asyncio.wait_for(attempts(), 60.0))
    assert [one.http_status for one in outcomes] == [400] * 20


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_the_certificate_of_somebody_else_is_refused(nginx, send, tmp_path, http2):
    other = make_certificate(tmp_path, "client")
    for target in (f"{nginx.url}/certificate", nginx.strict):
        outcome = await send(target, http2=http2, **presenting(other))
        assert outcome.kind is not OutcomeKind.DELIVERED
        assert outcome.http_status in {400, 403}


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_it_wants_a_key(nginx, send, http2):
    good = await send(f"{nginx.url}/key", http2=http2, api_key=API_KEY)
    assert good.kind is OutcomeKind.DELIVERED
    for options in ({}, {"api_key": "another"}, {"api_key": API_KEY, "api_key_header": "X-Key"}):
        refused = await send(f"{nginx.url}/key", http2=http2, **options)
        assert refused.http_status == 401


async def test_a_gateway_that_is_away(nginx, send):
    outcome = await send("https://localhost:1/key", api_key=API_KEY)
    assert reason_of(outcome) is Failure.NETWORK
