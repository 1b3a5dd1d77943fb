"""What this distribution registers: the type of the sink `amqp`. Loads no client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncevents_amqp.config import (
    AmqpConfig,
    AmqpOptions,
    Route,
    Server,
    credentials_of,
    read_target,
)
from asyncevents_amqp.messages import Template
from asyncevents_core.errors import InvalidOptions, SettingsError
from asyncevents_core.plugin import Sink, SinkType, hookimpl

DEFAULT_CREDENTIALS: Final = "default-credentials"
"""The privilege of publishing as the user of the settings."""

ASYNCEVENTS_PLUGIN_API = 1


class AmqpSinkType(SinkType[AmqpConfig, AmqpOptions]):
    """Registers the sink `amqp`."""

    name = "amqp"
    title = "RabbitMQ (AMQP 0-9-1, CloudEvents)"
    config_class = AmqpConfig
    options_class = AmqpOptions

    def validate_target(self, target: str, config: AmqpConfig) -> None:
        """See `SinkType`: an exchange on a broker that the settings allow."""
        read_target(target, config)

    def validate_options(self, options: AmqpOptions, target: str, config: AmqpConfig) -> None:
        """See `SinkType`: there is a user to publish as."""
        try:
            credentials = credentials_of(config, options)
        except LookupError as error:
            raise InvalidOptions(f"options.credentials: {error.args[0]}") from error
        if credentials.username is None:
            raise InvalidOptions(
                "options.username: neither the options nor SINKS['amqp'] name a user"
            )

    def prepare(self, target: str, options: AmqpOptions, config: AmqpConfig) -> Route:
        """See `SinkType`. Raises `InvalidTarget`, and `SettingsError` for a set that is gone."""
        place = read_target(target, config)
        try:
            credentials = credentials_of(config, options)
        except LookupError as error:
            raise SettingsError(
                [f"credentials: {error.args[0]}"], origin="SINKS['amqp']"
            ) from error
        server = None
        if credentials.username is not None and credentials.password is not None:
            server = Server(
                tls=place.tls,
                host=place.host,
                port=place.port,
                vhost=place.vhost,
                username=credentials.username,
                password=credentials.password,
            )
        return Route(
            server=server, exchange=place.exchange, routing_key=Template(options.routing_key)
        )

    def privileges(self, options: AmqpOptions, target: str, config: AmqpConfig) -> Sequence[str]:
        """See `SinkType`: none with the subscription's own user."""
        if options.username is not None:
            return ()
        if options.credentials is not None:
            return (f"credentials:{options.credentials}",)
        return (DEFAULT_CREDENTIALS,)

    def open(self, config: AmqpConfig) -> Sink:
        """See `SinkType`."""
        from asyncevents_amqp.sink import AmqpSink

        return AmqpSink(config)


@hookimpl
def asyncevents_register_sinks() -> Sequence[SinkType[Any, Any]]:
    """Register `amqp`."""
    return [AmqpSinkType()]


@hookimpl
def asyncevents_preload() -> Sequence[str]:
    """Share between worker processes what knows the targets; a client is each process's own."""
    return ["asyncevents_amqp.plugin"]
