"""Any bytes, in any parts, end in one answer or one error; no connection that is bad is kept."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strange import answers

from asyncevents_http.bodies import text_of
from asyncevents_http.wire.connection import Connection, Keeper
from asyncevents_http.wire.errors import WireError
from asyncevents_http.wire.exchange import Exchange, Origin, Request
from asyncevents_http.wire.heads import read_head

ORIGIN = Origin(tls=False, host="x", port=1)
CAP = 64
STRANGE = [one.raw for one in answers() if len(one.raw) < 2_000]
TOKENS = [
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"204", b"100", b"404", b" OK", b"\r\n", b"\r\n\r\n", b"\n",
    b"\r", b":", b" ", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Connection: close",
    b"Connection: keep-alive\r\n", b"Keep-Alive: timeout=", b"0", b"5", b"5\r\nhello\r\n", b"hello",
    b"0\r\n\r\n", b"Upgrade: x\r\n", b"\x00", b"\xff", b";",
]  # fmt: skip

texts = st.one_of(
    st.sampled_from(STRANGE),
    st.lists(st.sampled_from(TOKENS), max_size=25).map(b"".join),
    st.binary(max_size=300),
    st.builds(bytes.__add__, st.sampled_from(STRANGE), st.binary(max_size=50)),
    st.builds(
        lambda raw, at, other: raw[: at % (len(raw) + 1)] + other + raw[at % (len(raw) + 1) :],
        st.sampled_from(STRANGE),
        st.integers(0, 2_000),
        st.binary(max_size=4),
    ),
    st.builds(bytes.__add__, st.sampled_from(STRANGE), st.sampled_from(STRANGE)),
)
cuts = st.lists(st.integers(0, 2_500), max_size=8)
ends = st.sampled_from(["open", "closed", "reset", "late"])


class Line(asyncio.Transport):
    """The other side of a connection: what was sent, and whether it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data):
        self.sent += data

    def get_write_buffer_size(self):
        return 0

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    abort = close


class Watching(Keeper):
    def __init__(self) -> None:
        self.freed = self.again_ = self.lost_ = 0

    def free(self, connection):
        assert connection.usable
        self.freed += 1

    def again(self, exchange, origin):
        self.again_ += 1

    def lost(self, connection):
        self.lost_ += 1


@pytest.fixture(scope="module")
def loop():
    made = asyncio.new_event_loop()
    yield made
    made.close()


class Run:
    """One request over one connection, which receives these parts and ends like that."""

    def __init__(self, loop, parts, end, *, used=False, repeatable=True) -> None:
        self.keeper, self.line = Watching(), Line()
        self.connection = Connection(self.keeper, ORIGIN)
        self.connection.connection_made(self.line)
        if used:
            self.one(loop, repeatable)
            self.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert self.keeper.freed == 1
            self.keeper.freed = 0
        exchange = self.one(loop, repeatable)
        for part in parts:
            if not self.line.closed:
                self.connection.data_received(part)
        self.kept = bool(self.keeper.freed) and not self.line.closed
        if end == "late":
            exchange.expire()
        elif end != "open" and not self.line.closed:
            if end == "closed":
                self.connection.eof_received()
            else:
                self.connection.connection_lost(ConnectionResetError(104, "reset"))
        self.future = exchange._answer

    def one(self, loop, repeatable):
        request = Request(head=b"x", body=b"", body_cap=CAP, repeatable=repeatable)
        exchange = Exchange(request, 1.0, loop)
        self.connection.send(exchange)
        return exchange

    @property
    def status(self):
        if not self.future.done() or self.future.exception() is not None:
            return None
        return self.future.result().status


def parted(text, places):
    places = sorted({one for one in places if one < len(text)} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(places)]


@settings(max_examples=1500, deadline=None)
@given(text=texts, places=cuts, end=ends, used=st.booleans(), repeatable=st.booleans())
def test_one_end(loop, text, places, end, used, repeatable):
    run = Run(loop, parted(text, places), end, used=used, repeatable=repeatable)
    assert run.keeper.freed + run.keeper.again_ <= 1
    if run.keeper.again_:
        assert used
        assert repeatable
        assert not run.future.done() or end == "late"
        assert run.line.closed
    elif end != "open":
        assert run.future.done()
    if run.future.done():
        error = run.future.exception()
        if error is not None:
            assert isinstance(error, WireError)
            assert str(error)
        else:
            answer = run.future.result()
            assert 101 <= answer.status <= 999
            assert len(answer.body) <= CAP
            assert isinstance(answer.note, str)
            if run.keeper.freed:
                assert not answer.note
            assert run.keeper.freed or run.line.closed or end == "reset"
            text_of(answer.body, encoding=answer.header(b"content-encoding"), cap=CAP,
                    content_type=answer.header(b"content-type"), cut=answer.cut)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(text=texts, places=cuts)
def test_how_the_bytes_are_parted_does_not_matter(loop, text, places):
    whole, parts = (Run(loop, one, "closed") for one in ([text], parted(text, places)))
    assert whole.status == parts.status
    if whole.status is not None and not whole.future.result().note:
        assert whole.future.result() == parts.future.result()


@settings(max_examples=1000, deadline=None)
@given(text=texts, places=cuts, more=st.binary(min_size=1, max_size=20))
def test_a_kept_connection_takes_nothing_unasked(loop, text, places, more):
    run = Run(loop, parted(text, places), "open")
    if run.kept:
        run.connection.data_received(more)
        assert run.line.closed


@settings(max_examples=500, deadline=None)
@given(rest=st.one_of(st.binary(min_size=1, max_size=100), st.sampled_from(STRANGE)))
def test_what_is_left_over_is_never_the_answer_to_another_request(loop, rest):
    """Whether it comes with the answer before, or behind it."""
    hello = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    if rest.strip(b"\r\n"):
        for parts in ([hello + rest], [hello, rest]):
            assert not Run(loop, parts, "open").kept


@settings(max_examples=1000, deadline=None)
@given(text=texts)
def test_heads_are_read_without_errors(text):
    head = read_head(text)
    assert head is None or 100 < head.status <= 999


@settings(max_examples=1000, deadline=None)
@given(
    body=st.binary(max_size=200),
    encoding=st.one_of(st.none(), st.sampled_from(["gzip", "deflate", "br"]), st.text(max_size=9)),
    content_type=st.one_of(
        st.none(),
        st.text(max_size=30),
        st.sampled_from(["utf-8", "utf-16", "hex", "idna", "punycode", "undefined", "\0"]).map(
            "text/plain; charset={}".format
        ),
    ),
    cap=st.integers(0, 100),
    cut=st.booleans(),
)
def test_bodies_are_shown_without_errors(body, encoding, content_type, cap, cut):
    text_of(body, encoding=encoding, content_type=content_type, cap=cap, cut=cut)


@pytest.mark.parametrize("end", ["closed", "reset", "late"])
def test_an_interim_head_that_is_malformed_does_not_hide_the_other(loop, end):
    """Wherever it is parted: what counts may come much later."""
    text = (
        b"HTTP/1.1 100 Continue\r\nno colon\r\n\r\nHTTP/1.1 103 Early Hints\r\n: x\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\n\r\n"
    )
    for place in range(len(text)):
        assert Run(loop, parted(text, [place]), end).status == 204, place
    for place in range(len(text) - len(b" No Content\r\n\r\n")):
        run = Run(loop, parted(text[:place], [30]), end)
        assert run.status is None, place
        assert run.future.done()
