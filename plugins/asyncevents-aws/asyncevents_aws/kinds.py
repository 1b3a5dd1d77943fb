"""The types of the four sinks: names, targets, options. Load no SDK."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

from asyncevents_aws import options as choices
from asyncevents_aws import targets
from asyncevents_aws.config import (
    AwsConfig,
    EventBridgeConfig,
    KinesisConfig,
    SnsConfig,
    SqsConfig,
)
from asyncevents_core import BlockingSink, InvalidOptions, SinkType

ConfigType = TypeVar("ConfigType", bound=AwsConfig)


class _AwsSinkType(SinkType[ConfigType]):
    concurrency = choices.CONCURRENCY

    def validate_options(
        self, options: Mapping[str, object], target: str, config: ConfigType
    ) -> None:
        """See `SinkType`: credentials that exist."""
        name = options.get("credentials")
        if name is not None and name not in config.credentials:
            known = ", ".join(sorted(config.credentials)) or "none"
            raise InvalidOptions(
                f"SINKS[{self.name!r}]['credentials'] has no {name!r}; it has: {known}"
            )

    @abstractmethod
    def open(self, config: ConfigType) -> BlockingSink:
        """See `SinkType`."""


class EventBridgeSinkType(_AwsSinkType[EventBridgeConfig]):
    """Registers the sink `eventbridge`."""

    name = "eventbridge"
    title = "Amazon EventBridge"
    config_class = EventBridgeConfig
    options_class: type[Any] = choices.EventBridgeOptions

    def validate_target(self, target: str, config: EventBridgeConfig) -> None:
        """See `SinkType`."""
        targets.read_bus(target)

    def open(self, config: EventBridgeConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.eventbridge import EventBridgeSink

        return EventBridgeSink(config)


class SqsSinkType(_AwsSinkType[SqsConfig]):
    """Registers the sink `sqs`."""

    name = "sqs"
    title = "Amazon SQS"
    config_class = SqsConfig
    options_class: type[Any] = choices.SqsOptions

    def validate_target(self, target: str, config: SqsConfig) -> None:
        """See `SinkType`."""
        targets.read_queue(target, endpoint_url=config.endpoint_url)

    def open(self, config: SqsConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.sqs import SqsSink

        return SqsSink(config)


class SnsSinkType(_AwsSinkType[SnsConfig]):
    """Registers the sink `sns`."""

    name = "sns"
    title = "Amazon SNS"
    config_class = SnsConfig
    options_class: type[Any] = choices.SnsOptions

    def validate_target(self, target: str, config: SnsConfig) -> None:
        """See `SinkType`."""
        targets.read_topic(target)

    def open(self, config: SnsConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.sns import SnsSink

        return SnsSink(config)


class KinesisSinkType(_AwsSinkType[KinesisConfig]):
    """Registers the sink `kinesis`."""

    name = "kinesis"
    title = "Amazon Kinesis Data Streams"
    config_class = KinesisConfig
    options_class: type[Any] = choices.KinesisOptions

    def validate_target(self, target: str, config: KinesisConfig) -> None:
        """See `SinkType`."""
        targets.read_stream(target)

    def open(self, config: KinesisConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_aws.kinesis import KinesisSink

        return KinesisSink(config)
