"""Connections stay within the files that a process may open."""

from __future__ import annotations

import asyncio
import resource
import socket

import pytest
from aiohttp import web

from asyncevents_core.plugin import OutcomeKind
from asyncevents_core.testing import make_request
from asyncevents_http.resolving import GuardedResolver
from sending import sink_with

FILES = 32


class Recipients:
    """Many hosts, all of them one server on this machine, which counts its connections."""

    def __init__(self) -> None:
        self.transports: set[asyncio.BaseTransport] = set()
        self.under_way = self.most_under_way = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.transports.add(request.transport)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.02)
        self.under_way -= 1
        return web.Response()

    @property
    def open(self) -> int:
        return sum(not one.is_closing() for one in self.transports)


@pytest.fixture
async def recipients(serve, monkeypatch):
    monkeypatch.setattr(
        GuardedResolver, "_look_up", staticmethod(lambda *_: [(socket.AF_INET, "127.0.0.1")])
    )
    monkeypatch.setattr(resource, "getrlimit", lambda _: (FILES, FILES))
    made = Recipients()
    port = (await serve(made.answer)).rsplit(":", 1)[1]
    return made, [f"http://shop{number}.example:{port}" for number in range(2 * FILES)]


async def test_connections_in_use_are_bounded_and_others_wait(recipients):
    server, targets = recipients
    async with sink_with() as sink:
        outcomes = await asyncio.gather(
            *(sink.deliver(make_request(target=target), 15.0) for target in targets)
        )
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert len(server.transports) == len(targets)
    assert server.most_under_way <= FILES // 2


async def test_connections_that_are_kept_are_bounded(recipients):
    server, targets = recipients
    async with sink_with() as sink:
        for target in targets:
            await sink.deliver(make_request(target=target), 15.0)
        async with asyncio.timeout(5):
            while server.open > FILES // 4:
                await asyncio.sleep(0.01)
        assert server.open > 0
