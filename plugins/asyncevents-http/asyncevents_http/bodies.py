"""The body of an answer as people read it in a trace."""

from __future__ import annotations

import zlib
from email.message import Message
from typing import Final

CUT: Final = " … (cut)"
"""Ends the text of a body of which there was more."""
_WINDOWS: Final = {
    "gzip": zlib.MAX_WBITS | 16,
    "x-gzip": zlib.MAX_WBITS | 16,
    "deflate": zlib.MAX_WBITS,
}
_RAW: Final = -zlib.MAX_WBITS
_TEXTS: Final = ("text/", "message/")
_TEXTUAL: Final = ("json", "xml", "javascript", "x-www-form-urlencoded", "yaml", "csv", "problem")
_MOST_ODD: Final = 0.1
"""The part of characters that no text has, above which a body is none."""


def text_of(
    body: bytes, *, encoding: str | None, content_type: str | None, cap: int, cut: bool
) -> str:
    """Return at most `cap` characters of a body, or "N bytes of …" where it is no text.

    `encoding` and `content_type` are the headers Content-Encoding and Content-Type; `cut` says that
    the body had more bytes than these. What is compressed is unpacked, up to `cap` bytes of it.
    """
    if not body:
        return ""
    media, charset = _type(content_type)
    size = f"{len(body)} bytes" if not cut else f"more than {len(body)} bytes"
    named = (encoding or "").strip().lower()
    if named not in {"", "identity"}:
        unpacked = _unpack(body, named, cap + 1)
        if unpacked is None:
            return f"{size} of {media or 'unknown type'}, {_plain(named)}"
        body, cut = unpacked[:cap], cut or len(unpacked) > cap
    text = _decode(body, charset)
    if text is None or not _readable(text, media):
        return f"{size} of {media or 'unknown type'}"
    return text + (CUT if cut else "")


def _type(content_type: str | None) -> tuple[str, str | None]:
    """Return media type and charset."""
    if not content_type:
        return "", None
    message = Message()
    message["content-type"] = _plain(content_type)
    charset = message.get_param("charset")
    media = content_type.partition(";")[0].strip().lower()
    return _plain(media), charset if isinstance(charset, str) else None


def _plain(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:100]


def _unpack(body: bytes, encoding: str, most: int) -> bytes | None:
    """Unpack the beginning; None for an encoding that is not known or not what it says."""
    windows = _WINDOWS.get(encoding)
    if windows is None:
        return None
    # Some send deflate without the frame that the word means.
    for bits in (windows, _RAW) if encoding == "deflate" else (windows,):
        unpacker = zlib.decompressobj(bits)
        try:
            # What was cut off is unpacked as far as it goes.
            return unpacker.decompress(body, most)
        except zlib.error:
            continue
    return None


def _decode(body: bytes, charset: str | None) -> str | None:
    """Decode by the charset that the answer names, else as UTF-8; None for what is binary."""
    try:
        return body.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        # The name of no charset, or of a codec that makes no text.
        return body.decode("utf-8", "replace")


def _readable(text: str, media: str) -> bool:
    """Tell whether a body is text: by its characters, and more easily where its type says so."""
    if media.startswith(_TEXTS) or any(one in media for one in _TEXTUAL):
        return "\0" not in text
    odd = sum(one == "\N{REPLACEMENT CHARACTER}" or _is_control(one) for one in text)
    return odd <= _MOST_ODD * len(text)


def _is_control(one: str) -> bool:
    return one < " " and one not in "\t\r\n\f"
