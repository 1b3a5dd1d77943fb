"""What the two sinks share: a loop with a limit for each batch, tokens, and who is to blame."""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, ClassVar, Final, Generic, TypeVar

import httpx
from attrs import field, frozen

from asyncevents_azure.kinds import Credentials, Prepared
from asyncevents_azure.opened import NotingLoop
from asyncevents_core.plugin import BatchingSink, DeliveryRequest, Failure, Outcome

logger = logging.getLogger("asyncevents.azure")

Item = TypeVar("Item")
Result = TypeVar("Result")

_TOKENS_KEPT: Final = 1024
_EARLY: Final = 300.0
"""Seconds before its end from which on a token is replaced."""
_CLOSING: Final = 5.0
_AGAIN: Final = 0.2
"""Seconds after which what was cancelled and still runs is cancelled once more."""
_GRACE: Final = 10.0
"""Seconds beyond the deadline after which a batch is given up that did not end by itself."""
LONGEST_TEXT: Final = 300


@frozen(kw_only=True)
class Verdict:
    """Why something failed. `retry_after` is seconds."""

    failure: Failure
    detail: str
    status: int | None = None
    retry_after: float | None = None

    def outcome(self) -> Outcome:
        """Return it as the outcome of an attempt."""
        return Outcome.failed(
            self.failure, self.detail, http_status=self.status, retry_after=self.retry_after
        )


class Refused(Exception):
    """Nothing can be sent like that."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


Send = Callable[[Sequence[Item]], Awaitable[Verdict | None]]
"""Sends items in one call: None where all were accepted, else why none was."""


@frozen
class Token:
    """An access token, which ends at a time of the event loop's clock."""

    text: str = field(repr=False)
    ends: float


class Tokens:
    """Tokens of Microsoft Entra ID for applications, each kept until shortly before its end.

    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    def __init__(self, http: httpx.AsyncClient, authority: str, scope: str) -> None:
        self._http = http
        self._authority = authority.rstrip("/")
        self._scope = scope
        self._kept: OrderedDict[Credentials, Token] = OrderedDict()
        self._locks: dict[Credentials, asyncio.Lock] = {}

    async def get(self, credentials: Credentials) -> Token:
        """Return a token for an application. Raises `Refused`."""
        lock = self._locks.setdefault(credentials, asyncio.Lock())
        try:
            async with lock:
                kept = self._kept.get(credentials)
                if kept is None or kept.ends - _EARLY < asyncio.get_running_loop().time():
                    kept = self._kept[credentials] = await self._ask(credentials)
                self._kept.move_to_end(credentials)
                if len(self._kept) > _TOKENS_KEPT:
                    self._kept.popitem(last=False)
                return kept
        finally:
            if not lock.locked():
                self._locks.pop(credentials, None)

    def forget(self, credentials: Credentials) -> None:
        """Ask for a new one the next time: this one was refused."""
        self._kept.pop(credentials, None)

    async def _ask(self, credentials: Credentials) -> Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "scope": self._scope,
        }
        url = f"{self._authority}/{credentials.tenant_id}/oauth2/v2.0/token"
        try:
            answer = await self._http.post(url, data=form)
        except httpx.HTTPError as error:
            raise Refused(network(error, "getting a token")) from error
        told = _object(answer)
        if answer.is_success and isinstance(told.get("access_token"), str):
            lasts = float(told.get("expires_in", 3600))
            ends = asyncio.get_running_loop().time() + lasts
            return Token(told["access_token"], ends)
        if answer.status_code == 429 or answer.status_code >= 500:
            slow = answer.status_code == 429
            failure = Failure.THROTTLED if slow else Failure.UNAVAILABLE
            detail = f"Microsoft Entra ID answered HTTP {answer.status_code}"
            raise Refused(Verdict(failure=failure, detail=detail))
        # Its description may repeat ids of the application; the code says enough.
        code = str(told.get("error", "no token"))[:LONGEST_TEXT]
        raise Refused(
            Verdict(
                failure=Failure.CREDENTIALS,
                detail=f"Microsoft Entra ID answered HTTP {answer.status_code} ({code}); check "
                "tenant_id, client_id and client_secret, and whether the secret has expired",
            )
        )


def network(error: httpx.HTTPError, doing: str) -> Verdict:
    """Return what an error of the HTTP client means."""
    late = isinstance(error, httpx.TimeoutException)
    failure = Failure.TIMED_OUT if late else Failure.NETWORK
    return Verdict(failure=failure, detail=line(f"{doing}: {type(error).__name__}: {error}"))


def line(text: str) -> str:
    """Return a text in one line that is not too long."""
    return " ".join(text.split())[:LONGEST_TEXT]


def too_large(size: int, limit: int) -> Verdict:
    """Return the verdict on what was not sent."""
    return Verdict(
        failure=Failure.TOO_LARGE,
        detail=f"{size:,} bytes, of which {limit:,} are allowed; nothing was sent",
    )


class AzureSink(BatchingSink, Generic[Item]):
    """A sink whose calls run on an event loop of its own. Thread-safe.

    The engine's threads wait for it. So each call ends at its deadline, wherever it stands then:
    what blocks a thread could not be ended.
    """

    accepted: ClassVar[str]
    """What the log says of a delivery that arrived."""
    to_blame: ClassVar[frozenset[Failure]] = frozenset({Failure.INVALID, Failure.TOO_LARGE})
    """Where a call fails so as a whole, one of its items may be the only one at fault."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = threading.Lock()
        self._loop: NotingLoop | None = None
        self._thread: threading.Thread | None = None
        self._running: set[Future[Any]] = set()
        self._closed = False

    def group(self, request: DeliveryRequest) -> Hashable:
        """See `BatchingSink`: the same target with the same credentials."""
        prepared: Prepared = request.prepared
        return prepared

    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        """See `BatchingSink`."""
        seconds = min(deadline, self._timeout)
        if seconds <= 0:
            late = Verdict(
                failure=Failure.TIMED_OUT, detail="the time was over before anything was sent"
            )
            return [late.outcome()] * len(requests)
        try:
            running = self._start(self._within(requests, seconds))
        except Refused as refused:
            return [refused.verdict.outcome()] * len(requests)
        try:
            return running.result(seconds + _GRACE)
        except CancelledError:
            detail = "the sink was closed before there was an answer"
            closed = Verdict(failure=Failure.UNAVAILABLE, detail=detail)
            return [closed.outcome()] * len(requests)
        finally:
            # Where it did not end by itself; else this does nothing.
            running.cancel()

    def close(self) -> None:
        """See `BlockingSink`. Idempotent."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            running = list(self._running)
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._end(), loop).result(3 * _CLOSING)
        finally:
            for one in running:
                # What still did not end is waited for no longer.
                one.cancel()
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLOSING)

    @abstractmethod
    async def _deliver(
        self, prepared: Prepared, requests: Sequence[DeliveryRequest], outcomes: dict[int, Outcome]
    ) -> None:
        """Put an outcome for each request, by its number. May be cancelled at any moment."""

    @abstractmethod
    async def _release(self) -> None:
        """Close all connections."""

    async def _within(self, requests: Sequence[DeliveryRequest], seconds: float) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        missing: Outcome | None = None
        try:
            async with asyncio.timeout(seconds):
                await self._deliver(requests[0].prepared, requests, outcomes)
        except TimeoutError:
            detail = f"no answer within {seconds:g} s"
            missing = Outcome.failed(Failure.TIMED_OUT, detail)
        except Refused as refused:
            missing = refused.verdict.outcome()
        if missing is None:
            return [outcomes[number] for number in range(len(requests))]
        return [outcomes.get(number, missing) for number in range(len(requests))]

    async def _attempt(
        self, items: Sequence[tuple[int, Item]], send: Send[Item], outcomes: dict[int, Outcome]
    ) -> None:
        """Send; where one item may be to blame for all, send halves to find out which.

        Nothing was accepted of a call that failed as a whole, so nothing is sent twice.
        """
        verdict = await send([item for _, item in items])
        if verdict is None:
            outcomes.update((number, Outcome.delivered(self.accepted)) for number, _ in items)
            return
        if len(items) == 1 or verdict.failure not in self.to_blame:
            outcomes.update((number, verdict.outcome()) for number, _ in items)
            return
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            await self._attempt(half, send, outcomes)

    def _start(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        with self._lock:
            if self._closed:
                work.close()
                detail = "the sink was closed; nothing was sent"
                raise Refused(Verdict(failure=Failure.UNAVAILABLE, detail=detail))
            if self._loop is None:
                self._loop = NotingLoop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="asyncevents-azure", daemon=True
                )
                self._thread.start()
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._running.add(running)
        running.add_done_callback(self._running.discard)
        return running

    async def _end(self) -> None:
        """Release what is open, and end what still runs on the loop, the SDK's own tasks too."""
        try:
            async with asyncio.timeout(_CLOSING):
                await self._release()
        except TimeoutError:
            logger.info("connections did not close within %g s; they are cut", _CLOSING)
        loop = asyncio.get_running_loop()
        ends, this = loop.time() + _CLOSING, asyncio.current_task()
        # More than once: a batch that is cancelled starts to close its connection, and
        # `asyncio.wait_for`, which the SDK uses, overlooks it now and then before Python 3.12.
        while (left := asyncio.all_tasks() - {this}) and loop.time() < ends:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_AGAIN)


def _run(loop: NotingLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.cut()
        loop.close()


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
