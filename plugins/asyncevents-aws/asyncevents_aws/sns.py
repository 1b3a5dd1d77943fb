"""The sink `sns`: PublishBatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from asyncevents_aws.batches import outcomes_by_id
from asyncevents_aws.expressions import Event
from asyncevents_aws.messages import message_of, most_bytes
from asyncevents_aws.options import KIB, SnsOptions
from asyncevents_aws.sink import AwsSink, Item, Route
from asyncevents_aws.targets import Topic, read_topic
from asyncevents_core.plugin import BatchLimits, DeliveryRequest, Outcome

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import PublishBatchRequestEntryTypeDef


class SnsSink(AwsSink[Topic, SnsOptions, "SNSClient", "PublishBatchRequestEntryTypeDef"]):
    """Publishes to topics, standard and FIFO.

    10 messages and 256 KiB a call, attributes included: PublishBatch in botocore's model of
    SNS (2010-03-31). A topic may allow up to 1 MiB; a message above 256 KiB then travels alone.
    """

    name = "sns"
    service = "sns"
    limits = BatchLimits(entries=10, bytes=256 * KIB)

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        return most_bytes(request)

    def _read_target(self, text: str) -> Topic:
        return read_topic(text)

    def _limit(self, route: Route[Topic, SnsOptions]) -> int:
        return route.options.max_bytes

    def _item(
        self, route: Route[Topic, SnsOptions], event: Event, number: int
    ) -> Item[PublishBatchRequestEntryTypeDef]:
        message = message_of(event, route.options, fifo=route.target.fifo)
        entry = {
            "Id": str(number),
            "Message": message.text,
            "MessageAttributes": message.attributes,
            **message.ordering,
        }
        return Item(
            number=number,
            entry=cast("PublishBatchRequestEntryTypeDef", entry),
            size=message.size,
        )

    def _send(
        self,
        route: Route[Topic, SnsOptions],
        items: Sequence[Item[PublishBatchRequestEntryTypeDef]],
        client: Callable[[], SNSClient],
    ) -> Sequence[Outcome]:
        answer = client().publish_batch(
            TopicArn=route.target.arn,
            PublishBatchRequestEntries=[item.entry for item in items],
        )
        return outcomes_by_id(items, answer.get("Successful", ()), answer.get("Failed", ()))
