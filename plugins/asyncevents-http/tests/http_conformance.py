"""What the suite that core ships has to know of the sink `http`."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiohttp import web
from attrs import evolve
from proxies import tunnelling
from yarl import URL

from asyncevents_core.plugin import Failure
from asyncevents_core.testing import SinkConformance
from asyncevents_core.testing.conformance.sink_base import options_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType


class HttpConformance(SinkConformance):
    """What the suite has to know of the sink; over HTTP/1.1 without TLS."""

    @pytest.fixture
    def sink_type(self):
        return HttpSinkType()

    @pytest.fixture
    def config(self):
        return HttpConfig(allow=("127.0.0.0/8",))

    def events_in(self, headers, body):
        """Return the events that a request has brought, as the core wrote them."""
        return [body]

    @staticmethod
    def came_beside(headers):
        """Return what came beside an event: what options, configuration and secrets make of it."""
        names = ("content-type", "user-agent", "x-shop", "authorization")
        return *(headers.get(one) for one in names), "webhook-signature" in headers

    @pytest.fixture
    def beside(self):
        return []

    @pytest.fixture
    def seen_beside(self, beside):
        return lambda: list(beside)

    @pytest.fixture
    def other_options(self, options):
        return {**options, "headers": {"X-Shop": "eu"}, "bearer_token": "abc"}

    @pytest.fixture
    def other_config(self, config):
        return evolve(config, user_agent="another")

    @pytest.fixture
    def secret_options(self, options, secret):
        return {
            **options,
            "username": "ann",
            "password": secret,
            "secret_headers": {"X-Token": secret},
        }

    @pytest.fixture
    async def secret_config(self, config, secret):
        """The only secret of the configuration is the password of a proxy."""
        async with tunnelling() as (_, url):
            yield evolve(config, proxy=url.replace("//", f"//me:{secret}@"))

    def test_to_use_the_secrets_of_the_configuration_is_a_privilege(
        self, sink_type, secret_config, target, options
    ):
        """A proxy is not lent: it stands before all subscriptions, and keeps them in."""
        made = options_of(sink_type, options)
        assert list(sink_type.privileges(made, target, secret_config)) == []

    @pytest.fixture
    def own_options(self, options):
        return {**options, "api_key": "a key"}

    @pytest.fixture
    def bad_options(self, options):
        return [
            {**options, **more}
            for more in (
                {"no_such_option": 1},
                {"mode": "xml"},
                {"headers": {"Host": "x"}},
                {"secret_headers": {"X": "a\r\nb"}},
                {"username": "ann", "bearer_token": "x"},
                {"token_url": "https://10.0.0.1/", "client_id": "a", "client_secret": "b"},
                {"timeout": 3600.0},
                {"retry_on": ["200"]},
            )
        ]

    @pytest.fixture
    def bodies(self):
        return []

    @pytest.fixture
    def bodies_there(self):
        return []

    @pytest.fixture
    def requested(self):
        """How many requests have come to each path."""
        return Counter()

    @pytest.fixture
    async def target(self, bodies, bodies_there, requested, beside):
        async def take(request: web.Request) -> web.Response:
            taken = bodies if request.path == "/hook" else bodies_there
            events = list(self.events_in(request.headers, await request.read()))
            taken += events
            beside.extend([self.came_beside(request.headers)] * len(events))
            return web.Response(text="thank you")

        async def fail(request: web.Request) -> web.Response:
            requested[request.path] += 1
            return web.Response(status=int(request.match_info["status"]))

        async def hang(_: web.Request) -> web.Response:
            await asyncio.sleep(60)
            return web.Response()

        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/hook", take)
        app.router.add_route("*", "/elsewhere", take)
        app.router.add_route("*", "/status/{status}", fail)
        app.router.add_route("*", "/hang", hang)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        await runner.cleanup()

    @pytest.fixture
    def received(self, bodies):
        return lambda: list(bodies)

    @pytest.fixture
    def elsewhere(self, target, bodies_there):
        return target.replace("/hook", "/elsewhere"), lambda: list(bodies_there)

    @pytest.fixture
    def requests_at(self, requested):
        return lambda target: requested[URL(target).path]

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "example.com",
            "ftp://example.com/",
            "http://",
            "http:///path",
            "http://user:password@example.com/",
            "http://example.com/#part",
            "http://exam ple.com/",
            "http://example.com:0/",
            "http://example.com:99999/",
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://0.0.0.0/",
            "http://example.com/" + "x" * 2048,
        ]

    @pytest.fixture
    def unreachable(self):
        return "http://127.0.0.1:1/"

    @pytest.fixture
    def hanging(self, target):
        return target.replace("/hook", "/hang")

    @pytest.fixture
    def failures(self, target, hanging, unreachable):
        def answered(status):
            return target.replace("/hook", f"/status/{status}")

        return {
            Failure.THROTTLED: answered(429),
            Failure.UNAVAILABLE: answered(503),
            Failure.TIMED_OUT: hanging,
            Failure.NETWORK: unreachable,
            Failure.DENIED: answered(403),
            Failure.UNKNOWN_TARGET: answered(404),
            Failure.INVALID: answered(400),
            Failure.TOO_LARGE: answered(413),
        }
