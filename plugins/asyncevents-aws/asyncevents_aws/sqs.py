"""The sink `sqs`: SendMessageBatch, standard and FIFO queues."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from asyncevents_aws import messages
from asyncevents_aws.config import SqsConfig
from asyncevents_aws.options import SqsOptions
from asyncevents_aws.sink import AwsSink, Entry
from asyncevents_aws.targets import Queue, read_queue
from asyncevents_core import BatchLimits, DeliveryRequest, Outcome

MOST_ENTRIES: Final = 10


class SqsSink(AwsSink[SqsConfig, SqsOptions, Queue]):
    """Sends messages to a queue."""

    service = "sqs"
    what = "the queue"
    options_class = SqsOptions

    def __init__(self, config: SqsConfig) -> None:
        super().__init__(config, BatchLimits(entries=MOST_ENTRIES, bytes=config.max_bytes))
        self._lock = threading.Lock()
        self._urls: dict[tuple[str, str, str], str] = {}

    def read(self, target: str) -> Queue:
        """See `AwsSink`."""
        return read_queue(target, endpoint_url=self.config.endpoint_url)

    def region(self, target: Queue) -> str | None:
        """See `AwsSink`."""
        return target.region

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        return messages.size(request, self.options(request))

    def entry(
        self, number: int, request: DeliveryRequest, target: Queue, options: SqsOptions
    ) -> Entry:
        """See `AwsSink`."""
        return {
            "Id": str(number),
            "MessageBody": messages.body_text(request.body),
            "MessageAttributes": messages.attributes(request, options),
            **messages.ordering(request, options, fifo=target.fifo),
        }

    def call(self, client: Any, target: Queue, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """See `AwsSink`."""
        answer = client.send_message_batch(QueueUrl=self._url(client, target), Entries=entries)
        return messages.by_id(answer, len(entries))

    def _url(self, client: Any, queue: Queue) -> str:
        """Return a queue's URL; that of an ARN is asked for once."""
        if queue.url is not None:
            return queue.url
        key = (queue.region or "", queue.account, queue.name)
        with self._lock:
            url = self._urls.get(key)
        if url is None:
            url = str(
                client.get_queue_url(QueueName=queue.name, QueueOwnerAWSAccountId=queue.account)[
                    "QueueUrl"
                ]
            )
            with self._lock:
                self._urls[key] = url
        return url
