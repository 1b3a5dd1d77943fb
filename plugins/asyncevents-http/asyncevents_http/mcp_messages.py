"""Messages as clients of the Model Context Protocol expect them at callbacks. Pure.

The form is that of the extension "Events", SEP-3415, in the words of its design sketch of
2026-02-19, commit 082166f:
https://github.com/modelcontextprotocol/experimental-ext-triggers-events.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import Attribute, field, frozen

from asyncevents_core.plugin import DEVELOPMENT, HELP, DeliveryRequest
from asyncevents_http.config import HttpConfig
from asyncevents_http.headers import SIGNATURE, trace_headers
from asyncevents_http.signing import signers

if TYPE_CHECKING:
    from asyncevents_http.wire.exchange import Headers

LARGEST: Final = 262_144
"""Bytes of a message that receivers take."""
_CONTROL_CAP: Final = 4096


def _absent(_: object, __: Attribute[bool], value: bool) -> None:
    if value:
        raise ValueError("the sink mcp does not have it, only the sink http")


@frozen(kw_only=True)
class McpConfig(HttpConfig):
    """SINKS["mcp"]: as SINKS["http"], but with `https_only`, which the protocol demands.

    There is neither `http2` nor `magento_signature`. `message_ids` says what `webhook-id` is: that
    of the "event", which clients of the design sketch compare with the event's; or one of each
    "message", the same in all of its attempts, which SEP-3415 wants.
    """

    https_only: bool = field(default=True, metadata={DEVELOPMENT: False})
    magento_signature: bool = field(default=False, validator=_absent)
    http2: bool = field(default=False, validator=_absent)
    message_ids: Literal["event", "message"] = "event"


@frozen(kw_only=True)
class McpOptions:
    """What a subscription keeps beside its callback; the door for agents writes it.

    `expires_at` is microseconds since 1970: from then on nothing is sent.
    """

    subscription_id: str = field(metadata={HELP: "What its client knows it by."})
    principal: str = field(default="", metadata={HELP: "Who subscribed."})
    expires_at: int | None = field(
        default=None, metadata={HELP: "When it ends, in microseconds since 1970."}
    )


@frozen(kw_only=True)
class McpMessage:
    """What is posted; `id` is that of the message, the same in each attempt.

    `response_cap` is how many bytes of the answer are wanted at least.
    """

    id: str
    body: bytes = field(repr=False)
    response_cap: int = 0


def message_of(request: DeliveryRequest, config: McpConfig) -> McpMessage:
    """Return the message of a CloudEvent; what has a `type` only is a control message already."""
    read: dict[str, Any] = json.loads(request.body)
    if "specversion" not in read:
        return McpMessage(
            id=f"msg_{read['type']}_{request.event_id.hex}",
            body=request.body,
            response_cap=_CONTROL_CAP,
        )
    data = read.get("data")
    event = {
        "eventId": str(request.event_id),
        "name": read["type"],
        "timestamp": read["time"],
        # The protocol has objects only.
        "data": data if isinstance(data, dict) else {"value": data},
        "cursor": None,
    }
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    by_event = config.message_ids == "event"
    message_id = str(request.event_id) if by_event else f"msg_{request.delivery_id.hex}"
    return McpMessage(id=message_id, body=text.encode())


def headers_of(
    request: DeliveryRequest, message: McpMessage, config: HttpConfig, *, timestamp: int
) -> Headers:
    """Return the headers of an attempt that begins at `timestamp`, without Host and length.

    Raises `InvalidSecret`.
    """
    options: McpOptions = request.options
    signed = [one.sign(message.id, timestamp, message.body) for one in signers(request.secrets)]
    headers = [
        (b"content-type", b"application/json"),
        (b"user-agent", config.user_agent.encode()),
        (b"accept-encoding", b"identity"),
        (b"webhook-id", message.id.encode()),
        (b"webhook-timestamp", str(timestamp).encode()),
        (SIGNATURE, " ".join(signed).encode()),
        (b"x-mcp-subscription-id", options.subscription_id.encode()),
        (b"asyncevents-delivery", str(request.delivery_id).encode()),
    ]
    if request.trace_context is not None:
        headers += trace_headers(request.trace_context)
    return headers
