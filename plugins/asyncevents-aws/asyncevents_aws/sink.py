"""What the four sinks have in common: accounts, batches, and errors of a call as a whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from asyncevents_aws.clients import Account, Clients
from asyncevents_aws.config import AwsConfig, Credentials
from asyncevents_aws.failures import of_exception, too_large
from asyncevents_aws.options import CONCURRENCY, AwsOptions
from asyncevents_core import (
    BatchingSink,
    BatchLimits,
    DeliveryRequest,
    Failure,
    InvalidTarget,
    Outcome,
    OutcomeKind,
)

ConfigType = TypeVar("ConfigType", bound=AwsConfig)
OptionsType = TypeVar("OptionsType", bound=AwsOptions)
TargetType = TypeVar("TargetType")
Entry = Mapping[str, Any]


class CredentialsGone(Exception):
    """A subscription names a set of credentials that the settings do not have any more."""


class AwsSink(BatchingSink, Generic[ConfigType, OptionsType, TargetType]):
    """Sends batches. Subclasses say what an entry is, which call takes them, how it answers."""

    service: ClassVar[str]
    what: ClassVar[str]
    options_class: type[OptionsType]

    def __init__(self, config: ConfigType, limits: BatchLimits) -> None:
        self.config = config
        self.limits = limits
        self._clients = Clients(self.service, config, concurrency=CONCURRENCY)

    @abstractmethod
    def read(self, target: str) -> TargetType:
        """Return what a target stands for. Raises `InvalidTarget`."""

    @abstractmethod
    def region(self, target: TargetType) -> str | None:
        """Return the region that a target names."""

    @abstractmethod
    def entry(
        self, number: int, request: DeliveryRequest, target: TargetType, options: OptionsType
    ) -> Entry:
        """Return the entry of a request, the one with that number in its call."""

    @abstractmethod
    def call(self, client: Any, target: TargetType, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Send entries in one call; return what became of each. Raises what the SDK raises."""

    def options(self, request: DeliveryRequest) -> OptionsType:
        """Return a subscription's options; they were checked when it was made."""
        values: Mapping[str, Any] = request.options
        return self.options_class(**values)

    def group(self, request: DeliveryRequest) -> Hashable:
        """See `BatchingSink`: one target, as one and the same."""
        options = self.options(request)
        return request.target, options.alone, options.region, options.credentials

    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        """See `BatchingSink`."""
        sizes = [self.size(one) for one in requests]
        most = self.limits.bytes or 0
        fitting = [one for one, size in zip(requests, sizes, strict=True) if size <= most]
        sent = iter(self._send(fitting) if fitting else ())
        return [next(sent) if size <= most else too_large(size, most, self.what) for size in sizes]

    def close(self) -> None:
        """See `BlockingSink`."""
        self._clients.close()

    def _send(self, requests: Sequence[DeliveryRequest]) -> Sequence[Outcome]:
        """Send in one call; where that is refused as a whole, each alone: one may be to blame."""
        first = requests[0]
        try:
            target, options = self.read(first.target), self.options(first)
            client = self._clients.get(self._account(target, options))
            entries = [
                self.entry(number, one, target, self.options(one))
                for number, one in enumerate(requests)
            ]
            return self.call(client, target, entries)
        except (InvalidTarget, CredentialsGone) as error:
            gone = isinstance(error, CredentialsGone)
            failure = Failure.CREDENTIALS if gone else Failure.INVALID
            return [Outcome.failed(failure, str(error))] * len(requests)
        except Exception as error:
            outcome = of_exception(error, self.config.timeout)
            if outcome is None:
                raise
            if outcome.kind is OutcomeKind.PERMANENT and len(requests) > 1:
                return [self._send([one])[0] for one in requests]
            return [outcome] * len(requests)

    def _account(self, target: TargetType, options: OptionsType) -> Account:
        credentials: Credentials = self.config.alone
        if options.given:
            credentials = options.alone
        elif options.credentials is not None:
            if options.credentials not in self.config.credentials:
                raise CredentialsGone(
                    f"the settings have no credentials {options.credentials!r} (any more)"
                )
            credentials = self.config.credentials[options.credentials].alone
        region = self.region(target) or options.region or self.config.region
        return Account(credentials=credentials, region=region)
