"""Settings that are mappings of options: SINKS and INDEXERS of plugins, LEDGER_OPTIONS."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any, Final, Generic, Literal, TypeVar, cast, get_args

from attrs import frozen

from asyncevents_core.errors import SettingsError
from asyncevents_core.ports.broker import BrokerOptions
from asyncevents_core.ports.indexer import IndexerType
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.ports.sink import AnySinkType
from asyncevents_core.settings.people import OpenIdOptions
from asyncevents_core.settings.schema import DEFAULT, Settings
from asyncevents_core.structuring import structure

T = TypeVar("T")


_SENTINEL: Final = "sentinel://"
_WITH_TLS: Final = ("amqps://", "rediss://", _SENTINEL)
_CLUSTERS: Final = ("rediscluster", "redisscluster", "redis+cluster", "rediss+cluster")
_WITHOUT_PASSWORD: Final = ("sqla+sqlite", "sqlalchemy+sqlite", "memory:", "filesystem:")

_EMBEDDED: Final = "embedded"
_FILE_BROKERS: Final = ("sqla+sqlite", "sqlalchemy+sqlite")


_SEARCH_LIBRARIES: Final = ("tantivy", "luqum")
_SCHEMA_LIBRARY: Final = "jsonschema_rs"

EventSchemas = Literal["off", "warn", "refuse"]
"""What EVENT_SCHEMAS may be."""


Isolation = Literal["loop", "thread", "process"]
"""Where a sink runs, apart from the worker's event loop."""

TYPE: Final = "type"
ISOLATE: Final = "isolate"
RESERVED: Final = (TYPE, ISOLATE)
"""Keys of SINKS[name] that are not the sink's own."""


@frozen(kw_only=True)
class SinkSetting(Generic[T]):
    """What SINKS says of a sink: its configuration, and where it runs (None: as it is made)."""

    config: T
    isolate: Isolation | None


def sink_setting(settings: Settings, name: str, kind: AnySinkType) -> SinkSetting[Any]:
    """Return what SINKS says of a sink of that kind. Raises `SettingsError`."""
    given = settings.sinks.get(name, {})
    path = f"SINKS[{name!r}]"
    isolate: Any = given.get(ISOLATE)
    if isolate is not None and isolate not in get_args(Isolation):
        known = ", ".join(map(repr, get_args(Isolation)))
        raise SettingsError(
            [f"{path}.{ISOLATE}: must be one of {known}, not {isolate!r}"],
            origin=settings.origins.get("SINKS", "the settings"),
        )
    own = {key: value for key, value in given.items() if key not in RESERVED}
    config = _structured(settings, "SINKS", path, own, kind.config_class)
    return SinkSetting(config=config, isolate=isolate)


def resolved_indexer(settings: Settings) -> str | None:
    """Return the name of the indexer in use; None where nothing is indexed.

    An INDEXER that nobody set stands for `embedded` where the extra `search` is installed, else
    for none; ``INDEXER = None`` is off. `Settings.origins` tells these apart.
    """
    if settings.indexer is not None or settings.origins.get("INDEXER", DEFAULT) != DEFAULT:
        return settings.indexer
    installed = all(importlib.util.find_spec(name) is not None for name in _SEARCH_LIBRARIES)
    return _EMBEDDED if installed else None


def event_schemas(settings: Settings) -> EventSchemas:
    """Return what is done about data that does not match the schema of its event.

    An EVENT_SCHEMAS that nobody set stands for `warn` where the extra `schemas` is installed, else
    for `off`.
    """
    if settings.event_schemas is not None:
        return cast("EventSchemas", settings.event_schemas)
    return "off" if importlib.util.find_spec(_SCHEMA_LIBRARY) is None else "warn"


def may_do_without_broker(settings: Settings) -> bool:
    """Tell whether the broker is of no use for a ledger that tells of its events by itself.

    It is an SQLite file, too, which it takes longer to write and read than to deliver; and no
    messages of others come through it.
    """
    is_file = settings.broker_url.startswith(_FILE_BROKERS)
    return is_file and not settings.magento_messages_enabled


def why_off(settings: Settings) -> str:
    """Say why there is no indexer, and what to do, for one whose `resolved_indexer` is None."""
    if settings.origins.get("INDEXER", DEFAULT) == DEFAULT:
        return "pip install 'asyncevents-core[search]', or name an INDEXER"
    return f"INDEXER is None in {settings.origins['INDEXER']}"


def indexer_config(settings: Settings, kind: IndexerType[T]) -> T:
    """Return the configuration of an indexer from INDEXERS. Raises `SettingsError`."""
    return _configured(settings, "INDEXERS", settings.indexers, kind.name, kind.config_class)


def ledger_options(settings: Settings) -> LedgerOptions:
    """Return the limits of the ledger's connections. Raises `SettingsError`."""
    setting = "LEDGER_OPTIONS"
    return _structured(settings, setting, setting, settings.ledger_options, LedgerOptions)


def broker_options(settings: Settings) -> BrokerOptions:
    """Return the limits of the broker's connections. Raises `SettingsError`."""
    setting = "BROKER_OPTIONS"
    made = _structured(settings, setting, setting, settings.broker_options, BrokerOptions)
    if problems := list(_broker_problems(settings.broker_url, made)):
        raise SettingsError(problems, origin=settings.origins.get(setting, "the settings"))
    return made


def openid_options(settings: Settings) -> OpenIdOptions | None:
    """Return the OpenID provider by which people sign in; None: by none. Raises `SettingsError`."""
    setting = "WEB_OPENID"
    if not settings.web_openid:
        return None
    return _structured(settings, setting, setting, settings.web_openid, OpenIdOptions)


def _broker_problems(url: str, options: BrokerOptions) -> Iterator[str]:
    """Say what does not go with the broker's address."""
    addresses = url.split(";")
    if options.says_tls and not any(one.startswith(_WITH_TLS) for one in addresses):
        yield (
            f"BROKER_OPTIONS: certificates are of use with {' and '.join(_WITH_TLS)} only. A "
            "database as the broker takes them from BROKER_URL, as its driver says"
        )
    if any(one.partition("://")[0] in _CLUSTERS for one in addresses):
        yield (
            "BROKER_URL: kombu has no transport for Redis Cluster: use a single Redis (redis://), "
            "or one with Sentinels (sentinel://)"
        )
    with_sentinels = all(one.startswith(_SENTINEL) for one in addresses)
    if with_sentinels and options.sentinel_master is None:
        yield (
            "BROKER_OPTIONS.sentinel_master: is required with sentinel://, such as 'mymaster': the "
            "name by which the Sentinels know the Redis that writes"
        )
    if options.says_sentinel and not with_sentinels:
        yield (
            "BROKER_OPTIONS: sentinel_… are of use with sentinel:// only: BROKER_URL = "
            "'sentinel://a:26379;sentinel://b:26379'"
        )
    if options.password is not None and url.startswith(_WITHOUT_PASSWORD):
        yield "BROKER_OPTIONS.password: is of no use with this broker, which has no passwords"


def _configured(
    settings: Settings,
    setting: str,
    options: Mapping[str, Mapping[str, object]],
    name: str,
    config_class: type[T],
) -> T:
    path = f"{setting}[{name!r}]"
    return _structured(settings, setting, path, options.get(name, {}), config_class)


def _structured(
    settings: Settings,
    setting: str,
    path: str,
    options: Mapping[str, object],
    config_class: type[T],
) -> T:
    problems: list[str] = []
    config = structure(config_class, options, path, problems)
    if config is None or problems:
        raise SettingsError(problems, origin=settings.origins.get(setting, "the settings"))
    return config
