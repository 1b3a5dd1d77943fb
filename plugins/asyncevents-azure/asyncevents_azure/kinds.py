"""The types of the two sinks: configurations, options, targets. Loads no SDK."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from attrs import Attribute, field, fields, frozen, validators

from asyncevents_core.errors import InvalidOptions, InvalidTarget, SettingsError
from asyncevents_core.plugin import HELP, SECRET, BlockingSink, SinkType

DEFAULT_CREDENTIALS: Final = "default-credentials"
"""The privilege of using what stands in the settings, outside of a named set."""
BY_SUBSCRIPTION: Final = "subscription"
BY_EVENT: Final = "event"
PAYLOAD: Final = "data."
MOST_PATHS: Final = 16

# A GUID or a domain: it becomes a part of a URL.
_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,127}")
_PATH: Final = re.compile(r"data(\.[A-Za-z0-9_-]+)+")
_LONGEST_PATH: Final = 128
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# Azure, and its clouds for the United States' government and for China.
_GRID: Final = re.compile(
    rf"https://({_LABEL}(?:\.{_LABEL}){{1,2}}\.eventgrid\.azure\.(?:net|us|cn))"
    r"(?:(/api/events)|/topics/([A-Za-z0-9-]{3,50})(?::publish)?)"
)
_BUS: Final = re.compile(
    rf"sb://({_LABEL}\.servicebus\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn))/(.*)"
)
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
_ENTITY: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/-]{0,258}[A-Za-z0-9_])?")
_PUBLISH: Final = ":publish?api-version=2024-06-01"
_EVENTS: Final = "?api-version=2018-01-01"


def _secret(text: str) -> Any:
    return field(default=None, repr=False, metadata={SECRET: True, HELP: text})


def _tenant(_: object, __: Attribute[Any], value: str) -> None:
    if _TENANT.fullmatch(value) is None:
        raise ValueError(f"{value!r} is neither the id nor a domain of an Entra tenant")


@frozen(kw_only=True)
class Credentials:
    """One way to authenticate: a key, a token, or an application of Microsoft Entra ID.

    Raises ValueError where it is more than one, or a part of one.
    """

    access_key: str | None = _secret("An access key of your own.")
    sas_token: str | None = _secret("A shared access signature of your own, instead of a key.")
    tenant_id: str | None = field(
        default=None,
        validator=validators.optional(_tenant),
        metadata={HELP: "The tenant of an application of Microsoft Entra ID."},
    )
    client_id: str | None = field(
        default=None, metadata={HELP: "The application's id, with its tenant and secret."}
    )
    client_secret: str | None = _secret("A client secret of the application.")

    def __attrs_post_init__(self) -> None:
        application = (self.tenant_id, self.client_id, self.client_secret)
        if None in application and any(one is not None for one in application):
            raise ValueError("tenant_id, client_id and client_secret are given together")
        if sum(one is not None for one in (self.access_key, self.sas_token, self.client_id)) > 1:
            raise ValueError(
                "give an access_key, a sas_token or an application (tenant_id, client_id, "
                "client_secret), only one of them"
            )

    @property
    def given(self) -> bool:
        """Whether there is anything to authenticate with."""
        return (self.access_key, self.sas_token, self.client_id) != (None, None, None)


@frozen(kw_only=True)
class BusCredentials(Credentials):
    """Those of a namespace of Service Bus. `access_key_name` is the policy of the key."""

    access_key_name: str = field(
        default="RootManageSharedAccessKey",
        metadata={HELP: "The shared access policy to which the access key belongs."},
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        token = self.sas_token
        if token is not None and not re.fullmatch(r"SharedAccessSignature .*&se=\d+.*", token):
            # Without its text, which is secret.
            raise ValueError("sas_token begins with 'SharedAccessSignature sr=' and has '&se='")


@frozen(kw_only=True)
class EventGridConfig(Credentials):
    """SINKS["eventgrid"]. `timeout` is seconds for one batch, below SINK_DEADLINE.

    `credentials` are named sets to which subscriptions refer; `endpoint` replaces the scheme,
    host and port of all targets (a simulator); `authority` is where Entra ID gives tokens.
    """

    timeout: float = field(default=10.0, validator=validators.gt(0))
    credentials: Mapping[str, Credentials] = field(
        factory=dict, repr=False, metadata={SECRET: True}
    )
    endpoint: str | None = None
    authority: str = "https://login.microsoftonline.com"


@frozen(kw_only=True)
class ServiceBusConfig(BusCredentials):
    """SINKS["servicebus"]. `timeout` is seconds for one batch, below SINK_DEADLINE.

    `credentials` are named sets to which subscriptions refer; `emulator` is HOST:PORT of one that
    takes the place of all namespaces, spoken to in plain text; `authority` is where Entra ID
    gives tokens; `connections` is how many unused ones stay open.
    """

    timeout: float = field(default=10.0, validator=validators.gt(0))
    credentials: Mapping[str, BusCredentials] = field(
        factory=dict, repr=False, metadata={SECRET: True}
    )
    emulator: str | None = None
    authority: str = "https://login.microsoftonline.com"
    connections: int = field(default=32, validator=validators.ge(1))


_NAMED: Final = "A named set of credentials in the settings, instead of your own."


@frozen(kw_only=True)
class EventGridOptions(Credentials):
    """Of a subscription: `credentials` names a set in the configuration."""

    credentials: str | None = field(default=None, metadata={HELP: _NAMED})


def check_path(text: str) -> None:
    """Raise ValueError unless this is a path into the payload, such as ``data.customer.id``."""
    if len(text) > _LONGEST_PATH or not _PATH.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a path into the payload: write data.NAME or data.NAME.NAME, "
            "with letters, digits, - and _ in names"
        )


def _expression(_: object, __: Attribute[Any], value: str | None) -> None:
    if value in {None, BY_SUBSCRIPTION, BY_EVENT}:
        return
    if not value.startswith(PAYLOAD):
        raise ValueError(
            f"{value!r} is none of '{BY_SUBSCRIPTION}', '{BY_EVENT}' and a path into the payload "
            f"such as '{PAYLOAD}customer.id'"
        )
    check_path(value)


def _paths(_: object, __: Attribute[Any], value: tuple[str, ...]) -> None:
    if len(value) > MOST_PATHS:
        raise ValueError(f"at most {MOST_PATHS} paths")
    for one in value:
        check_path(one)


@frozen(kw_only=True)
class ServiceBusOptions(BusCredentials):
    """Of a subscription: `credentials` names a set in the configuration.

    `session_id` and `partition_key` are "subscription", "event" (its name) or a path into the
    payload; `properties` are paths whose values are sent as application properties, too.
    """

    credentials: str | None = field(default=None, metadata={HELP: _NAMED})
    session_id: str | None = field(
        default=None,
        validator=_expression,
        metadata={
            HELP: "The session: subscription, event (its name), or a path such as data.customer.id."
        },
    )
    partition_key: str | None = field(
        default=None,
        validator=_expression,
        metadata={HELP: "The partition key, in the same words; not together with a session."},
    )
    properties: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        validator=_paths,
        metadata={
            HELP: f"Up to {MOST_PATHS} paths of the payload, such as data.customer.id, that are "
            "sent as application properties, too."
        },
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.session_id is not None and self.partition_key is not None:
            raise ValueError("give session_id or partition_key: a session is its partition key")


@frozen(kw_only=True)
class Prepared:
    """What all deliveries of a subscription need; equal for those that may travel together.

    `host` and `place` are the target: a host with the path and query of a topic, or a namespace
    with a queue's or topic's name.
    """

    host: str
    place: str
    credentials: Credentials = field(repr=False)


ConfigT = TypeVar("ConfigT", EventGridConfig, ServiceBusConfig)
OptionsT = TypeVar("OptionsT", EventGridOptions, ServiceBusOptions)


class AzureSinkType(SinkType[ConfigT, OptionsT]):
    """What the two have in common."""

    concurrency = 16
    kind_of_credentials: type[Credentials]

    @abstractmethod
    def read_target(self, target: str) -> tuple[str, str]:
        """Return a target's host and place, see `Prepared`. Raises `InvalidTarget`."""

    def validate_target(self, target: str, config: ConfigT) -> None:
        """See `SinkType`."""
        self.read_target(target)

    def validate_options(self, options: OptionsT, target: str, config: ConfigT) -> None:
        """See `SinkType`: there are credentials; named ones exist, and are the only ones."""
        if options.credentials is None:
            if not options.given and not config.given:
                raise InvalidOptions(self._no_credentials())
            return
        if options.given:
            raise InvalidOptions("give named credentials or those of your own, not both")
        if options.credentials not in config.credentials:
            raise InvalidOptions(f"options.credentials: {self._no_set(options, config)}")

    def prepare(self, target: str, options: OptionsT, config: ConfigT) -> Prepared:
        """See `SinkType`. Raises `SettingsError` where there are no credentials."""
        host, place = self.read_target(target)
        given: Credentials = config
        if options.given:
            given = options
        elif options.credentials is not None:
            if options.credentials not in config.credentials:
                raise SettingsError([self._no_set(options, config)], origin="SINKS")
            given = config.credentials[options.credentials]
        if not given.given:
            raise SettingsError([self._no_credentials()], origin="SINKS")
        kind = self.kind_of_credentials
        alone = kind(**{one.name: getattr(given, one.name) for one in fields(kind)})
        return Prepared(host=host, place=place, credentials=alone)

    def privileges(self, options: OptionsT, target: str, config: ConfigT) -> Sequence[str]:
        """See `SinkType`: none with the subscription's own credentials."""
        if options.given:
            return ()
        if options.credentials is not None:
            return (f"credentials:{options.credentials}",)
        return (DEFAULT_CREDENTIALS,)

    def _no_credentials(self) -> str:
        return (
            "no credentials: give an access_key, a sas_token or an application of Entra ID in the "
            f"subscription's options or in SINKS[{self.name!r}]"
        )

    def _no_set(self, options: OptionsT, config: ConfigT) -> str:
        known = ", ".join(sorted(config.credentials)) or "none"
        return (
            f"SINKS[{self.name!r}]['credentials'] has no {options.credentials!r} (it has: {known})"
        )


class EventGridSinkType(AzureSinkType[EventGridConfig, EventGridOptions]):
    """Registers the sink `eventgrid`."""

    name = "eventgrid"
    title = "Azure Event Grid (CloudEvents)"
    config_class = EventGridConfig
    options_class = EventGridOptions
    kind_of_credentials = Credentials

    def read_target(self, target: str) -> tuple[str, str]:
        """See `AzureSinkType`: a custom topic's endpoint, or a topic of a namespace."""
        found = _GRID.fullmatch(target)
        if found is None:
            raise InvalidTarget(
                f"{target!r} is not a topic: write https://NAME.REGION.eventgrid.azure.net/api/events"
                " or https://NAMESPACE.REGION.eventgrid.azure.net/topics/TOPIC"
            )
        host, events, topic = found.groups()
        return host, events + _EVENTS if events else f"/topics/{topic}{_PUBLISH}"

    def open(self, config: EventGridConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_azure.eventgrid import EventGridSink

        return EventGridSink(config)


class ServiceBusSinkType(AzureSinkType[ServiceBusConfig, ServiceBusOptions]):
    """Registers the sink `servicebus`."""

    name = "servicebus"
    title = "Azure Service Bus (queues and topics)"
    config_class = ServiceBusConfig
    options_class = ServiceBusOptions
    kind_of_credentials = BusCredentials

    def read_target(self, target: str) -> tuple[str, str]:
        """See `AzureSinkType`: sb://NAMESPACE/ENTITY, or a connection string without keys."""
        text = target
        if target.startswith("Endpoint="):
            pieces = dict(one.partition("=")[::2] for one in target.rstrip(";").split(";"))
            if pieces.keys() != {"Endpoint", "EntityPath"}:
                raise InvalidTarget(
                    "a target has the pieces Endpoint and EntityPath only: give the policy and its "
                    "key as the options access_key_name and access_key"
                )
            text = f"{pieces['Endpoint'].rstrip('/')}/{pieces['EntityPath']}"
        found = _BUS.fullmatch(text)
        if found is None or not _ENTITY.fullmatch(found[2]) or "//" in found[2]:
            shown = repr(target) if text == target else "Endpoint=…"
            raise InvalidTarget(
                f"{shown} is not a queue or topic: write "
                "sb://NAMESPACE.servicebus.windows.net/QUEUE_OR_TOPIC"
            )
        return found[1], found[2]

    def open(self, config: ServiceBusConfig) -> BlockingSink:
        """See `SinkType`."""
        from asyncevents_azure.servicebus import ServiceBusSink

        return ServiceBusSink(config)
