"""Sinks that may reach this machine, and one attempt with one of them."""

from __future__ import annotations

from contextlib import asynccontextmanager

from asyncevents_core.testing import make_request
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.sink import HttpSink


@asynccontextmanager
async def sink_with(**options):
    sink = HttpSink(HttpConfig(**{"allow": ("127.0.0.0/8",), **options}))
    try:
        yield sink
    finally:
        await sink.close()


async def post(target: str, *, deadline: float = 15.0, secrets=(), **options):
    """Make one attempt with a sink of its own."""
    async with sink_with(**options) as sink:
        return await sink.deliver(make_request(target=target, secrets=secrets), deadline)


def request_with(target: str, *, config=None, secrets=(), data=None, event_name="a.b", **options):
    """Return a request of a subscription with these options."""
    return make_request(
        target=target,
        data=data,
        event_name=event_name,
        secrets=secrets,
        options=options,
        sink_type=HttpSinkType(),
        config=config or HttpConfig(allow=("127.0.0.0/8", "localhost")),
    )


@asynccontextmanager
async def usual_sink(**config):
    """A sink that may reach this machine, and a function that makes requests for it."""
    config = HttpConfig(**{"allow": ("127.0.0.0/8", "localhost"), **config})
    sink = HttpSink(config)

    def new(target: str, **options):
        return request_with(target, config=config, **options)

    try:
        yield sink, new
    finally:
        await sink.close()


async def send(target: str, *, deadline: float = 5.0, config=None, **options):
    """Make one attempt of a subscription with these options, with a sink of its own."""
    async with usual_sink(**(config or {})) as (sink, new):
        return await sink.deliver(new(target, **options), deadline)
