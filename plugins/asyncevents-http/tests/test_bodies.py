"""What a trace shows of an answer's body."""

from __future__ import annotations

import gzip
import zlib

import pytest

from asyncevents_core.plugin import OutcomeKind
from asyncevents_http.bodies import text_of
from sending import post

GERMAN = "Grüße: ungültig"


def shown(body, *, encoding=None, content_type=None, cap=4096, cut=False):
    return text_of(body, encoding=encoding, content_type=content_type, cap=cap, cut=cut)


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        (None, "utf-8"),
        ("text/html", "utf-8"),
        ("text/html", "cp1252"),
        ("application/json", "utf-8"),
        ("application/json", "latin-1"),
        ("text/html; charset=ISO-8859-1", "latin-1"),
        ('text/html; charset="iso-8859-1"', "latin-1"),
        ("text/html;a=b; Charset = 'latin-1' ;c", "latin-1"),
        ("text/plain; charset=utf-16", "utf-16"),
        ("text/plain; charset=shift_jis", "shift_jis"),
        ("text/plain; charset=no-such-charset", "utf-8"),
        ("text/plain; charset=hex", "utf-8"),
        ("text/plain; charset=", "utf-8"),
        ("application/problem+json", "utf-8"),
        ("application/octet-stream", "utf-8"),
        ("", "utf-8"),
        (";;;", "utf-8"),
    ],
)
def test_charsets(content_type, charset):
    text = "エラー" if charset == "shift_jis" else GERMAN
    assert shown(text.encode(charset), content_type=content_type) == text


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP ", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("identity", bytes),
        ("", bytes),
    ],
)
def test_what_is_compressed_is_unpacked(encoding, pack):
    packed = pack(GERMAN.encode())
    assert shown(packed, encoding=encoding) == GERMAN


def test_what_is_compressed_is_unpacked_as_far_as_it_came():
    packed = gzip.compress(bytes(range(32, 127)) * 3)
    assert shown(packed[:-20], encoding="gzip", cut=True).startswith(" !\"#$%&'()")


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb_is_unpacked_up_to_the_cap(pack):
    encoding = "gzip" if pack is gzip.compress else "deflate"
    assert shown(pack(b"0" * 50_000_000), encoding=encoding, cap=100) == "0" * 100 + " … (cut)"


@pytest.mark.parametrize(
    ("body", "encoding", "content_type", "text"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None, "image/png", "16 bytes of image/png"),
        (bytes(range(256)), None, None, "256 bytes of unknown type"),
        (bytes(range(256)), None, "application/json", "256 bytes of application/json"),
        (b"hello", "br", "text/html; charset=utf-8", "5 bytes of text/html, br"),
        (b"hello", "gzip", "text/html", "5 bytes of text/html, gzip"),
        (b"hello", "gzip, gzip", None, "5 bytes of unknown type, gzip, gzip"),
        (gzip.compress(b"\0" * 100, mtime=0), "gzip", "text/html", None),
    ],
)
def test_what_is_no_text_is_counted(body, encoding, content_type, text):
    text = text or f"{len(body)} bytes of text/html"
    assert shown(body, encoding=encoding, content_type=content_type) == text
    more = shown(body, encoding=encoding, content_type=content_type, cut=True)
    assert more == f"more than {text}"


@pytest.mark.parametrize("cap", range(12))
def test_a_character_that_is_cut_in_two_is_no_reason(cap):
    body = "aéü€x".encode()[:cap]
    text = shown(body, content_type="text/plain", cut=True)
    assert text.startswith(body.decode("utf-8", "ignore"))
    assert "bytes of" not in text


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Encoding: gzip\r\nContent-Type: text/html\r\n|"
        + gzip.compress(GERMAN.encode(), mtime=0),
        b"Content-Type: text/html; charset=latin-1\r\n|" + GERMAN.encode("latin-1"),
        b"Content-Type: text/html\r\n|" + GERMAN.encode("latin-1"),
    ],
)
async def test_error_pages_are_readable(serve_raw, raw):
    headers, _, body = raw.partition(b"|")

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 400 No\r\n%bContent-Length: %d\r\n\r\n%b" % (headers, len(body), body)
        )
        writer.close()

    outcome = await post(await serve_raw(handle))
    assert (outcome.kind, outcome.response) == (OutcomeKind.PERMANENT, GERMAN)
