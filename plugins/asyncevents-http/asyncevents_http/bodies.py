"""The body of an answer as people read it in a trace."""

from __future__ import annotations

import functools
import re
import zlib
from typing import Final

from attrs import field, frozen

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
_CHARSET: Final = re.compile(r"(?:^|[;\s])charset\s*=\s*[\"']?([^\"'\s;]+)", re.IGNORECASE)
_LONGEST_NAME: Final = 100
_TYPES_KEPT: Final = 256
_NONE: Final = "\N{REPLACEMENT CHARACTER}"
_MOST_ODD: Final = 0.1
"""The part of characters that no text has, above which a body is none."""


@frozen(kw_only=True)
class _Type:
    """What a Content-Type says."""

    media: str
    charset: str | None
    textual: bool = field(init=False)

    @textual.default
    def _is_textual(self) -> bool:
        return self.media.startswith(_TEXTS) or any(one in self.media for one in _TEXTUAL)

    def lets_pass(self, text: str) -> bool:
        """Tell whether a decoded body is text: the more easily, the more the type says so."""
        if self.textual:
            return "\0" not in text
        return text.isprintable() or sum(map(_is_odd, text)) <= _MOST_ODD * len(text)


def text_of(
    body: bytes, *, encoding: str | None, content_type: str | None, cap: int, cut: bool
) -> str:
    """Return at most `cap` characters of a body, or "N bytes of …" where it is no text.

    `encoding` and `content_type` are the headers Content-Encoding and Content-Type; `cut` says that
    the body had more bytes than these. What is compressed is unpacked, up to `cap` bytes of it.
    """
    if not body:
        return ""
    kind = _type(content_type or "")
    size = f"{len(body)} bytes" if not cut else f"more than {len(body)} bytes"
    named = (encoding or "").strip().lower()
    if named not in {"", "identity"}:
        unpacked = _unpack(body, named, cap + 1)
        if unpacked is None:
            return f"{size} of {kind.media}, {_plain(named)}"
        body, cut = unpacked[:cap], cut or len(unpacked) > cap
    text = _decode(body, kind)
    if not kind.lets_pass(text):
        return f"{size} of {kind.media}"
    return text + (CUT if cut else "")


@functools.lru_cache(_TYPES_KEPT)
def _type(content_type: str) -> _Type:
    """Read a Content-Type (RFC 9110, 8.3.1)."""
    media, _, parameters = content_type.partition(";")
    charset = _CHARSET.search(parameters)
    return _Type(
        media=_plain(media.strip().lower()) or "unknown type",
        charset=charset[1] if charset else None,
    )


def _plain(text: str) -> str:
    return "".join(one for one in text[:_LONGEST_NAME] if one.isprintable())


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


def _decode(body: bytes, kind: _Type) -> str:
    if kind.charset is not None:
        try:
            return body.decode(kind.charset, "replace")
        except (LookupError, ValueError):
            # The name of no charset, or of a codec that makes no text: as if there were none.
            pass
    text = body.decode("utf-8", "replace")
    # The last character may be cut in two; others are no UTF-8.
    if kind.textual and _NONE in text[:-1]:
        return body.decode("cp1252", "replace")
    return text


def _is_odd(one: str) -> bool:
    return one == _NONE or (one < " " and one not in "\t\r\n\f")
