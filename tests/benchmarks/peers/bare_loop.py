"""One process of the bare loop: the least that a signed delivery costs with this HTTP library.

asyncio and uvloop, `httpx.Request` objects handed straight to `AiohttpTransport`, a fixed
number of requests under way. Arguments: target, file of payloads (JSON, a line each), how many
requests, how many at once, secret. It waits when it is done, so that its CPU can be read.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import uvloop
from httpx_aiohttp import AiohttpTransport

from asyncevents_core.plugin import symmetric_key

_TIMEOUTS = {"connect": 5.0, "read": 15.0}


class Sender:
    """Signs and sends."""

    def __init__(self, target: str, payloads: list[bytes], secret: str) -> None:
        self._url = httpx.URL(target)
        self._payloads = payloads
        self._key = hmac.new(symmetric_key(secret), digestmod=hashlib.sha256)
        self._transport = AiohttpTransport(client=self._session, trust_env=False)

    async def work(self, numbers: Iterator[int]) -> None:
        """Send until the numbers are used up."""
        for number in numbers:
            response = await self._transport.handle_async_request(self._request(number))
            await response.aread()
            await response.aclose()
            if response.status_code != 200:
                raise RuntimeError(f"HTTP {response.status_code}")

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._transport.ssl_context),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("accept", "accept-encoding", "user-agent"),
        )

    def _request(self, number: int) -> httpx.Request:
        event_id = str(uuid.uuid4())
        now = int(time.time())
        body = (
            b'{"specversion": "1.0", "id": "%b", "source": "/bare", "type": "order.created", '
            b'"time": "2026-01-01T00:00:00.000000Z", "datacontenttype": "application/json", '
            b'"data": %b}' % (event_id.encode(), self._payloads[number % len(self._payloads)])
        )
        mac = self._key.copy()
        mac.update(f"{event_id}.{now}.".encode())
        mac.update(body)
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "bare",
            "accept-encoding": "identity",
            "webhook-id": event_id,
            "webhook-timestamp": str(now),
            "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode(),
            "asyncevents-delivery": event_id,
        }
        return httpx.Request(
            "POST",
            self._url,
            headers=headers,
            content=body,
            extensions={"timeout": _TIMEOUTS},
        )


async def main(target: str, path: str, count: str, at_once: str, secret: str) -> None:
    """Send all of it, then wait to be ended."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    sender = Sender(target, Path(path).read_bytes().split(b"\n"), secret)
    numbers = iter(range(int(count)))
    async with asyncio.TaskGroup() as group:
        for _ in range(int(at_once)):
            group.create_task(sender.work(numbers))
    await ended.wait()
    await sender.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
