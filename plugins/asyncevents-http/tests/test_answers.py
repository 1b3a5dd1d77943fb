"""Every strange answer comes to what its status says, and differs from httpx's where it must."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest
from strange import CHUNKED, HELLO, KINDS, OK, Strange, answers
from wires import CAP, Script, ask, wire_with

from asyncevents_http.wire.errors import WireError
from asyncevents_http.wire.heads import idle_seconds
from tests.streams import serving

DIFFERENCES = {
    "status lines": "httpx takes no empty line before the status",
    "odd status lines": "httpx takes one space before the status, and no NUL behind it",
    "malformed headers": "the status stands, though lines are left out; httpx refuses the answer",
    "large heads": "the status stands, though a head over 64 KB is not read; httpx refuses it",
    "wrong lengths": "the status stands, and what came of the body; httpx refuses the answer",
    "wrong chunks": "the status stands, and what came of the body; httpx refuses the answer",
    "odd interim": "malformed lines as above; 101 is a status, for which httpx is not ready",
    "wrong encodings": "a body that is not what it says is shown as bytes; httpx refuses it",
    "cuts": "the status stands, once its line is whole; httpx wants the whole body",
}
"""Why the wire tells a status where httpx tells an error."""


async def by_wire(wire, answer: Strange):
    async with serving(Script(answer.raw).handle) as port:
        try:
            return await ask(wire, port)
        except WireError:
            return None


async def by_httpx(client, answer: Strange):
    async with serving(Script(answer.raw).handle) as port:
        try:
            return await client.post(f"http://127.0.0.1:{port}/", content=b"{}")
        except httpx.HTTPError:
            return None


def of_kind(kind):
    return [one for one in answers() if one.kind == kind]


def test_there_are_many():
    assert len({one.raw for one in answers()}) > 400


@pytest.mark.parametrize("kind", KINDS)
async def test_the_status_decides(kind):
    async with wire_with() as wire:
        came = {one.name: await by_wire(wire, one) for one in of_kind(kind)}
    statuses = {name: one and one.status for name, one in came.items()}
    assert statuses == {one.name: one.status for one in of_kind(kind)}


@pytest.mark.parametrize("kind", KINDS)
async def test_httpx_says_the_same_or_the_difference_is_known(kind):
    differ = {}
    async with wire_with() as wire, httpx.AsyncClient(trust_env=False) as client:
        for one in of_kind(kind):
            own, others = await by_wire(wire, one), await by_httpx(client, one)
            statuses = own and own.status, others and others.status_code
            if statuses[0] != statuses[1]:
                # Never another status, and never none where httpx has one.
                assert None not in statuses[:1], one.name
                assert statuses[1] is None, one.name
                differ[one.name] = statuses
            elif own is not None and not own.note and "content-encoding" not in others.headers:
                assert own.body == others.content[:CAP], one.name
    assert bool(differ) == (kind in DIFFERENCES), differ


async def test_what_is_whole_is_told_from_what_is_not():
    notes = Counter()
    async with wire_with() as wire:
        for one in answers():
            came = await by_wire(wire, one)
            if came is not None and one.kind in {"cuts", "statuses", "headers", "chunks"}:
                notes[one.kind, bool(came.note)] += 1
    assert notes["cuts", False] == 0
    assert not any(noted for kind, noted in notes if kind != "cuts")


@pytest.mark.parametrize("kind", ["malformed headers", "wrong lengths"])
async def test_a_body_behind_a_malformed_head_is_shown(kind):
    async with wire_with() as wire:
        for one in of_kind(kind):
            came = await by_wire(wire, one)
            assert came.body.startswith(b"hello") or b"chunked" in one.raw, one.name


async def test_headers_beside_malformed_lines_are_read():
    raw = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n<b>oops\r\nLocation : /x\r\n\r\n"
    async with wire_with() as wire:
        came = await by_wire(wire, Strange("", "", raw, 429))
    assert (came.header(b"retry-after"), came.header(b"location")) == ("7", "/x")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (HELLO, True),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 204 None\r\n\r\n", True),
        (b"HTTP/1.1 304 None\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO, True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
        (OK + b"Content-Length: 0\r\nKeep-Alive: timeout=5, max=100\r\n\r\n", True),
        (HELLO + b"\r\n", True),
        (OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n", False),
        (OK + b"Content-Length: 0\r\nKeep-Alive: timeout=1\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (HELLO + b"x", False),
        (HELLO + HELLO, False),
        (HELLO + b"HTTP/1.1 ", False),
        (b"HTTP/1.1 204 None\r\n\r\nhello", False),
        (b"HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n", False),
        (b"HTTP/1.1 304 None\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (OK + b"no colon\r\nContent-Length: 0\r\n\r\n", False),
        (OK + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 101 Switching\r\n\r\n", False),
        (OK + b"Content-Length: %d\r\n\r\n" % (10 * CAP) + b"x" * (10 * CAP), None),
    ],
)
async def test_which_answers_leave_a_connection_that_is_used_again(text, kept):
    script = Script(text, HELLO, HELLO, closes=False)
    async with wire_with() as wire, serving(script.handle) as port:
        await ask(wire, port)
        # What was left over is there before the next request.
        await asyncio.sleep(0.01)
        assert (await ask(wire, port)).body == b"hello"
    if kept is not None:
        assert script.connections == (1 if kept else 2)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"timeout=5", 5), (b"timeout=5, max=100", 5), (b"max=3, Timeout = 75", 75),
     (b'timeout="7"', 7), (b"max=3", None), (b"", None), (b"timeout=soon", None)],
)  # fmt: skip
def test_idle_seconds(value, seconds):
    assert idle_seconds(value) == seconds
