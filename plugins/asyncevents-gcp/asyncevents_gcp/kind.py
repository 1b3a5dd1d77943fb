"""The type of the sink `pubsub`: what it is called, its targets and options. Loads no SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from asyncevents_core.errors import InvalidOptions
from asyncevents_core.plugin import Sink, SinkType
from asyncevents_gcp.config import (
    PubSubConfig,
    PubSubOptions,
    credentials_of,
    options_of,
)
from asyncevents_gcp.targets import check_project, parse_target

_KEY_FIELDS: Final = ("client_email", "private_key", "token_uri")


class PubSubSinkType(SinkType[PubSubConfig]):
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

    def validate_options(
        self, options: Mapping[str, object], target: str, config: PubSubConfig
    ) -> None:
        """See `SinkType`: a set of credentials that exists, or the key of a service account."""
        chosen = options_of(options)
        if chosen.credentials is not None and chosen.credentials_json is not None:
            raise InvalidOptions("give `credentials` or `credentials_json`, not both")
        try:
            credentials_of(config, chosen)
        except LookupError as error:
            raise InvalidOptions(f"credentials: {error.args[0]}") from error
        if chosen.credentials_json is not None:
            _check_key(chosen.credentials_json)

    def open(self, config: PubSubConfig) -> Sink:
        """See `SinkType`."""
        from asyncevents_gcp.sink import PubSubSink

        return PubSubSink(config)


def _check_key(text: str) -> None:
    """Raise `InvalidOptions` unless this is a service account's key, without showing it.

    Only those: other kinds of credentials make the SDK call addresses and even programs that
    they name, which is not for whoever makes a subscription to choose.
    """
    try:
        key = json.loads(text)
    except ValueError:
        # Without its cause, which quotes the text.
        raise InvalidOptions("credentials_json: not JSON") from None
    if not isinstance(key, dict) or key.get("type") != "service_account":
        raise InvalidOptions('credentials_json: no key of a service account ("type" says so)')
    missing = [name for name in _KEY_FIELDS if not isinstance(key.get(name), str)]
    if missing:
        raise InvalidOptions(f"credentials_json: {', '.join(missing)} missing")
