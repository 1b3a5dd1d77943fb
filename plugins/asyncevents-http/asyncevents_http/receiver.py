"""A receiver that verifies signatures: behind `listen`, `dev`, `demo` and tests."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from asyncevents_http.serving import Handler, Received, Serving
from asyncevents_http.verifying import InvalidSignature, require_secret, verify


@frozen(kw_only=True)
class Arrival:
    """One request as it was received. `valid` is None where no secret is known for its path.

    `attempt` counts the requests seen for this delivery; `status` is what was answered.
    """

    at: float
    path: str
    event_id: str
    delivery_id: str
    event_type: str
    attempt: int
    valid: bool | None
    status: int
    problem: str
    data: Any = field(repr=False)


@frozen(kw_only=True)
class Behaviour:
    """How to answer: `fail_first` requests of each delivery with 503, then `status`.

    `delay` seconds pass before each answer. `fails`, where it is given, is asked for further
    requests with the delivery's id and the attempt's number: those too get 503.
    """

    status: int = 200
    fail_first: int = 0
    delay: float = 0.0
    fails: Callable[[str, int], bool] | None = None


class Receiver(Handler):
    """An HTTP server on this machine. Everything is called on one event loop.

    `secrets` are tried for every path, `secrets_by_path` for theirs; `arrived` is called with
    each request after it was answered.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        secrets: Sequence[str] = (),
        secrets_by_path: Mapping[str, str] | None = None,
        behaviour: Behaviour | None = None,
        arrived: Callable[[Arrival], None] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._secrets = list(secrets)
        self._by_path = dict(secrets_by_path or {})
        for secret in (*self._secrets, *self._by_path.values()):
            require_secret(secret)
        self._behaviour = behaviour or Behaviour()
        self._arrived = arrived
        self._attempts: Counter[str] = Counter()
        self._serving = Serving(self)
        self.received = 0
        self.invalid = 0
        self.valid_events: set[str] = set()

    @property
    def url(self) -> str:
        """The address to subscribe with, without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def add_secret(self, path: str, secret: str) -> None:
        """Verify what arrives at `path` with this secret from now on."""
        require_secret(secret)
        self._by_path[path] = secret

    async def start(self) -> None:
        """Listen. With port 0 a free one is taken. Raises OSError where that fails."""
        self._port = self._serving.start(self._host, self._port)

    async def stop(self) -> None:
        """Stop listening, and give up what is not answered yet. Idempotent."""
        await self._serving.stop()

    async def answer(self, request: Received) -> tuple[int, Any]:
        """See `Handler`."""
        body, headers = request.body, request.headers
        delivery_id = headers.get("asyncevents-delivery", "")
        self._attempts[delivery_id] += 1
        attempt = self._attempts[delivery_id]
        valid, problem = self._verify(request.path, headers, body)
        status = self._status(delivery_id, attempt, valid)
        event_id = headers.get("webhook-id", "")
        self.received += 1
        if valid is False:
            self.invalid += 1
        elif 200 <= status < 300 and event_id:
            self.valid_events.add(event_id)
        if self._behaviour.delay:
            await asyncio.sleep(self._behaviour.delay)
        event_type, data = _content(body)
        if self._arrived is not None:
            self._arrived(
                Arrival(
                    at=time.time(),
                    path=request.path,
                    event_id=event_id,
                    delivery_id=delivery_id,
                    event_type=event_type,
                    attempt=attempt,
                    valid=valid,
                    status=status,
                    problem=problem,
                    data=data,
                )
            )
        return status, {"received": status < 300}

    def _verify(self, path: str, headers: dict[str, str], body: bytes) -> tuple[bool | None, str]:
        own = self._by_path.get(path)
        secrets = self._secrets if own is None else [own]
        if not secrets:
            return None, ""
        try:
            verify(headers, body, secrets)
        except InvalidSignature as error:
            return False, str(error)
        return True, ""

    def _status(self, delivery_id: str, attempt: int, valid: bool | None) -> int:
        if valid is False:
            return 401
        behaviour = self._behaviour
        if attempt <= behaviour.fail_first:
            return 503
        if behaviour.fails is not None and behaviour.fails(delivery_id, attempt):
            return 503
        return behaviour.status


def _content(body: bytes) -> tuple[str, Any]:
    """Return type and data of a CloudEvent, or the text of whatever else arrived."""
    try:
        event = json.loads(body)
    except ValueError:
        return "", body.decode("utf-8", "replace")
    if not isinstance(event, dict):
        return "", event
    return str(event.get("type", "")), event.get("data")
