"""What the five sinks share: routes, sizes, calls, and who of a batch is to blame."""

from __future__ import annotations

import functools
import time
from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, Final, Generic, TypeVar

from attrs import frozen

from asyncevents_aws.clients import Clients, ClientSettings
from asyncevents_aws.config import AwsConfig, Credentials
from asyncevents_aws.expressions import Event
from asyncevents_aws.failures import SDK_ERRORS, Refused, Verdict, of_error
from asyncevents_aws.options import AwsOptions
from asyncevents_aws.targets import Target
from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import BatchingSink, DeliveryRequest, Failure, Outcome

TargetT = TypeVar("TargetT", bound=Target)
OptionsT = TypeVar("OptionsT", bound=AwsOptions)
Client = TypeVar("Client")
Entry = TypeVar("Entry")

CONCURRENCY: Final = 16
_ROUTES_KEPT: Final = 4096


@frozen(kw_only=True)
class Route(Generic[TargetT, OptionsT]):
    """Where a group of requests goes, and as whom."""

    target: TargetT
    options: OptionsT
    settings: ClientSettings


@frozen(kw_only=True)
class Item(Generic[Entry]):
    """A request as an entry of a call. `number` is its place in the batch, `size` in bytes."""

    number: int
    entry: Entry
    size: int


class AwsSink(BatchingSink, Generic[TargetT, OptionsT, Client, Entry]):
    """A sink for one service. Thread-safe."""

    name: ClassVar[str]
    service: ClassVar[str]
    to_blame: ClassVar[frozenset[Failure]] = frozenset({Failure.INVALID, Failure.TOO_LARGE})
    """Where a call fails so as a whole, one of its entries may be the only one at fault."""

    def __init__(self, config: AwsConfig) -> None:
        self._aws = config
        self._clients: Clients[Client] = Clients(
            self.service, timeout=config.timeout, connections=CONCURRENCY
        )
        self._route = functools.lru_cache(_ROUTES_KEPT)(self._new_route)

    def group(self, request: DeliveryRequest) -> Hashable:
        """See `BatchingSink`: the same target and the same options."""
        return request.target, request.options

    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        """See `BatchingSink`."""
        until = time.monotonic() + deadline
        try:
            route = self._route(requests[0].target, requests[0].options)
        except Refused as refused:
            return [refused.verdict.outcome()] * len(requests)
        outcomes: dict[int, Outcome] = {}
        items: list[Item[Entry]] = []
        for number, request in enumerate(requests):
            item = self._item(route, Event(request), number)
            limit = self._limit(route)
            if item.size > limit:
                outcomes[number] = _too_large(item.size, limit)
            else:
                items.append(item)
        if items:
            for item, outcome in zip(items, self._attempt(route, items, until), strict=True):
                outcomes[item.number] = outcome
        return [outcomes[number] for number in range(len(requests))]

    def close(self) -> None:
        """See `BlockingSink`."""
        self._clients.close()

    @abstractmethod
    def _read_target(self, text: str) -> TargetT:
        """Raise `InvalidTarget` where it cannot be read."""

    @abstractmethod
    def _item(self, route: Route[TargetT, OptionsT], event: Event, number: int) -> Item[Entry]: ...

    @abstractmethod
    def _limit(self, route: Route[TargetT, OptionsT]) -> int:
        """Return the bytes that one entry may have."""

    @abstractmethod
    def _send(
        self,
        route: Route[TargetT, OptionsT],
        items: Sequence[Item[Entry]],
        client: Callable[[], Client],
    ) -> Sequence[Outcome]:
        """Make the call; return an outcome for each item. Raises `Refused`, the SDK's errors.

        `client` returns one whose time-out fits into what is left at that moment.
        """

    def _attempt(
        self, route: Route[TargetT, OptionsT], items: Sequence[Item[Entry]], until: float
    ) -> Sequence[Outcome]:
        """Send; where one entry may be to blame for all, send halves to find out which.

        Nothing was accepted of a call that failed as a whole, so nothing is sent twice.
        """
        verdict = self._sent(route, items, until)
        if not isinstance(verdict, Verdict):
            return verdict
        if len(items) == 1 or verdict.failure not in self.to_blame:
            return [verdict.outcome()] * len(items)
        middle = len(items) // 2
        halves = (items[:middle], items[middle:])
        return [one for half in halves for one in self._attempt(route, half, until)]

    def _sent(
        self, route: Route[TargetT, OptionsT], items: Sequence[Item[Entry]], until: float
    ) -> Sequence[Outcome] | Verdict:
        def client() -> Client:
            return self._clients.get(route.settings, until - time.monotonic())

        try:
            return self._send(route, items, client)
        except Refused as refused:
            return refused.verdict
        except SDK_ERRORS as error:
            verdict = of_error(error)
            # Keys that are given here stay as they are: a new client would fail with them, too.
            given = route.settings.credentials.access_key_id is not None
            if verdict.failure is Failure.CREDENTIALS and not given:
                self._clients.forget(route.settings)
            return verdict

    def _new_route(self, text: str, options: OptionsT) -> Route[TargetT, OptionsT]:
        try:
            target = self._read_target(text)
        except InvalidTarget as error:
            raise Refused(Failure.INVALID, str(error)) from error
        settings = ClientSettings(
            credentials=self._credentials(options),
            region=target.region or options.region or self._aws.region,
            endpoint_url=self._aws.endpoint_url,
        )
        return Route(target=target, options=options, settings=settings)

    def _credentials(self, options: AwsOptions) -> Credentials:
        if options.credentials is not None:
            named = self._aws.credentials.get(options.credentials)
            if named is None:
                raise Refused(
                    Failure.CREDENTIALS,
                    f"SINKS[{self.name!r}]['credentials'] has no {options.credentials!r}; add it",
                )
            return named
        return options.alone if options.given else self._aws.alone


def _too_large(size: int, limit: int) -> Outcome:
    return Outcome.failed(
        Failure.TOO_LARGE, f"{size:,} bytes, of which {limit:,} are allowed; nothing was sent"
    )
