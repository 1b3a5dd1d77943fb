"""The sink `sqs`: SendMessageBatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, cast

from asyncevents_aws.batches import outcomes_by_id
from asyncevents_aws.clients import ClientSettings
from asyncevents_aws.config import SqsConfig
from asyncevents_aws.expressions import Event
from asyncevents_aws.messages import message_of, most_bytes
from asyncevents_aws.options import MIB, SqsOptions
from asyncevents_aws.sink import AwsSink, Item, Route
from asyncevents_aws.targets import Queue, read_queue
from asyncevents_core.plugin import BatchLimits, DeliveryRequest, Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_URLS_KEPT: Final = 4096


class SqsSink(AwsSink[Queue, SqsOptions, "SQSClient", "SendMessageBatchRequestEntryTypeDef"]):
    """Sends to queues, standard and FIFO.

    10 messages and 1 MiB a call: SendMessageBatch in botocore's model of SQS (2012-11-05),
    which also says that attributes count.
    """

    name = "sqs"
    service = "sqs"
    limits = BatchLimits(entries=10, bytes=MIB)

    def __init__(self, config: SqsConfig) -> None:
        super().__init__(config)
        self._urls: dict[tuple[ClientSettings, Queue], str] = {}

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        return most_bytes(request)

    def _read_target(self, text: str) -> Queue:
        return read_queue(text, endpoint_url=self._aws.endpoint_url)

    def _limit(self, route: Route[Queue, SqsOptions]) -> int:
        return route.options.max_bytes

    def _item(
        self, route: Route[Queue, SqsOptions], event: Event, number: int
    ) -> Item[SendMessageBatchRequestEntryTypeDef]:
        message = message_of(event, route.options, fifo=route.target.fifo)
        entry = {
            "Id": str(number),
            "MessageBody": message.text,
            "MessageAttributes": message.attributes,
            **message.ordering,
        }
        return Item(
            number=number,
            entry=cast("SendMessageBatchRequestEntryTypeDef", entry),
            size=message.size,
        )

    def _send(
        self,
        route: Route[Queue, SqsOptions],
        items: Sequence[Item[SendMessageBatchRequestEntryTypeDef]],
        client: Callable[[], SQSClient],
    ) -> Sequence[Outcome]:
        url = route.target.url or self._url(route, client)
        answer = client().send_message_batch(QueueUrl=url, Entries=[item.entry for item in items])
        return outcomes_by_id(items, answer.get("Successful", ()), answer.get("Failed", ()))

    def _url(self, route: Route[Queue, SqsOptions], client: Callable[[], SQSClient]) -> str:
        """Ask for the URL of a queue that is known by its ARN, once."""
        key = (route.settings, route.target)
        url = self._urls.get(key)
        if url is None:
            url = client().get_queue_url(
                QueueName=route.target.name, QueueOwnerAWSAccountId=route.target.account
            )["QueueUrl"]
            if len(self._urls) >= _URLS_KEPT:
                self._urls.clear()
            self._urls[key] = url
        return url
