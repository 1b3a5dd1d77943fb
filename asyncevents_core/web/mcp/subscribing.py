"""Parameters of `events/subscribe` and `events/unsubscribe`, read strictly."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from asyncevents_core.domain.limits import LONGEST_TARGET
from asyncevents_core.domain.secret import SYMMETRIC
from asyncevents_core.web.mcp import names
from asyncevents_core.web.mcp.rpc import RpcError

FILTER: Final = "filter"
INPUT_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        FILTER: {
            "description": "Only events whose content it lets pass. A text is a query in Lucene's "
            "syntax over the event, such as data.total:>100 or data.data.id:42 (data.id is that of "
            "the event); a list has filters of CloudEvents. Without it: all of them.",
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "object"}},
            ],
        }
    },
    "additionalProperties": False,
}
"""What an event can be subscribed to with."""

USUAL_TTL: Final = 7 * 86_400_000
"""Milliseconds for which a subscription lives at most, and where nothing is asked for."""
SHORTEST_TTL: Final = 300_000
_KEY_BYTES: Final = range(24, 65)


@frozen(kw_only=True)
class Wanted:
    """A subscription as it is named: by its event, its arguments, and its callback."""

    name: str
    arguments: Mapping[str, Any]
    url: str

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Wanted:
        """Read what both methods have. Raises `RpcError`."""
        name, arguments = params.get("name"), params.get("arguments", {})
        delivery = _delivery(params)
        url = delivery.get("url")
        if not isinstance(name, str):
            raise _wrong("name: the name of an event is missing")
        if not isinstance(arguments, dict) or not arguments.keys() <= {FILTER}:
            raise _wrong(f"arguments: an object that has {FILTER!r} or nothing")
        if FILTER in arguments and not isinstance(arguments[FILTER], str | list):
            raise _wrong(f"arguments.{FILTER}: a text or a list")
        if not isinstance(url, str) or not 0 < len(url) <= LONGEST_TARGET:
            raise _wrong("delivery.url: the address of a callback is missing")
        return cls(name=name, arguments=arguments, url=url)


def secret_of(params: Mapping[str, Any]) -> str:
    """Return the secret that the client made. Raises `RpcError`."""
    secret = _delivery(params).get("secret")
    if isinstance(secret, str) and secret.startswith(SYMMETRIC):
        try:
            if len(base64.b64decode(secret[len(SYMMETRIC) :], validate=True)) in _KEY_BYTES:
                return secret
        except (binascii.Error, ValueError):
            pass
    raise _wrong("delivery.secret: whsec_ and then 24 to 64 random bytes in base64")


def ttl_of(params: Mapping[str, Any]) -> int:
    """Return the milliseconds that are granted: never for ever. Raises `RpcError`."""
    asked = params.get("ttlMs")
    if asked is None:
        return USUAL_TTL
    if not isinstance(asked, int) or isinstance(asked, bool) or asked <= 0:
        raise _wrong("ttlMs: a whole number of milliseconds above 0, or null")
    return max(SHORTEST_TTL, min(asked, USUAL_TTL))


def _delivery(params: Mapping[str, Any]) -> Mapping[str, Any]:
    found = params.get("delivery")
    if not isinstance(found, dict):
        raise _wrong("delivery: an object is missing")
    mode = found.get("mode", names.WEBHOOK)
    if mode != names.WEBHOOK:
        raise RpcError(
            names.UNSUPPORTED,
            "Unsupported",
            {"feature": "deliveryMode", "value": str(mode)[:100]},
        )
    return found


def _wrong(message: str) -> RpcError:
    return RpcError(names.INVALID_PARAMS, message)
