"""The receiver behind `listen`, `dev` and `demo`."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys

import pytest

from asyncevents_core.testing import make_request
from asyncevents_http.background import running
from asyncevents_http.receiver import Behaviour, Receiver
from sending import sink_with


async def deliver(url: str, *secrets: str, request=None):
    async with sink_with() as sink:
        return await sink.deliver(request or make_request(target=url, secrets=secrets), 5.0)


@pytest.fixture
def arrivals():
    return []


async def test_valid_and_invalid_signatures(arrivals):
    with running(Receiver(secrets=["right"], arrived=arrivals.append)) as receiver:
        assert (await deliver(receiver.url, "right")).http_status == 200
        assert (await deliver(receiver.url, "wrong")).http_status == 401
        assert (await deliver(receiver.url)).http_status == 401
    assert [one.valid for one in arrivals] == [True, False, False]
    assert (receiver.received, receiver.invalid, len(receiver.valid_events)) == (3, 2, 1)
    assert arrivals[1].problem


async def test_a_secret_per_path(arrivals):
    receiver = Receiver(secrets_by_path={"/a": "one"}, arrived=arrivals.append)
    receiver.add_secret("/b", "two")
    with running(receiver):
        assert (await deliver(f"{receiver.url}/a", "one")).http_status == 200
        assert (await deliver(f"{receiver.url}/b", "two")).http_status == 200
        assert (await deliver(f"{receiver.url}/b", "one")).http_status == 401
        assert (await deliver(f"{receiver.url}/c")).http_status == 200
    assert [one.valid for one in arrivals] == [True, True, False, None]


async def test_fail_first_counts_by_delivery(arrivals):
    receiver = Receiver(behaviour=Behaviour(fail_first=2, status=202), arrived=arrivals.append)
    with running(receiver):
        request = make_request(target=receiver.url)
        statuses = [(await deliver("", request=request)).http_status for _ in range(3)]
        other = (await deliver(receiver.url)).http_status
    assert (statuses, other) == ([503, 503, 202], 503)
    assert [one.attempt for one in arrivals] == [1, 2, 3, 1]


async def test_what_is_no_cloudevent_is_shown_as_it_is(arrivals):
    with running(Receiver(arrived=arrivals.append)) as receiver:
        host, port = receiver.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        await reader.read(10)
        writer.close()
        await writer.wait_closed()
    assert (arrivals[0].event_type, arrivals[0].data) == ("", "abc")


async def say(receiver, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send parts over one connection; return what comes until the other side closes it."""
    host, port = receiver.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in parts:
        writer.write(part)
        await asyncio.sleep(pause)
    async with asyncio.timeout(10):
        came = await reader.read()
    writer.close()
    await writer.wait_closed()
    return came


POST = b"POST /a%20b?c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
LAST = POST + b"Connection: close\r\n\r\nabc"


@pytest.mark.parametrize(
    ("parts", "statuses"),
    [
        ([LAST], [b"200"]),
        ([LAST[:20], LAST[20:70], LAST[70:]], [b"200"]),
        ([POST + b"\r\nabc", LAST], [b"200", b"200"]),
        ([POST + b"\r\nabc" + POST + b"\r\nabc" + LAST], [b"200"] * 3),
        ([POST + b"Expect: 100-continue\r\nConnection: close\r\n\r\n", b"abc"], [b"100", b"200"]),
        ([b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"], [b"200"]),
        ([b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
          b"3\r\nabc\r\n0\r\n\r\n"], [b"200"]),
        ([b"rubbish\r\n\r\n"], [b"400"]),
        ([(POST + b"\r\nabc") * 30 + LAST], [b"200"] * 31),
    ],
)  # fmt: skip
async def test_requests_as_they_come(arrivals, parts, statuses):
    with running(Receiver(arrived=arrivals.append)) as receiver:
        came = await say(receiver, *parts, pause=0.01)
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", came) == statuses
    if b"200" in statuses:
        assert {one.data for one in arrivals} == {"abc"}
        assert arrivals[0].path in {"/a b", "/"}


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_none(status):
    with running(Receiver(behaviour=Behaviour(status=status))) as receiver:
        came = await say(receiver, LAST)
    assert came.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in came


async def test_what_goes_wrong_with_a_request_is_logged_and_said(caplog):
    def fail(_):
        raise RuntimeError("oops")

    with running(Receiver(arrived=fail)) as receiver:
        assert b" 500 " in await say(receiver, LAST)
        assert b" 500 " in await say(receiver, LAST)
    assert "oops" in caplog.text


async def test_stopping_waits_for_nobody():
    with running(Receiver(behaviour=Behaviour(delay=60))) as receiver:
        asking = asyncio.create_task(say(receiver, LAST))
        async with asyncio.timeout(10):
            while not receiver.received:
                await asyncio.sleep(0.01)
    await asyncio.wait({asking})
    assert asking.exception() is not None or b" 200 " not in asking.result()


def listen(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "asyncevents_core", "listen", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_listen_counts_to_its_end():
    process = listen("--secret", "right", "--json", "--count", "2")
    url = process.stderr.readline().split()[-1]
    for n in range(2):
        await deliver("", request=make_request(target=url, secrets=("right",), data={"n": n}))
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert [json.loads(line)["data"] for line in output.splitlines()] == [{"n": 0}, {"n": 1}]
    assert "2 events accepted" in errors


async def test_listen_fails_where_a_signature_is_invalid_and_stops_gracefully():
    process = listen("--secret", "right")
    url = process.stderr.readline().split()[-1]
    await deliver(url, "wrong")
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "invalid" in output
    assert "1 invalid signatures" in errors


def test_listen_without_a_secret_says_so():
    process = listen()
    lines = [process.stderr.readline(), process.stderr.readline()]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert "not verified" in lines[1]
    assert process.returncode == 0


def test_listen_on_a_port_that_is_taken():
    with running(Receiver()) as receiver:
        port = receiver.url.rsplit(":", 1)[1]
        process = listen("--port", port)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "cannot listen" in errors


def test_listen_with_a_malformed_secret():
    process = listen("--secret", "whsec_!")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "base64" in errors
