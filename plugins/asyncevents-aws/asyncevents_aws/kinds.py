"""The types of the five sinks: names, targets, options. Loads no SDK."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import Final, TypeVar

from asyncevents_aws.config import (
    AwsConfig,
    EventBridgeConfig,
    KinesisConfig,
    S3Config,
    SnsConfig,
    SqsConfig,
)
from asyncevents_aws.options import (
    AwsOptions,
    EventBridgeOptions,
    KinesisOptions,
    S3Options,
    SnsOptions,
    SqsOptions,
)
from asyncevents_aws.targets import (
    Target,
    read_bucket,
    read_bus,
    read_queue,
    read_stream,
    read_topic,
)
from asyncevents_core.errors import InvalidOptions
from asyncevents_core.plugin import BlockingSink, SinkType

ConfigT = TypeVar("ConfigT", bound=AwsConfig)
OptionsT = TypeVar("OptionsT", bound=AwsOptions)

logger = logging.getLogger("asyncevents.aws")

DEFAULT_CREDENTIALS: Final = "default-credentials"
"""The privilege of using what the settings or the SDK's own chain sign with."""


class AwsSinkType(SinkType[ConfigT, OptionsT]):
    """What the five have in common."""

    concurrency = 16

    @abstractmethod
    def read_target(self, target: str, config: ConfigT) -> Target:
        """Read a target. Raises `InvalidTarget`."""

    def validate_target(self, target: str, config: ConfigT) -> None:
        """See `SinkType`."""
        self.read_target(target, config)

    def validate_options(self, options: OptionsT, target: str, config: ConfigT) -> None:
        """See `SinkType`: named credentials exist, and the region is not another one."""
        name = options.credentials
        if name is not None and name not in config.credentials:
            known = ", ".join(sorted(config.credentials)) or "none"
            raise InvalidOptions(
                f"options.credentials: SINKS[{self.name!r}]['credentials'] has no {name!r} "
                f"(it has: {known})"
            )
        region = options.region
        named = self.read_target(target, config).region
        if region is not None and named is not None and region != named:
            raise InvalidOptions(
                f"options.region: {region!r}, but the target is in {named!r}; leave it out"
            )

    def privileges(self, options: OptionsT, target: str, config: ConfigT) -> Sequence[str]:
        """See `SinkType`: none with the subscription's own keys."""
        if options.access_key_id is not None:
            return ()
        if options.profile is not None:
            return (f"profile:{options.profile}",)
        if options.credentials is not None:
            return (f"credentials:{options.credentials}",)
        return (DEFAULT_CREDENTIALS,)


class EventBridgeSinkType(AwsSinkType[EventBridgeConfig, EventBridgeOptions]):
    """Registers the sink `eventbridge`."""

    name = "eventbridge"
    title = "Amazon EventBridge (PutEvents)"
    config_class = EventBridgeConfig
    options_class = EventBridgeOptions

    def read_target(self, target: str, config: EventBridgeConfig) -> Target:
        """See `AwsSinkType`."""
        return read_bus(target)

    def validate_target(self, target: str, config: EventBridgeConfig) -> None:
        """See `SinkType`; warns of the ARN of a rule."""
        bus = read_bus(target)
        if bus.of_rule:
            logger.warning("%s names a rule; it is read as the bus %r", target, bus.name)

    def open(self, config: EventBridgeConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.eventbridge import EventBridgeSink

        return EventBridgeSink(config)


class SqsSinkType(AwsSinkType[SqsConfig, SqsOptions]):
    """Registers the sink `sqs`."""

    name = "sqs"
    title = "Amazon SQS (standard and FIFO queues)"
    config_class = SqsConfig
    options_class = SqsOptions

    def read_target(self, target: str, config: SqsConfig) -> Target:
        """See `AwsSinkType`."""
        return read_queue(target, endpoint_url=config.endpoint_url)

    def open(self, config: SqsConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.sqs import SqsSink

        return SqsSink(config)


class SnsSinkType(AwsSinkType[SnsConfig, SnsOptions]):
    """Registers the sink `sns`."""

    name = "sns"
    title = "Amazon SNS (standard and FIFO topics)"
    config_class = SnsConfig
    options_class = SnsOptions

    def read_target(self, target: str, config: SnsConfig) -> Target:
        """See `AwsSinkType`."""
        return read_topic(target)

    def open(self, config: SnsConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.sns import SnsSink

        return SnsSink(config)


class KinesisSinkType(AwsSinkType[KinesisConfig, KinesisOptions]):
    """Registers the sink `kinesis`."""

    name = "kinesis"
    title = "Amazon Kinesis Data Streams"
    config_class = KinesisConfig
    options_class = KinesisOptions

    def read_target(self, target: str, config: KinesisConfig) -> Target:
        """See `AwsSinkType`."""
        return read_stream(target)

    def open(self, config: KinesisConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.kinesis import KinesisSink

        return KinesisSink(config)


class S3SinkType(AwsSinkType[S3Config, S3Options]):
    """Registers the sink `s3`."""

    name = "s3"
    title = "Amazon S3 (objects)"
    config_class = S3Config
    options_class = S3Options

    def read_target(self, target: str, config: S3Config) -> Target:
        """See `AwsSinkType`."""
        return read_bucket(target, endpoint_url=config.endpoint_url)

    def open(self, config: S3Config) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.s3 import S3Sink

        return S3Sink(config)
