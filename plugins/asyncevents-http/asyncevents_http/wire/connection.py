"""One connection: requests go out, one at a time, and answers are read."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final, cast

import httptools

from asyncevents_http.wire.errors import NoAnswer, in_words
from asyncevents_http.wire.exchange import Answer, Exchange, Headers, Origin, Way
from asyncevents_http.wire.heads import (
    Head,
    awaits_head,
    idle_seconds,
    is_interim,
    read_head,
)

_LARGEST_HEAD: Final = 64 * 1024
_MOST_LINES: Final = 300
_LARGEST_FRAMING: Final = 64 * 1024
"""Bytes after the head that are no body: sizes of chunks, their extensions, trailers."""
_FRAMING_PER_BYTE: Final = 16
"""As many more of them for each byte of the body, which may come in chunks of one byte."""
_JOINED: Final = 64 * 1024
"""Bodies up to this size are copied behind the head, which is cheaper than to send two parts."""

_SHOWN: Final = 40
"""Bytes of what is no answer that are shown."""

_USUAL_IDLE: Final = 4.0
"""Seconds: servers close what is idle after 5 or more, if they do not say when."""
_IDLE_MARGIN: Final = 1.0
_LONGEST_IDLE: Final = 60.0


class Keeper(ABC):
    """Whose the connections are."""

    @abstractmethod
    def free(self, connection: Connection) -> None:
        """Take back a connection whose answer is complete, and that can be used again."""

    @abstractmethod
    def again(self, exchange: Exchange, origin: Origin) -> None:
        """Send a request again, over a new connection."""

    @abstractmethod
    def lost(self, connection: Connection) -> None:
        """Forget a connection, which is closed."""


class Connection(asyncio.Protocol, Way):
    """Reads answers leniently: once there is a status, nothing that follows undoes it.

    What is left over after an answer, or comes unasked, ends the connection, so that it is never
    taken for the answer to another request. `idle_seconds` is how long the other side lets it wait
    after an answer; `idle_until` belongs to the keeper.
    """

    def __init__(self, keeper: Keeper, origin: Origin) -> None:
        self.origin: Final = origin
        self.idle_seconds = _USUAL_IDLE
        self.idle_until = 0.0
        self._keeper = keeper
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._exchange: Exchange | None = None
        self._used = False
        self._begin()

    def _begin(self) -> None:
        """Forget the answer before."""
        self._seen: list[bytes] = []
        self._bytes = 0
        self._lines = 0
        self._status = 0
        self._headers: Headers = []
        self._head_ended = False
        self._odd = False
        self._unreadable = ""
        """Why the parser reads no more, while another head may still come."""
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._complete = False
        self._stays = False
        self.idle_seconds = _USUAL_IDLE

    @property
    def usable(self) -> bool:
        """Whether a request may be sent: the other side has not closed it."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, exchange: Exchange) -> None:
        """Send a request. The connection is idle and usable."""
        assert self._transport is not None  # noqa: S101
        self._begin()
        self._exchange = exchange
        exchange.way = self
        request = exchange.request
        if len(request.body) <= _JOINED:
            self._transport.write(request.head + request.body)
        else:
            self._transport.writelines((request.head, request.body))

    def close(self) -> None:
        """Close it: at once, where the other side does not wait for anything more."""
        if self._transport is None:
            return
        if self._exchange is None and not self._transport.get_write_buffer_size():
            try:
                self._transport.close()
            except RuntimeError:
                # asyncio's TLS reads once more before its farewell. If an alert has come meanwhile,
                # as of a server that misses our certificate, it stumbles over its own state.
                self._transport.abort()
        else:
            self._transport.abort()

    def abort(self) -> None:
        """Close it without a farewell."""
        if self._transport is not None:
            self._transport.abort()

    def leave(self, exchange: Exchange) -> None:
        """See `Way`: an answer may still come, so nothing else can be sent here."""
        self._exchange = None
        self.abort()

    def so_far(self, exchange: Exchange) -> Answer | None:
        """See `Way`."""
        if exchange is not self._exchange:
            return None
        if self._head_ended:
            return self._answer()
        head = read_head(b"".join(self._seen))
        return None if head is None else self._partial(head)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's have the methods without the class.
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        # Values of headers that hold control characters are the other side's affair.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_lf_after_cr=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None or self._parser is None:
            self.close()
            return
        self._bytes += len(data)
        if not self._head_ended:
            self._seen.append(data)
        if self._unreadable:
            self._broke(self._unreadable)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._stays = False
            self._complete = True
        except httptools.HttpParserError as error:
            self._stays = False
            if not self._complete:
                self._broke(str(error))
                return
        if self._complete:
            self._finish()
        elif self._head_ended:
            if self._body_bytes > exchange.request.body_cap:
                self._end(self._answer())
            elif self._bytes > _LARGEST_FRAMING + (1 + _FRAMING_PER_BYTE) * self._body_bytes:
                self._broke("little but sizes of chunks and trailers comes")
        elif self._odd:
            self._broke("it has no status")
        elif self._bytes > _LARGEST_HEAD or self._lines > _MOST_LINES:
            self._broke(f"it is larger than {_LARGEST_HEAD} bytes or {_MOST_LINES} lines")

    def eof_received(self) -> None:
        # Not left to the transport, which would first send what is still to be sent.
        self._over("the connection was closed")
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over("the connection was closed" if exc is None else in_words(exc), broken=exc)
        # The parser holds the connection.
        self._transport = self._parser = None
        self._keeper.lost(self)

    # What httptools calls. Nothing is raised here: a flag is enough, and cheaper.

    def on_message_begin(self) -> None:
        if self._complete:
            self._stays = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        if self._head_ended or self._lines > _MOST_LINES:
            return
        self._headers.append((name, value))
        if len(name) == 10 and name.lower() == b"keep-alive":
            seconds = idle_seconds(value)
            if seconds is not None:
                self.idle_seconds = min(seconds - _IDLE_MARGIN, _LONGEST_IDLE)

    def on_headers_complete(self) -> None:
        if self._complete or self._parser is None or self._exchange is None:
            return
        status = self._parser.get_status_code()
        # The parser knows protocols besides HTTP.
        if status < 100 or not b"".join(self._seen).lstrip(b"\r\n").startswith(b"HTTP/"):
            self._odd = True
            return
        if is_interim(status):
            self._headers = []
            return
        self._status = status
        self._head_ended = True
        self._seen = []
        if self._exchange.request.bodiless:
            self._complete = True

    def on_body(self, body: bytes) -> None:
        if self._complete or self._exchange is None:
            return
        room = self._exchange.request.body_cap - self._body_bytes
        self._body_bytes += len(body)
        if room > 0:
            self._body.append(body[:room])

    def on_message_complete(self) -> None:
        if self._complete or not self._head_ended or self._parser is None:
            return
        self._complete = True
        self._stays = self._parser.should_keep_alive() and not self._announces_too_much()

    # What becomes of the answer.

    def _finish(self) -> None:
        """Hand over a whole answer, and keep the connection if nothing speaks against it."""
        exchange, transport = self._exchange, self._transport
        assert exchange is not None and transport is not None  # noqa: S101, PT018
        if (
            self._stays
            and self.idle_seconds > 0
            and not transport.is_closing()
            # An early answer: the rest of the request would be taken for the next one.
            and not transport.get_write_buffer_size()
        ):
            answer = self._answer()
            self._used = True
            self._exchange = None
            self._keeper.free(self)
            exchange.succeed(answer)
        elif self._status == 408 and self._used and self._may_repeat(exchange):
            # Of a server that has closed while the request was on its way.
            self._repeat(exchange)
        else:
            self._end(self._answer())

    def _broke(self, reason: str) -> None:
        """What came cannot be read any further."""
        if self._head_ended:
            self._end(self._answer(note=f"its body did not arrive ({reason})"))
            return
        seen = b"".join(self._seen)
        head = read_head(seen)
        if head is not None:
            self._end(self._partial(head, note=f"its head is malformed ({reason})"))
            return
        if self._bytes <= _LARGEST_HEAD and awaits_head(seen):
            # An interim head is malformed: the one that counts is read without the parser.
            self._unreadable = reason
            return
        begins = repr(seen[:_SHOWN])[1:]
        self._unanswered(NoAnswer(f"what came is no answer of HTTP ({reason}): {begins}"))

    def _over(self, reason: str, *, broken: Exception | None = None) -> None:
        """Nothing more will come."""
        if self._exchange is None:
            return
        if self._head_ended:
            whole = broken is None and not self._says_its_length()
            note = "" if whole else f"its body did not arrive ({reason})"
            self._end(self._answer(note=note))
            return
        head = read_head(b"".join(self._seen))
        if head is not None:
            self._end(self._partial(head, note=f"its head did not arrive ({reason})"))
        elif broken is None:
            self._unanswered(NoAnswer("the connection was closed without an answer"))
        else:
            self._unanswered(NoAnswer(f"the connection broke without an answer: {reason}"))

    def _end(self, answer: Answer) -> None:
        """Hand over an answer after which the connection is not used again."""
        exchange, self._exchange = self._exchange, None
        assert exchange is not None  # noqa: S101
        # First, so that who waits has it whatever comes of closing.
        exchange.succeed(answer)
        self.close()

    def _unanswered(self, error: NoAnswer) -> None:
        exchange = self._exchange
        assert exchange is not None  # noqa: S101
        if self._used and self._may_repeat(exchange):
            self._repeat(exchange)
            return
        self._exchange = None
        exchange.fail(error)
        self.close()

    def _may_repeat(self, exchange: Exchange) -> bool:
        return exchange.request.repeatable and not exchange.replaced

    def _repeat(self, exchange: Exchange) -> None:
        self._exchange = None
        self.close()
        exchange.replaced = True
        self._keeper.again(exchange, self.origin)

    def _partial(self, head: Head, *, note: str = "") -> Answer:
        """Return an answer whose head the parser has not read to its end."""
        exchange = self._exchange
        assert exchange is not None  # noqa: S101
        cap = exchange.request.body_cap
        return Answer(
            status=head.status,
            headers=head.headers,
            body=head.rest[:cap],
            cut=len(head.rest) > cap,
            note=note,
            version=head.version,
        )

    def _answer(self, *, note: str = "") -> Answer:
        exchange = self._exchange
        assert exchange is not None and self._parser is not None  # noqa: S101, PT018
        return Answer(
            status=self._status,
            headers=self._headers,
            body=b"".join(self._body),
            cut=self._body_bytes > exchange.request.body_cap,
            note=note,
            version=self._parser.get_http_version(),
        )

    def _announces_too_much(self) -> bool:
        """Tell whether a status without a body is said to have one, which may then follow."""
        if self._status not in {204, 304}:
            return False
        return any(
            name.lower() == b"transfer-encoding"
            or (name.lower() == b"content-length" and value.strip() != b"0")
            for name, value in self._headers
        )

    def _says_its_length(self) -> bool:
        """Tell whether the end of the body is known otherwise than by the connection's."""
        chunked = False
        for name, value in self._headers:
            if name.lower() == b"content-length":
                return True
            if name.lower() == b"transfer-encoding":
                chunked = value.strip().lower().endswith(b"chunked")
        return chunked
