"""The sink `sns`: PublishBatch, standard and FIFO topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncevents_aws import messages
from asyncevents_aws.config import SnsConfig
from asyncevents_aws.options import SnsOptions
from asyncevents_aws.sink import AwsSink, Entry
from asyncevents_aws.targets import Topic, read_topic
from asyncevents_core import BatchLimits, DeliveryRequest, Outcome

MOST_ENTRIES: Final = 10


class SnsSink(AwsSink[SnsConfig, SnsOptions, Topic]):
    """Publishes messages to a topic."""

    service = "sns"
    what = "the topic"
    options_class = SnsOptions

    def __init__(self, config: SnsConfig) -> None:
        super().__init__(config, BatchLimits(entries=MOST_ENTRIES, bytes=config.max_bytes))

    def read(self, target: str) -> Topic:
        """See `AwsSink`."""
        return read_topic(target)

    def region(self, target: Topic) -> str | None:
        """See `AwsSink`."""
        return target.region

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        return messages.size(request, self.options(request))

    def entry(
        self, number: int, request: DeliveryRequest, target: Topic, options: SnsOptions
    ) -> Entry:
        """See `AwsSink`."""
        return {
            "Id": str(number),
            "Message": messages.body_text(request.body),
            "MessageAttributes": messages.attributes(request, options),
            **messages.ordering(request, options, fifo=target.fifo),
        }

    def call(self, client: Any, target: Topic, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """See `AwsSink`."""
        answer = client.publish_batch(TopicArn=target.arn, PublishBatchRequestEntries=entries)
        return messages.by_id(answer, len(entries))
