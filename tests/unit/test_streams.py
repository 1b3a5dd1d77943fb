"""Servers of tests leave no socket behind, at whatever moment a test ends."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from contextlib import ExitStack

import pytest
import uvloop

from tests.services.over_tls import make_certificate
from tests.sockets import sockets
from tests.streams import serving

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
MOMENTS = range(8)
"""Turns of the loop between clients that connect and the end."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request, certificate):
    if not request.param:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.certificate, certificate.key)
    return made


def stay(client: socket.socket) -> None:
    """Say nothing."""


def say(client: socket.socket) -> None:
    client.sendall(b"\x16\x03\x01 hello\n")


def leave(client: socket.socket) -> None:
    client.close()


def reset(client: socket.socket) -> None:
    client.sendall(b"hello\n")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("does", [stay, say, leave, reset])
def test_nothing_is_left(tls, loop, does):
    async def wait(reader, writer):
        """Answer what it can, and wait."""
        writer.write(await reader.read(1))
        if not tls:
            await reader.readline()

    async def end_after(turns: int) -> None:
        with ExitStack() as stack:
            async with serving(wait, tls=tls) as port:
                for _ in range(3):
                    client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                    does(client)
                for _ in range(turns):
                    await asyncio.sleep(0)

    before = sockets()
    for turns in MOMENTS:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(end_after(turns))
        assert sockets() == before, turns


def test_what_is_handled_may_fail_and_is_told():
    told = []

    async def handle(reader, writer):
        raise ValueError("of the handler")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what))
        async with serving(handle) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()

    asyncio.run(main())
    assert [str(one["exception"]) for one in told] == ["of the handler"]
