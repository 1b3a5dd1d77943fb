"""The settings module as a frozen value; every mistake is reported at once, with its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs
from attrs import field, frozen, validators
from cryptography.fernet import Fernet

from asyncevents_core.domain.addresses import address_mistakes
from asyncevents_core.domain.allowance import SinkAllowance
from asyncevents_core.domain.backoff import MINUTE, SCHEDULES
from asyncevents_core.domain.event import EVENT_NAME
from asyncevents_core.domain.failing import FailurePolicy
from asyncevents_core.domain.schedule import next_run
from asyncevents_core.domain.user import LONGEST_SESSION, GroupRights
from asyncevents_core.errors import SettingsError, suggestion
from asyncevents_core.ports.sink import SECRET
from asyncevents_core.settings import people
from asyncevents_core.settings.environment import MISSPELT, take_variables
from asyncevents_core.structuring import structure

DEFAULT: Final = "default"


@frozen(kw_only=True)
class EventSetting:
    """One entry of EVENTS; all keys are optional."""

    service: str | None = None
    concurrency: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    resources: tuple[str, ...] = ()
    title: str | None = None
    description: str | None = None
    version: object = field(
        default=None, validator=validators.optional(validators.instance_of((str, int)))
    )
    schema: object = None
    examples: tuple[object, ...] = ()
    deprecated: str | None = None
    sunset: str | None = None


def _url(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if mistake := next(address_mistakes(value), None):
        raise ValueError(mistake)


def _fernet_keys(_: object, attribute: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    for number, key in enumerate(value):
        try:
            Fernet(key)
        except ValueError as error:
            raise ValueError(
                f"[{number}] is not a Fernet key (32 bytes in URL-safe base64). Make one: "
                "python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'"
            ) from error


def _event_names(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, Any]) -> None:
    for name in value:
        if EVENT_NAME.fullmatch(name) is None:
            raise ValueError(f"[{name!r}]: an event's name is 1 to 255 of A-Z a-z 0-9 . _ -")


def _consistent_services(
    _: object, attribute: attrs.Attribute[Any], value: Mapping[str, EventSetting]
) -> None:
    for name, setting in value.items():
        if setting.service is None:
            continue
        module, _colon, attributes = setting.service.partition(":")
        if not module or not attributes:
            raise ValueError(
                f"[{name!r}].service: {setting.service!r} is not package.module:function or "
                "package.module:Class.method"
            )


_SCHEMA: Final = re.compile(r"(?!pg_)[A-Za-z_][A-Za-z0-9_$-]{0,62}")


def _ledger_schema(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if _SCHEMA.fullmatch(value) is None:
        raise ValueError(
            "it is the name of a schema of PostgreSQL: 1 to 63 of the characters A-Z a-z 0-9 _ $ -,"
            " beginning with a letter or _, and not with pg_. Upper and lower case are different"
        )


_PREFIX: Final = re.compile(r"(?!amq\.)[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def _broker_prefix(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value and _PREFIX.fullmatch(value) is None:
        raise ValueError(
            "it is 1 to 64 of the characters A-Z a-z 0-9 . _ : -, begins with a letter or digit, "
            "and not with amq., which RabbitMQ keeps for itself; such as 'shop.'"
        )


_QUEUE: Final = re.compile(r"(?!amq\.|event\.)[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def _publish_queue(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if _QUEUE.fullmatch(value) is None:
        raise ValueError(
            "it is 1 to 100 of the characters A-Z a-z 0-9 . _ : -, begins with a letter or digit, "
            "and neither with amq., which RabbitMQ keeps for itself, nor with event., with which "
            "the queues of asyncevents begin; such as 'shop.publish'"
        )


def host_and_port(address: str) -> tuple[str, int]:
    """Split "127.0.0.1:9464" or "[::1]:9464". Raises ValueError for what is neither."""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"{address!r} is no address such as '127.0.0.1:9464'")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _address(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    host_and_port(value)


def _schedule(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    next_run(value, 0)


def _retries_of_schedule(settings: Settings) -> int:
    # A schedule of another name is complained about by its own validator.
    return SCHEDULES.get(settings.retry_schedule, MINUTE).retries


@frozen(kw_only=True)
class Settings:
    """All settings; the setting LEDGER_URL is the attribute `ledger_url`, and so on.

    Times are seconds. `origins` says where each value comes from: "default", the settings
    module, or an environment variable. `unknown_variables` are those whose names begin like ours,
    but are neither a setting's nor close to one: of a plugin, of Kubernetes, of your own;
    `unknown_names` are such names of the settings module.
    """

    ledger_url: str = field(default="sqlite:///asyncevents.db", validator=_url, repr=False)
    ledger_options: Mapping[str, object] = field(factory=dict, repr=False)
    ledger_schema: str | None = field(default=None, validator=validators.optional(_ledger_schema))
    ledger_in_tests: bool = False
    broker_url: str = field(
        default="sqla+sqlite:///asyncevents-broker.db", validator=_url, repr=False
    )
    broker_queue_type: str = field(
        default="classic", validator=validators.in_(("classic", "quorum"))
    )
    broker_prefix: str = field(default="", validator=_broker_prefix)
    broker_options: Mapping[str, object] = field(factory=dict, repr=False)
    magento_messages_enabled: bool = False
    publish_queue: str | None = field(default=None, validator=validators.optional(_publish_queue))
    source: str = field(default="/asyncevents", validator=validators.min_len(1))
    events: Mapping[str, EventSetting] = field(
        factory=dict, validator=[_event_names, _consistent_services]
    )
    event_modules: tuple[str, ...] = ()
    event_schemas: str | None = field(
        default=None, validator=validators.optional(validators.in_(("off", "warn", "refuse")))
    )
    plugins: tuple[str, ...] = ()
    plugins_blocked: tuple[str, ...] = ()
    secret_keys: tuple[str, ...] = field(
        default=(), validator=_fernet_keys, repr=False, metadata={SECRET: True}
    )
    sinks: Mapping[str, Mapping[str, object]] = field(factory=dict, repr=False)
    tenant_sinks: Mapping[str, Mapping[str, SinkAllowance]] = field(factory=dict)
    service_resolver: str = "import"
    retry_manager: str = "ledger"
    retry_policy: str | None = None
    indexer: str | None = None
    indexers: Mapping[str, Mapping[str, object]] = field(factory=dict, repr=False)
    retry_schedule: str = field(default=MINUTE.name, validator=validators.in_(tuple(SCHEDULES)))
    maximum_deaths: int = field(
        default=attrs.Factory(_retries_of_schedule, takes_self=True), validator=validators.ge(0)
    )
    retry_after_max: float = field(default=3600.0, validator=validators.ge(0))
    probe_after: int = field(default=10, validator=validators.ge(0))
    failing: FailurePolicy = field(factory=FailurePolicy)
    indexing_enabled: bool = True
    indexing_patience: float = field(default=30.0, validator=validators.ge(0))
    search_timeout: float = field(default=10.0, validator=validators.gt(0))
    log_cleanup_enabled: bool = False
    log_lifetime_days: int = field(default=30, validator=validators.ge(1))
    log_cleanup_schedule: str = field(default="0 1 * * *", validator=_schedule)
    eager: bool = False
    max_payload_bytes: int = field(default=262_144, validator=validators.gt(0))
    service_timeout: float = field(default=30.0, validator=validators.gt(0))
    service_threads: int = field(default=8, validator=validators.gt(0))
    service_isolation: str = field(
        default="thread", validator=validators.in_(("thread", "process"))
    )
    sink_deadline: float = field(default=15.0, validator=validators.gt(0))
    permits: int = field(default=200, validator=validators.gt(0))
    permits_per_subscription: int = field(default=1000, validator=validators.gt(0))
    watchdog: float = field(default=30.0, validator=validators.ge(0))
    shutdown_grace: float = field(default=30.0, validator=validators.ge(0))
    metrics: str = field(
        default="off", validator=validators.in_(("off", "prometheus", "opentelemetry"))
    )
    traces: str = field(default="off", validator=validators.in_(("off", "opentelemetry")))
    health_address: str | None = field(default=None, validator=validators.optional(_address))
    web_threads: int = field(default=8, validator=validators.gt(0))
    web_rate_limit: int = field(default=1200, validator=validators.ge(0))
    web_request_timeout: float = field(default=30.0, validator=validators.gt(0))
    web_max_body_bytes: int = field(default=1_048_576, validator=validators.gt(0))
    web_cors_origins: tuple[str, ...] = ()
    web_session_idle: float = field(
        default=28_800.0, validator=[validators.ge(60), validators.le(LONGEST_SESSION)]
    )
    web_proxy_user_header: str | None = field(
        default=None, validator=validators.optional(people.header)
    )
    web_proxy_groups_header: str | None = field(
        default=None, validator=validators.optional(people.header)
    )
    web_proxy_addresses: tuple[str, ...] = field(default=(), validator=people.networks)
    web_groups: Mapping[str, GroupRights] = field(factory=dict, validator=people.groups)
    web_openid: Mapping[str, object] = field(factory=dict, repr=False)
    web_pages: bool = True
    web_mcp: bool = False
    cli_resources: tuple[str, ...] = ("all",)
    origins: Mapping[str, str] = field(factory=dict, repr=False, eq=False)
    unknown_variables: tuple[str, ...] = field(default=(), repr=False, eq=False)
    unknown_names: tuple[str, ...] = field(default=(), repr=False, eq=False)

    @classmethod
    def from_mapping(
        cls,
        values: Mapping[str, object],
        *,
        environ: Mapping[str, str] | None = None,
        origin: str = "the settings",
        others: bool = False,
    ) -> Settings:
        """Return settings from UPPERCASE names, overridden by ``ASYNCEVENTS_…`` variables.

        Raises `SettingsError` with all mistakes; a variable is one if its name is close to a
        setting's. So is a name, if `values` may have `others`; else each that is no setting's.
        """
        problems: list[str] = []
        merged: dict[str, object] = {}
        origins: dict[str, str] = dict.fromkeys(_FIELDS, DEFAULT)
        names: list[str] = []
        for name, value in values.items():
            if name in _FIELDS:
                merged[name] = value
                origins[name] = origin
            elif others and not suggestion(name, _FIELDS, cutoff=MISSPELT):
                names.append(name)
            else:
                problems.append(f"{name}: no such setting{suggestion(name, _FIELDS)}")
        unknown = take_variables(
            environ or {}, _FIELDS, merged=merged, origins=origins, problems=problems
        )
        lowered = {name.lower(): value for name, value in merged.items()}
        settings = structure(cls, lowered, "", problems)
        if settings is not None:
            problems.extend(
                people.proxy_mistakes(
                    settings.web_proxy_user_header,
                    settings.web_proxy_groups_header,
                    settings.web_proxy_addresses,
                )
            )
        if settings is None or problems:
            raise SettingsError(problems, origin=origin)
        return attrs.evolve(
            settings,
            origins=MappingProxyType(origins),
            unknown_variables=unknown,
            unknown_names=tuple(names),
        )


_FIELDS: Final[Mapping[str, attrs.Attribute[Any]]] = MappingProxyType(
    {
        one.name.upper(): one
        for one in attrs.fields(Settings)
        if one.name not in {"origins", "unknown_variables", "unknown_names"}
    }
)
