"""A plugin of the first plugin API, with all that it could have. It is never changed.

Where `PLUGIN_API` grows, a new file stands beside this one, and this one shows that what was
written before still works, or what is told of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import attrs
import click

from asyncevents_core.errors import InvalidOptions, InvalidTarget
from asyncevents_core.plugin import (
    EXAMPLE,
    HELP,
    ORDER,
    SECRET,
    TITLE,
    AttemptEnded,
    BatchingSink,
    BatchLimits,
    BlockingSink,
    DeliveryRequest,
    EventDefinition,
    FailedAttempt,
    Failure,
    NoOptions,
    Observer,
    Outcome,
    RetryManager,
    RetryManagerType,
    RetryPolicyType,
    ScheduledRetry,
    Service,
    ServiceResolver,
    ServiceResolverType,
    Sink,
    SinkType,
    hookimpl,
)

ASYNCEVENTS_PLUGIN_API = 1

DELIVERED: list[tuple[str, object, object]] = []
"""What the sinks got: their name, the options, what was prepared."""
PREPARED: list[str] = []
ENDED: list[AttemptEnded] = []
SCHEDULED: list[ScheduledRetry] = []
AROUND: list[str] = []


@attrs.frozen(kw_only=True)
class Config:
    token: str = attrs.field(default="", repr=False, metadata={SECRET: True})
    fails: int = 0


@attrs.frozen(kw_only=True)
class Options:
    level: int = attrs.field(
        default=1, metadata={TITLE: "Level", HELP: "How loud it is.", EXAMPLE: 3, ORDER: 1}
    )


class LoudType(SinkType[Config, Options]):
    name = "loud"
    title = "Loud"
    config_class = Config
    options_class = Options
    signs = True

    def validate_target(self, target: str, config: Config) -> None:
        if not target.startswith("loud:"):
            raise InvalidTarget(f"{target!r} is not loud")

    def validate_options(self, options: Options, target: str, config: Config) -> None:
        if options.level > 10:
            raise InvalidOptions("level: too loud")

    def prepare(self, target: str, options: Options, config: Config) -> str:
        PREPARED.append(target)
        return target.partition(":")[2]

    def privileges(self, options: Options, target: str, config: Config) -> Sequence[str]:
        return ("speakers",) if options.level > 5 else ()

    def open(self, config: Config) -> Sink:
        return Loud(config)


class Loud(Sink):
    def __init__(self, config: Config) -> None:
        self._left = config.fails

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        if self._left:
            self._left -= 1
            return Outcome.failed(Failure.UNAVAILABLE, "not yet")
        DELIVERED.append(("loud", request.options, request.prepared))
        return Outcome.delivered("heard", response="yes")

    async def close(self) -> None:
        return None


class SlowType(SinkType[NoOptions, NoOptions]):
    name = "slow"
    title = "Slow"
    config_class = NoOptions
    concurrency = 2

    def validate_target(self, target: str, config: NoOptions) -> None:
        return None

    def open(self, config: NoOptions) -> BlockingSink:
        return Slow()


class Slow(BlockingSink):
    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        DELIVERED.append(("slow", request.options, request.prepared))
        return Outcome.delivered()


class ManyType(SlowType):
    name = "many"
    title = "Many at once"

    def open(self, config: NoOptions) -> BatchingSink:
        return Many()


class Many(BatchingSink):
    limits = BatchLimits(entries=10, bytes=100_000)

    def group(self, request: DeliveryRequest) -> str:
        return request.target

    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        DELIVERED.extend(("many", one.options, one.prepared) for one in requests)
        return [Outcome.delivered() for _ in requests]


class Resolver(ServiceResolver):
    def resolve(self, definition: EventDefinition) -> Service:
        return Service(call=lambda arguments: {"resolved": dict(arguments)}, is_async=False)


class ResolverType(ServiceResolverType):
    name = "first-resolver"
    title = "Resolves everything"

    def open(self, build: object) -> ServiceResolver:
        return Resolver()


class Manager(RetryManager):
    def schedule(self, retries: Sequence[ScheduledRetry]) -> None:
        SCHEDULED.extend(retries)


class ManagerType(RetryManagerType):
    name = "first-manager"
    title = "Leaves it to the ledger"

    def open(self, broker: object) -> RetryManager:
        return Manager()


class PolicyType(RetryPolicyType):
    name = "first-policy"
    title = "At once"

    def decide(self, failed: FailedAttempt) -> float | None:
        return None if failed.usual is None else 0.0


class Listening(Observer):
    def attempt_ended(self, notice: AttemptEnded) -> None:
        ENDED.append(notice)


@click.command("first-command")
def command() -> None:
    """Say something."""
    click.echo("something")


@hookimpl
def asyncevents_register_sinks() -> list[object]:
    return [LoudType(), SlowType(), ManyType()]


@hookimpl
def asyncevents_register_service_resolvers() -> list[object]:
    return [ResolverType()]


@hookimpl
def asyncevents_register_retry_managers() -> list[object]:
    return [ManagerType()]


@hookimpl
def asyncevents_register_retry_policies() -> list[object]:
    return [PolicyType()]


@hookimpl
def asyncevents_register_observers() -> list[object]:
    return [Listening()]


@hookimpl
def asyncevents_register_events() -> list[EventDefinition]:
    return [
        EventDefinition(name="first.plain", title="Plain"),
        EventDefinition(name="first.resolved", service="anything"),
    ]


@hookimpl
def asyncevents_register_commands() -> list[click.Command]:
    return [command]


@hookimpl
def asyncevents_build_service(cls: type) -> object | None:
    return None


@hookimpl
def asyncevents_prepare_process() -> None:
    return None


@hookimpl
def asyncevents_around_service(
    definition: EventDefinition, is_async: bool
) -> contextlib.AbstractContextManager[None]:
    AROUND.append(definition.name)
    return contextlib.nullcontext()
