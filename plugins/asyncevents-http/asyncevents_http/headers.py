"""The headers of a request: what stays the same, and what each attempt has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncevents_core.plugin import DeliveryRequest
from asyncevents_http.config import HttpConfig
from asyncevents_http.signing import Signer, magento_signature

Headers = list[tuple[bytes, bytes]]

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
SIGNATURE: Final = b"webhook-signature"
MAGENTO_SIGNATURE: Final = b"x-magento-signature"


def common_headers(config: HttpConfig) -> Headers:
    """Return the headers that all requests have."""
    return [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"user-agent", config.user_agent.encode()),
        # The response is kept as it comes.
        (b"accept-encoding", b"identity"),
    ]


def own_headers(
    request: DeliveryRequest, signers: Sequence[Signer], config: HttpConfig, *, timestamp: int
) -> Headers:
    """Return the headers of one attempt that begins at `timestamp`, seconds since the epoch."""
    message_id = str(request.event_id)
    headers = [
        (b"webhook-id", message_id.encode()),
        (b"webhook-timestamp", str(timestamp).encode()),
        (b"asyncevents-delivery", str(request.delivery_id).encode()),
    ]
    if signers:
        signatures = [signer.sign(message_id, timestamp, request.body) for signer in signers]
        headers.append((SIGNATURE, " ".join(signatures).encode()))
    if config.magento_signature and request.secrets:
        signature = magento_signature(request.secrets[0], request.body)
        headers.append((MAGENTO_SIGNATURE, signature.encode()))
    return headers
