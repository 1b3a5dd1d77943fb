"""One request, and its answer."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from attrs import define, frozen

from asyncevents_http.identities import Identity
from asyncevents_http.wire.deadlines import Timed
from asyncevents_http.wire.errors import TooSlow

Headers = list[tuple[bytes, bytes]]


@frozen(kw_only=True, cache_hash=True)
class Origin:
    """Where connections lead: those of one origin may be used for each of its requests.

    `host` is a name in ASCII or an address, without brackets. `identity` is the client
    certificate that they present, whose connections are its own.
    """

    tls: bool
    host: str
    port: int
    identity: Identity | None = None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@define(kw_only=True)
class Request:
    """What is sent. `head` has all lines up to the empty one and ends with it.

    `body_cap` is how many bytes of the answer's body are taken. `repeatable` says that the other
    side may get the request twice; `bodiless` that answers have no body, whatever they announce.
    """

    # Not frozen, though nobody changes it: one is made for each attempt, and that takes longer.
    head: bytes
    body: bytes
    body_cap: int
    repeatable: bool = True
    bodiless: bool = False


@define(kw_only=True)
class Answer:
    """What came. `note` says what did not come or was malformed, "" if nothing.

    `body` has at most `Request.body_cap` bytes; `cut` says that there were more. `version` is
    that of HTTP ("1.1"). Headers are as they came, in their order.
    """

    status: int
    headers: Headers
    body: bytes
    cut: bool = False
    note: str = ""
    version: str = "1.1"

    def header(self, name: bytes) -> str | None:
        """Return the first header of a name, given in lower case; None without one."""
        for one, value in self.headers:
            if one.lower() == name:
                try:
                    return value.decode("utf-8").strip()
                except UnicodeDecodeError:
                    return value.decode("latin-1").strip()
        return None


class Way(ABC):
    """Where an exchange is: with a connection, or in a queue for one."""

    @abstractmethod
    def leave(self, exchange: Exchange) -> None:
        """Forget an exchange that nobody waits for any more."""

    @abstractmethod
    def so_far(self, exchange: Exchange) -> Answer | None:
        """Return what came of the answer, if that is a status at least."""


class Exchange(Timed):
    """A request under way: on the loop that made it."""

    __slots__ = ("_answer", "_patience", "replaced", "request", "way")

    def __init__(self, request: Request, patience: float, loop: asyncio.AbstractEventLoop) -> None:
        self.due = None
        self.request = request
        self.way: Way | None = None
        # Whether a connection that was used before has failed it already.
        self.replaced = False
        self._patience = patience
        self._answer: asyncio.Future[Answer] = loop.create_future()

    async def answer(self) -> Answer:
        """Wait for the answer. Raises `WireError`, or what forbids the connection."""
        return await self._answer

    def succeed(self, answer: Answer) -> None:
        """Hand over the answer."""
        self.way = None
        # Who waits for it may have been cancelled, but not yet called.
        if not self._answer.done():
            self._answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Tell why there is none."""
        self.way = None
        if not self._answer.done():
            self._answer.set_exception(error)

    def expire(self) -> None:
        """See `Timed`: what the status says stands, even if the rest does not come in time."""
        way, answer = self.way, None
        try:
            if way is not None:
                answer = way.so_far(self)
                way.leave(self)
        finally:
            # Whatever went wrong there: who waits is told.
            if answer is None:
                self.fail(TooSlow(f"no answer within {self._patience:g} s"))
            else:
                answer.note = f"its body did not arrive (no end of it within {self._patience:g} s)"
                self.succeed(answer)

    def abandon(self) -> None:
        """Give up what is not answered: its connection is closed, its place in a queue free."""
        if self.way is not None:
            self.way.leave(self)
            self.way = None
        if not self._answer.done():
            self._answer.cancel()
        elif not self._answer.cancelled():
            # Who was cancelled in the moment of a failure does not hear of it.
            self._answer.exception()
