"""The sink `pubsub`: each attempt is one message, batched with others by Google's client."""

from __future__ import annotations

import asyncio

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import DeliveryRequest, Failure, Outcome, Sink
from asyncevents_gcp.config import (
    CredentialSet,
    PubSubConfig,
    PubSubOptions,
    credentials_of,
)
from asyncevents_gcp.credentials import CredentialsUnusable
from asyncevents_gcp.failures import outcome_of
from asyncevents_gcp.messages import Refused, message_of
from asyncevents_gcp.publishers import Publishers
from asyncevents_gcp.targets import Topic, parse_target


class PubSubSink(Sink):
    """Publishes. The answer of the server, through the client's future, is the outcome."""

    def __init__(self, config: PubSubConfig) -> None:
        self._config = config
        self._publishers = Publishers(config)

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """See `Sink`."""
        deadline = min(deadline, self._config.timeout)
        try:
            async with asyncio.timeout(deadline):
                published = await self._publish(request, deadline)
        except Exception as error:
            outcome = outcome_of(error, deadline)
            if outcome is None:
                raise
            return outcome
        return Outcome.delivered(f"published as message {published}")

    async def close(self) -> None:
        """See `Sink`: sends what is there, and waits a moment for the answers."""
        await self._publishers.close()

    async def _publish(self, request: DeliveryRequest, deadline: float) -> str:
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        options: PubSubOptions = request.options
        topic = _topic(request.target)
        message = message_of(request, options)
        async with self._publishers.using(self._credentials(options)) as publisher:
            path = topic.path(_project(topic, publisher.project))
            return await publisher.publish(path, message, max(0.001, until - loop.time()))

    def _credentials(self, options: PubSubOptions) -> CredentialSet:
        try:
            return credentials_of(self._config, options)
        except LookupError as error:
            raise CredentialsUnusable(str(error.args[0])) from error


def _topic(target: str) -> Topic:
    try:
        return parse_target(target)
    except InvalidTarget as error:
        raise Refused(Failure.INVALID, str(error)) from error


def _project(topic: Topic, project: str | None) -> str:
    if topic.project is None and project is None:
        raise CredentialsUnusable(
            f"no project for the topic {topic.name!r}: neither SINKS['pubsub'] nor the credentials"
            " name one; set `project`, or make the target projects/PROJECT/topics/TOPIC"
        )
    return topic.project or project or ""
