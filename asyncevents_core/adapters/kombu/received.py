"""Messages as they were sent: kombu must not unpack what anybody may have put into a queue."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from kombu.message import Message

MOST_KEPT: Final = 1024 * 1024
"""Bytes of a message that are kept in memory, and put aside where it cannot be read."""


class ReceivedMessage(Message):
    """A message with the bytes that were sent: not decompressed, not decoded.

    kombu decompresses a message when it arrives, however large it becomes; where it cannot, it
    raises before anybody could acknowledge the message, which then comes again and again.

    `compression` is what the header says, None without one. `size` is that of the whole body in
    bytes; of a larger one, `body` is the first `MOST_KEPT`.
    """

    __slots__ = ()

    def __init__(self, body: object = None, headers: object = None, **others: Any) -> None:
        kept = dict(headers) if isinstance(headers, Mapping) else {}
        self.compression: object = kept.pop("compression", None)
        super().__init__(body=body, headers=kept, **others)
        # What is wrong with it is found when it is read.
        self.errors = []
        sent = _as_bytes(body)
        self.size = len(sent)
        self.body = sent[:MOST_KEPT]


def receive_as_sent(channel: Any) -> None:
    """Let a channel make its messages as `ReceivedMessage`s."""
    channel.Message = _as_sent(channel.Message)
    if hasattr(channel, "auto_decode"):
        # RabbitMQ's: Python knows encodings that take minutes for a few hundred kilobytes.
        channel.auto_decode = False
    if hasattr(channel, "decode_body"):
        channel.decode_body = _Decoding(channel.decode_body)


@functools.cache
def _as_sent(kind: type[Message]) -> type[Message]:
    """Return a transport's class of messages, with ours beneath it."""
    return type("AsSent", (kind, ReceivedMessage), {})


class _Decoding:
    """Undoes what transports without binary messages do to a body, where it was done."""

    def __init__(self, decode: Any) -> None:
        self._decode = decode

    def __call__(self, body: object, encoding: object = None) -> object:
        try:
            decoded: object = self._decode(body, encoding)
        except Exception:
            # It is no message of ours; this is how it is put aside.
            return body
        return decoded


def _as_bytes(body: object) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return b"" if body is None else f"<{type(body).__name__}>".encode()
