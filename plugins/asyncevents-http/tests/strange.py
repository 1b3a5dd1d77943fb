"""Answers as servers give them and should not: each with the status that it comes to.

After each of them the server closes the connection.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

from attrs import frozen

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@frozen
class Strange:
    """`status` is what a delivery should be told; None where there is no answer in it."""

    kind: str
    name: str
    raw: bytes
    status: int | None


def answers() -> list[Strange]:
    return [
        Strange(kind, name, raw, status)
        for kind, made in KINDS.items()
        for name, raw, status in made()
    ]


Made = Iterator[tuple[str, bytes, int | None]]

_STATUSES = [
    *range(200, 209), 226, *range(300, 309), *range(400, 419), 421, 422, 423, 424, 425, 426, 428,
    429, 431, 451, *range(500, 509), 510, 511, 520, 529, 599, 600, 999,
]  # fmt: skip


def statuses() -> Made:
    for status in _STATUSES:
        length = b"" if status in {204, 304} else b"Content-Length: 0\r\n"
        yield str(status), b"HTTP/1.1 %d Said So\r\n" % status + length + b"\r\n", status


def status_lines() -> Made:
    rest = b"\r\nContent-Length: 2\r\n\r\nok"
    for line in (
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK and more words",
        b"HTTP/1.1 200 R\xc3\xa9ussi",
        b"HTTP/1.1 200 R\xe9ussi",
        b"HTTP/1.1 200 \t",
        b"HTTP/1.1 200 " + b"x" * 4000,
        b"HTTP/1.1 200 200",
        b"HTTP/1.0 200 OK",
        b"\r\nHTTP/1.1 200 OK",
    ):
        yield repr(line[:40]), line + rest, 200


def odd_status_lines() -> Made:
    rest = b"\r\nContent-Length: 2\r\n\r\nok"
    for line in (
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 200 O\x01K",
        b"\n\r\n\nHTTP/1.1 200 OK",
    ):
        yield repr(line[:40]), line + rest, 200


def no_status_lines() -> Made:
    rest = b"\r\nContent-Length: 2\r\n\r\nok"
    for line in (
        b"",
        b"OK",
        b"200 OK",
        b"HTTP 200 OK",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1 -200 OK",
        b"HTTP/1.1 200OK",
        b"HTTP/1 200 OK",
        b"HTTP/one 200 OK",
        b"ICY 200 OK",
        b"RTSP/1.0 200 OK",
        b"ICE/1.0 200 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 000 OK",
        b"http/1.1 200 OK",
        b" HTTP/1.1 200 OK",
        b"SSH-2.0-OpenSSH_9.2",
        b"220 mail.example ESMTP",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\x00" * 40,
        b"<html><body>200 OK</body></html>",
        b"POST / HTTP/1.1",
    ):
        yield repr(line[:40]), line + rest, None
    yield "nothing", b"", None
    yield "endless", b"x" * 200_000, None


def headers() -> Made:
    for lines in (
        b"",
        b"X-Empty:\r\n",
        b"X-Close:value\r\n",
        b"X-Far:       value      \r\n",
        b"X-Tab:\tvalue\t\r\n",
        b"X_Under_Score: 1\r\n",
        b"X-Latin: \xe9\r\n",
        b"X-Utf8: \xc3\xa9\r\n",
        b"X-Same: 1\r\nX-Same: 2\r\n",
        b"x-lower: 1\r\nX-UPPER: 2\r\n",
        b"!#$%&'*+-.^_`|~9: token\r\n",
        b"Set-Cookie: a=b; c\r\n" * 20,
        b"X-Long: " + b"v" * 7000 + b"\r\n",
        b"X" * 1000 + b": 1\r\n",
    ):
        yield repr(lines[:40]), OK + lines + b"Content-Length: 5\r\n\r\nhello", 200


def malformed_headers() -> Made:
    for lines in (
        b"no colon in here\r\n",
        b": no name\r\n",
        b"X Y: space in the name\r\n",
        b"X-Space : before the colon\r\n",
        b"X-N\xe9: name\r\n",
        b"X-(paren): 1\r\n",
        b"\x00: nul\r\n",
        b"X-Nul: a\x00b\r\n",
        b"X-Control: a\x01b\r\n",
        b"X-Return: a\rb\r\n",
        b" folded from nowhere\r\n",
        b"X-Fold: a\r\n  b\r\n\tc\r\n",
        b"<b>Warning</b>: headers already sent in /var/www/index.php\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ):
        for status in (200, 400, 503):
            start = b"HTTP/1.1 %d Said So\r\n" % status
            raw = start + lines + b"Content-Length: 5\r\n\r\nhello"
            yield f"{status} {lines[:40]!r}", raw, status


def line_ends() -> Made:
    yield "LF only", HELLO.replace(b"\r\n", b"\n"), 200
    yield "LF after the status", HELLO.replace(b"\r\n", b"\n", 1), 200
    yield "LF before the body", OK + b"Content-Length: 5\r\n\nhello", 200
    yield "CR only", HELLO.replace(b"\r\n", b"\r"), None


def large_heads() -> Made:
    for size in (8_000, 8_300, 9_000, 16_000, 33_000, 66_000, 200_000):
        value = b"X-Large: " + b"v" * size + b"\r\n"
        yield f"{size} bytes", OK + value + b"Content-Length: 5\r\n\r\nhello", 200
    for count in (99, 101, 150, 299, 301, 1_000, 10_000):
        lines = b"".join(b"X-%d: 1\r\n" % one for one in range(count))
        yield f"{count} lines", OK + lines + b"Content-Length: 5\r\n\r\nhello", 200


def lengths() -> Made:
    for said in (b"Content-Length: 0005", b"content-length:5", b"Content-Length:  5  "):
        yield repr(said), OK + said + b"\r\n\r\nhello", 200


def wrong_lengths() -> Made:
    for said in (
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5, 5",
        b"Content-Length: +5",
        b"Content-Length: -5",
        b"Content-Length: 0x5",
        b"Content-Length: 5 5",
        b"Content-Length:",
        b"Content-Length: five",
        b"Content-Length: 5.0",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    ):
        yield repr(said), OK + said + b"\r\n\r\nhello", 200


def chunks() -> Made:
    for body in (
        b"5\r\nhello\r\n0\r\n\r\n",
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"5;name=value\r\nhello\r\n0\r\n\r\n",
        b"005\r\nhello\r\n000\r\n\r\n",
        b"A\r\n0123456789\r\n0\r\n\r\n",
        b"a\r\n0123456789\r\n0\r\n\r\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"".join(b"1\r\n%c\r\n" % one for one in b"hello" * 50) + b"0\r\n\r\n",
    ):
        yield repr(body[:40]), CHUNKED + body, 200


def wrong_chunks() -> Made:
    for body in (
        b"",
        b"hello",
        b"5\r\nhello",
        b"5\r\nhello\r\n",
        b"5\r\nhello\r\n0\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhellothere\r\n0\r\n\r\n",
        b"6\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"g\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"ffffffffffffffffff\r\nhello",
        b"5;" + b"x" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n" + b"X-Trailer: 1\r\n" * 20_000 + b"\r\n",
        b"5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX-Trailer: " + b"x" * 200_000,
    ):
        yield repr(body[:40]), CHUNKED + body, 200
    for coding in (b"gzip, chunked", b"chunked, gzip", b"identity", b"chunked, chunked",
                   b"xchunked", b"Chunked", b" chunked "):  # fmt: skip
        head = OK + b"Transfer-Encoding: " + coding
        yield repr(coding), head + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200


def interim() -> Made:
    for before in (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ):
        for status in (200, 404, 503):
            raw = before + b"HTTP/1.1 %d Said So\r\nContent-Length: 5\r\n\r\nhello" % status
            yield f"{status} after {before[:40]!r}", raw, status


def odd_interim() -> Made:
    yield "only 100", b"HTTP/1.1 100 Continue\r\n\r\n", None
    yield "only 103", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", None
    yield "half of 100", b"HTTP/1.1 100 Continue\r\nX-A: 1", None
    yield "100 before rubbish", b"HTTP/1.1 100 Continue\r\n\r\nrubbish", None
    yield "without an end", b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, None
    yield "with a length", b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + HELLO, 200
    yield "malformed", b"HTTP/1.1 100 Continue\r\nno colon\r\n\r\n" + HELLO, 200
    yield "before a malformed one", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"no colon\r\n\r\n", 200
    yield "199", b"HTTP/1.1 199 Odd\r\n\r\n" + HELLO, 200
    yield "101", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x00\x01", 101
    yield "101 alone", b"HTTP/1.1 101 Switching\r\n\r\n", 101


def without_body() -> Made:
    for status in (204, 304):
        start = b"HTTP/1.1 %d None\r\n" % status
        yield f"{status}", start + b"\r\n", status
        yield f"{status} of length 0", start + b"Content-Length: 0\r\n\r\n", status
    yield "205", b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", 205


def without_body_but() -> Made:
    for status in (204, 304):
        start = b"HTTP/1.1 %d None\r\n" % status
        yield f"{status} a body", start + b"\r\nhello", status
        yield f"{status} a length", start + b"Content-Length: 5\r\n\r\n", status
        yield f"{status} both", start + b"Content-Length: 5\r\n\r\nhello", status
        chunked = start + b"Transfer-Encoding: chunked\r\n\r\n"
        yield f"{status} chunks", chunked + b"5\r\nhello\r\n0\r\n\r\n", status
        yield f"{status} an answer", start + b"\r\n" + HELLO, status


def old() -> Made:
    start = b"HTTP/1.0 200 OK\r\n"
    yield "to the end", start + b"\r\nhello", 200
    yield "length", start + b"Content-Length: 5\r\n\r\nhello", 200
    keep = start + b"Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"
    yield "keep-alive", keep, 200
    yield "empty", start + b"\r\n", 200
    yield "404", b"HTTP/1.0 404 Not Found\r\n\r\nhello", 404


def old_but() -> Made:
    start = b"HTTP/1.0 200 OK\r\n"
    yield "chunked", start + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200
    yield "0.9", b"hello", None
    yield "HTTP/0.9", b"HTTP/0.9 200 OK\r\n\r\nhello", 200


def to_the_end() -> Made:
    for connection in (b"", b"Connection: close\r\n", b"Connection: Close\r\n"):
        for status in (200, 500):
            start = b"HTTP/1.1 %d Said So\r\n" % status + connection + b"\r\n"
            yield f"{status} {connection!r}", start + b"hello", status
            yield f"{status} {connection!r} empty", start, status
    yield "keep-alive", OK + b"Connection: keep-alive\r\n\r\nhello", 200


def left_over() -> Made:
    for rest in (
        b"\r\n",
        b"\r\n\r\n\r\n",
        b"x",
        b"rubbish\r\n\r\n",
        b"\x00",
        b"HTTP/1.1 500 Not Asked\r\nContent-Length: 0\r\n\r\n",
        HELLO * 3,
        b"HTTP/1.1 5",
        b"y" * 100_000,
    ):
        yield repr(rest[:40]), HELLO + rest, 200
        yield f"chunked {rest[:40]!r}", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + rest, 200


def encodings() -> Made:
    for encoding, body in (
        (b"gzip", gzip.compress(b"hello", mtime=0)),
        (b"x-gzip", gzip.compress(b"hello", mtime=0)),
        (b"deflate", zlib.compress(b"hello")),
        (b"identity", b"hello"),
        (b"unheard-of", b"hello"),
    ):
        head = OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body))
        yield encoding.decode(), head + body, 200


def wrong_encodings() -> Made:
    for encoding in (b"gzip", b"deflate", b"gzip, gzip", b"br", b"zstd"):
        head = OK + b"Content-Encoding: %b\r\nContent-Length: 5\r\n\r\nhello" % encoding
        yield encoding.decode(), head, 200


def cuts() -> Made:
    """Each place where an answer can end before its end."""
    head = OK + b"Server: x\r\n"
    said = head + b"Content-Length: 5\r\n\r\nhello"
    parts = head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    for name, whole in (("length", said), ("chunks", parts)):
        for at in range(len(whole)):
            yield f"{name} at {at}", whole[:at], 200 if at >= len(OK) else None


KINDS = {
    "statuses": statuses,
    "status lines": status_lines,
    "odd status lines": odd_status_lines,
    "no status lines": no_status_lines,
    "headers": headers,
    "malformed headers": malformed_headers,
    "line ends": line_ends,
    "large heads": large_heads,
    "lengths": lengths,
    "wrong lengths": wrong_lengths,
    "chunks": chunks,
    "wrong chunks": wrong_chunks,
    "interim": interim,
    "odd interim": odd_interim,
    "without a body": without_body,
    "without a body, but": without_body_but,
    "HTTP/1.0": old,
    "HTTP/1.0, but": old_but,
    "to the end of the connection": to_the_end,
    "left over": left_over,
    "encodings": encodings,
    "wrong encodings": wrong_encodings,
    "cuts": cuts,
}
