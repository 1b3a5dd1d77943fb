"""The options of subscriptions to the five sinks."""

from __future__ import annotations

import re
from typing import Any, Final

from attrs import Attribute, field, frozen, validators

from asyncevents_aws.config import Credentials
from asyncevents_aws.expressions import check_expression, check_path
from asyncevents_aws.keys import DEFAULT, template_of
from asyncevents_core.plugin import HELP

KIB: Final = 1024
MIB: Final = 1024 * KIB

REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}")

MOST_PATHS: Final = 6
"""A message has at most ten attributes that SNS hands on to SQS; four are always there."""


def _expression(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None:
        check_expression(value)


def _paths(_: object, __: Attribute[Any], value: tuple[str, ...]) -> None:
    if len(value) > MOST_PATHS:
        raise ValueError(f"at most {MOST_PATHS} paths fit beside the attributes always sent")
    for one in value:
        check_path(one)


def _region(_: object, __: Attribute[Any], value: str) -> None:
    # The SDK makes a host of it.
    if REGION.fullmatch(value) is None:
        raise ValueError(f"{value!r} is not a region, such as eu-west-1")


def _matches(pattern: str) -> Any:
    return validators.optional(validators.matches_re(pattern))


def _up_to(most: int) -> Any:
    return validators.and_(validators.ge(1), validators.le(most))


@frozen(kw_only=True)
class AwsOptions(Credentials):
    """What all have: `credentials` names a set in the sink's configuration."""

    region: str | None = field(
        default=None,
        validator=validators.optional(_region),
        metadata={HELP: "The region, such as eu-west-1, if the target names none."},
    )
    credentials: str | None = field(
        default=None,
        metadata={
            HELP: "A named set of credentials in the settings, instead of a profile or keys."
        },
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.credentials is not None and self.given:
            raise ValueError("give credentials, a profile or an access_key_id, only one of them")


@frozen(kw_only=True)
class EventBridgeOptions(AwsOptions):
    """Of the sink `eventbridge`."""


@frozen(kw_only=True)
class MessageOptions(AwsOptions):
    """Of `sqs` and `sns`.

    `group_id` is an expression for the message group (FIFO: by default `subscription`;
    otherwise none); `attributes` are paths of the payload to be sent as attributes, too.
    """

    group_id: str | None = field(
        default=None,
        validator=_expression,
        metadata={
            HELP: "The message group, such as data.customer.id; empty in FIFO: the subscription."
        },
    )
    attributes: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        validator=_paths,
        metadata={
            HELP: f"Up to {MOST_PATHS} paths of the payload, such as data.customer.id, that are "
            "sent as attributes, too."
        },
    )


@frozen(kw_only=True)
class SqsOptions(MessageOptions):
    """Of the sink `sqs`. `max_bytes` is the queue's MaximumMessageSize."""

    max_bytes: int = field(
        default=MIB,
        validator=_up_to(MIB),
        metadata={HELP: "The largest message in bytes: MaximumMessageSize of the queue."},
    )


@frozen(kw_only=True)
class SnsOptions(MessageOptions):
    """Of the sink `sns`. `max_bytes` is the topic's MaximumMessageSize."""

    max_bytes: int = field(
        default=256 * KIB,
        validator=_up_to(MIB),
        metadata={HELP: "The largest message in bytes: MaximumMessageSize of the topic."},
    )


@frozen(kw_only=True)
class KinesisOptions(AwsOptions):
    """Of the sink `kinesis`.

    `partition_key` is an expression; `max_bytes` the stream's MaxRecordSize.
    """

    partition_key: str = field(
        default="event_id",
        validator=_expression,
        metadata={HELP: "What chooses the shard: event_id, or a path such as data.customer.id."},
    )
    max_bytes: int = field(
        default=MIB,
        validator=_up_to(10 * MIB),
        metadata={HELP: "The largest record in bytes: MaxRecordSize of the stream."},
    )


@frozen(kw_only=True)
class S3Options(AwsOptions):
    """Of the sink `s3`.

    `batch` puts events that wait together into one object, as lines. `key` is a template, see
    `KeyTemplate`; `metadata` are paths of the payload to be kept beside the object. `kms_key` is
    the id, alias or ARN of a key to encrypt with.
    """

    batch: bool = field(
        default=False,
        metadata={HELP: "Whether events that wait together become lines of one object."},
    )
    key: str | None = field(
        default=None,
        metadata={HELP: f"The key below the target's prefix; empty: {DEFAULT}."},
    )
    storage_class: str | None = field(
        default=None,
        validator=_matches(r"[A-Z][A-Z0-9_]{1,40}"),
        metadata={HELP: "A storage class, such as STANDARD_IA; empty: that of the bucket."},
    )
    kms_key: str | None = field(
        default=None,
        validator=_matches(r"[A-Za-z0-9:/_-]{1,2048}"),
        metadata={HELP: "A KMS key to encrypt with; empty: what the bucket says."},
    )
    content_type: str | None = field(
        default=None,
        validator=_matches(r"[!-~]+/[!-~]+(; ?[!-~]+)*"),
        metadata={HELP: "The content type; empty: application/cloudevents+json, or of lines."},
    )
    metadata: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        validator=_paths,
        metadata={
            HELP: f"Up to {MOST_PATHS} paths of the payload, such as data.customer.id, that are "
            "kept as metadata, too."
        },
    )
    max_bytes: int = field(
        default=16 * MIB,
        validator=_up_to(512 * MIB),
        metadata={HELP: "The largest event in bytes."},
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.batch and self.metadata:
            raise ValueError("metadata is that of one event: leave it out, or batch")
        template_of(self.key, batch=self.batch)
