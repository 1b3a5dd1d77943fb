"""The request of an attempt, as people look at it."""

from __future__ import annotations

from typing import Final

from asyncevents_core.plugin import DeliveryRequest, SentRequest
from asyncevents_http.basic import bearer
from asyncevents_http.batching import batch_of
from asyncevents_http.headers import AUTHORIZATION, MAGENTO_SIGNATURE, SIGNATURE, secret_names
from asyncevents_http.keys import Keys
from asyncevents_http.message_signatures import MESSAGE_SIGNATURE
from asyncevents_http.options import HttpOptions
from asyncevents_http.recipients import Recipient

_TOKEN: Final = "TOKEN"  # noqa: S105 - a word in its place
_SIGNED: Final = (SIGNATURE.decode(), MAGENTO_SIGNATURE.decode(), MESSAGE_SIGNATURE.decode())


def sent_request(
    request: DeliveryRequest, recipient: Recipient, options: HttpOptions, *, timestamp: int
) -> SentRequest:
    """Return what an attempt sends that begins at `timestamp`, seconds since the epoch.

    Raises `InvalidSecret`.
    """
    keys = Keys(request.secrets)
    if recipient.batching is not None:
        message = batch_of([request], recipient, keys, timestamp=timestamp)
    else:
        message = recipient.message(request, keys, timestamp=timestamp)
    fetched = [] if recipient.credentials is None else [(AUTHORIZATION, bearer(_TOKEN))]
    return SentRequest(
        method=recipient.method,
        url=request.target,
        headers=tuple(
            (name.decode(), value.decode())
            for name, value in (*recipient.common, *message.headers, *fetched)
        ),
        body=message.body,
        signed=(*_SIGNED, *secret_names(options)),
    )
