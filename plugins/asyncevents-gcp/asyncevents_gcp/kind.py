"""The type of the sink `pubsub`: what it is called, its targets and options. Loads no SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncevents_core.errors import InvalidOptions
from asyncevents_core.plugin import Sink, SinkType
from asyncevents_gcp.config import (
    PubSubConfig,
    PubSubOptions,
    credentials_of,
)
from asyncevents_gcp.keys import check_key
from asyncevents_gcp.targets import check_project, parse_target

DEFAULT_CREDENTIALS: Final = "default-credentials"
"""The privilege of using what the settings or Google's SDK find."""


class PubSubSinkType(SinkType[PubSubConfig, PubSubOptions]):
    """Registers the sink `pubsub`."""

    name = "pubsub"
    title = "Google Cloud Pub/Sub (CloudEvents)"
    config_class = PubSubConfig
    options_class = PubSubOptions

    def validate_target(self, target: str, config: PubSubConfig) -> None:
        """See `SinkType`. A bare topic is accepted: its project may come with the credentials."""
        topic = parse_target(target)
        if topic.project is None and config.project is not None:
            check_project(config.project)

    def validate_options(self, options: PubSubOptions, target: str, config: PubSubConfig) -> None:
        """See `SinkType`: a set of credentials that exists, or the key of a service account."""
        if options.credentials is not None and options.credentials_json is not None:
            raise InvalidOptions("give `credentials` or `credentials_json`, not both")
        try:
            credentials_of(config, options)
        except LookupError as error:
            raise InvalidOptions(f"credentials: {error.args[0]}") from error
        if options.credentials_json is not None:
            try:
                check_key(options.credentials_json)
            except ValueError as error:
                raise InvalidOptions(f"credentials_json: {error}") from None

    def privileges(
        self, options: PubSubOptions, target: str, config: PubSubConfig
    ) -> Sequence[str]:
        """See `SinkType`: none with the subscription's own key."""
        if options.credentials_json is not None:
            return ()
        if options.credentials is not None:
            return (f"credentials:{options.credentials}",)
        return (DEFAULT_CREDENTIALS,)

    def open(self, config: PubSubConfig) -> Sink:
        """See `SinkType`."""
        from asyncevents_gcp.sink import PubSubSink

        return PubSubSink(config)
