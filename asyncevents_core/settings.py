"""The settings module as a frozen value; every mistake is reported at once, with its path."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen, validators
from cryptography.fernet import Fernet

from asyncevents_core.domain.event import EVENT_NAME
from asyncevents_core.domain.schedule import next_run
from asyncevents_core.errors import SettingsError, suggestion
from asyncevents_core.ports.indexer import IndexerType
from asyncevents_core.ports.sink import SECRET, SinkType
from asyncevents_core.structuring import read_text, structure

T = TypeVar("T")

MODULE_VARIABLE: Final = "ASYNCEVENTS_SETTINGS_MODULE"
_PREFIX: Final = "ASYNCEVENTS_"
_MISSPELT: Final = 0.8
"""The part of its letters that a name shares with a setting's, in order, to be taken for it.

LEDGERURL shares 95 %, MAX_DEATHS 83 %. BROKER_PORT, as Kubernetes calls it in every pod if a
Service has the name asyncevents-broker, shares 76 % with BROKER_URL, and is not meant for us.
"""
DEFAULT: Final = "default"
_EMBEDDED: Final = "embedded"
_SEARCH_LIBRARIES: Final = ("tantivy", "luqum")


@frozen(kw_only=True)
class EventSetting:
    """One entry of EVENTS; all keys are optional."""

    service: str | None = None
    resources: tuple[str, ...] = ()
    title: str | None = None


def _url(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if "://" not in value or not urlsplit(value).scheme:
        # Not shown: it may hold a password.
        raise ValueError("is not a URL: it has no scheme, such as postgresql:// or amqp://")


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


def _schedule(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    next_run(value, 0)


@frozen(kw_only=True)
class Settings:
    """All settings; the setting LEDGER_URL is the attribute `ledger_url`, and so on.

    Times are seconds. `origins` says where each value comes from: "default", the settings
    module, or an environment variable. `unknown_variables` are those whose names begin like ours,
    but are neither a setting's nor close to one: of a plugin, of Kubernetes, of your own.
    """

    ledger_url: str = field(default="sqlite:///asyncevents.db", validator=_url, repr=False)
    broker_url: str = field(
        default="sqla+sqlite:///asyncevents-broker.db", validator=_url, repr=False
    )
    broker_queue_type: str = field(
        default="classic", validator=validators.in_(("classic", "quorum"))
    )
    source: str = field(default="/asyncevents", validator=validators.min_len(1))
    events: Mapping[str, EventSetting] = field(
        factory=dict, validator=[_event_names, _consistent_services]
    )
    event_modules: tuple[str, ...] = ()
    secret_keys: tuple[str, ...] = field(
        default=(), validator=_fernet_keys, repr=False, metadata={SECRET: True}
    )
    sinks: Mapping[str, Mapping[str, object]] = field(factory=dict, repr=False)
    service_resolver: str = "import"
    retry_manager: str = "ledger"
    indexer: str | None = None
    indexers: Mapping[str, Mapping[str, object]] = field(factory=dict, repr=False)
    maximum_deaths: int = field(default=5, validator=validators.ge(0))
    retry_after_max: float = field(default=3600.0, validator=validators.ge(0))
    indexing_enabled: bool = True
    search_timeout: float = field(default=10.0, validator=validators.gt(0))
    log_cleanup_enabled: bool = False
    log_lifetime_days: int = field(default=30, validator=validators.ge(1))
    log_cleanup_schedule: str = field(default="0 1 * * *", validator=_schedule)
    eager: bool = False
    max_payload_bytes: int = field(default=262_144, validator=validators.gt(0))
    service_timeout: float = field(default=30.0, validator=validators.gt(0))
    service_threads: int = field(default=8, validator=validators.gt(0))
    sink_deadline: float = field(default=15.0, validator=validators.gt(0))
    permits: int = field(default=200, validator=validators.gt(0))
    permits_per_subscription: int = field(default=1000, validator=validators.gt(0))
    shutdown_grace: float = field(default=30.0, validator=validators.ge(0))
    web_threads: int = field(default=8, validator=validators.gt(0))
    web_rate_limit: int = field(default=1200, validator=validators.ge(0))
    web_max_body_bytes: int = field(default=1_048_576, validator=validators.gt(0))
    web_cors_origins: tuple[str, ...] = ()
    cli_resources: tuple[str, ...] = ("all",)
    origins: Mapping[str, str] = field(factory=dict, repr=False, eq=False)
    unknown_variables: tuple[str, ...] = field(default=(), repr=False, eq=False)

    @classmethod
    def from_mapping(
        cls,
        values: Mapping[str, object],
        *,
        environ: Mapping[str, str] | None = None,
        origin: str = "the settings",
    ) -> Settings:
        """Return settings from UPPERCASE names, overridden by ``ASYNCEVENTS_…`` variables.

        Raises `SettingsError` with all mistakes; a variable is one if its name is close to a
        setting's.
        """
        problems: list[str] = []
        merged: dict[str, object] = {}
        origins: dict[str, str] = dict.fromkeys(_FIELDS, DEFAULT)
        for name, value in values.items():
            if name in _FIELDS:
                merged[name] = value
                origins[name] = origin
            else:
                problems.append(f"{name}: no such setting{suggestion(name, _FIELDS)}")
        unknown = _override(merged, origins, problems, environ or {})
        settings = _structure_all(cls, merged, problems)
        if problems:
            raise SettingsError(problems, origin=origin)
        return attrs.evolve(settings, origins=MappingProxyType(origins), unknown_variables=unknown)


_FIELDS: Final[Mapping[str, attrs.Attribute[Any]]] = MappingProxyType(
    {
        one.name.upper(): one
        for one in attrs.fields(Settings)
        if one.name not in {"origins", "unknown_variables"}
    }
)


def load_settings(
    source: str | Mapping[str, object] | Settings | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of a module by its name, of a mapping, or as they are.

    None stands for the module that ASYNCEVENTS_SETTINGS_MODULE names. The current folder is
    put on the import path, as ``python -m`` does, so that a module beside you is found.
    Raises `SettingsError`.
    """
    environ = os.environ if environ is None else environ
    if isinstance(source, Settings):
        return source
    if source is not None and not isinstance(source, str):
        return Settings.from_mapping(source, environ=environ)
    name = source or environ.get(MODULE_VARIABLE)
    if not name:
        raise SettingsError(
            [
                f"{MODULE_VARIABLE} is not set. `asyncevents init` writes a settings module; then: "
                f"export {MODULE_VARIABLE}=asyncevents_settings (or pass --settings)"
            ],
            origin="the environment",
        )
    values = _module_values(name)
    return Settings.from_mapping(values, environ=environ, origin=f"settings module {name}")


def sink_config(settings: Settings, kind: SinkType[T]) -> T:
    """Return the configuration of a sink from SINKS. Raises `SettingsError`."""
    return _configured(settings, "SINKS", settings.sinks, kind.name, kind.config_class)


def resolved_indexer(settings: Settings) -> str | None:
    """Return the name of the indexer in use; None where nothing is indexed.

    An INDEXER that nobody set stands for `embedded` where the extra `search` is installed, else
    for none; ``INDEXER = None`` is off. `Settings.origins` tells these apart.
    """
    if settings.indexer is not None or settings.origins.get("INDEXER", DEFAULT) != DEFAULT:
        return settings.indexer
    installed = all(importlib.util.find_spec(name) is not None for name in _SEARCH_LIBRARIES)
    return _EMBEDDED if installed else None


def why_off(settings: Settings) -> str:
    """Say why there is no indexer, and what to do, for one whose `resolved_indexer` is None."""
    if settings.origins.get("INDEXER", DEFAULT) == DEFAULT:
        return "pip install 'asyncevents-core[search]', or name an INDEXER"
    return f"INDEXER is None in {settings.origins['INDEXER']}"


def indexer_config(settings: Settings, kind: IndexerType[T]) -> T:
    """Return the configuration of an indexer from INDEXERS. Raises `SettingsError`."""
    return _configured(settings, "INDEXERS", settings.indexers, kind.name, kind.config_class)


def _configured(
    settings: Settings,
    setting: str,
    options: Mapping[str, Mapping[str, object]],
    name: str,
    config_class: type[T],
) -> T:
    problems: list[str] = []
    path = f"{setting}[{name!r}]"
    config = structure(config_class, options.get(name, {}), path, problems)
    if problems:
        raise SettingsError(problems, origin=settings.origins.get(setting, "the settings"))
    return config


def _module_values(name: str) -> dict[str, object]:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise SettingsError([f"it fails at import: {error}"], origin=name) from error
        raise SettingsError(
            [
                f"there is no module {name!r} in {here} or on the import path. `asyncevents init` "
                f"writes one; {MODULE_VARIABLE} or --settings names it"
            ],
            origin="the environment",
        ) from error
    except Exception as error:
        raise SettingsError(
            [f"it fails at import: {type(error).__name__}: {error}"], origin=name
        ) from error
    return {key: value for key, value in vars(module).items() if key.isupper() and key[0] != "_"}


def _override(
    merged: dict[str, object],
    origins: dict[str, str],
    problems: list[str],
    environ: Mapping[str, str],
) -> tuple[str, ...]:
    """Take values from the environment; return the variables that are none of ours."""
    unknown: list[str] = []
    for variable, text in sorted(environ.items()):
        if not variable.startswith(_PREFIX) or variable == MODULE_VARIABLE:
            continue
        name, *nested = variable.removeprefix(_PREFIX).split("__")
        if name not in _FIELDS:
            close = suggestion(name.upper(), _FIELDS, cutoff=_MISSPELT)
            if close:
                problems.append(f"environment variable {variable}: no setting {name}{close}")
            else:
                unknown.append(variable)
            continue
        try:
            _put(merged, name, [part.lower() for part in nested], text)
        except ValueError as error:
            problems.append(f"environment variable {variable}: {error}")
            continue
        origins[name] = f"environment variable {variable}"
    return tuple(unknown)


def _put(merged: dict[str, object], name: str, nested: list[str], text: str) -> None:
    if not nested:
        merged[name] = read_text(_FIELDS[name].type, text)
        return
    outer = merged.get(name, {})
    if not isinstance(outer, Mapping):
        raise ValueError(f"{name} is not a mapping")
    root = inner = dict(outer)
    for part in nested[:-1]:
        key = _key(inner, part)
        below = inner.get(key, {})
        inner[key] = inner = dict(below) if isinstance(below, Mapping) else {}
    inner[_key(inner, nested[-1])] = _guess(text)
    merged[name] = root


def _key(mapping: Mapping[str, object], part: str) -> str:
    return next((key for key in mapping if key.lower() == part), part)


def _guess(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _structure_all(cls: type[T], merged: Mapping[str, object], problems: list[str]) -> T:
    lowered = {name.lower(): value for name, value in merged.items()}
    return structure(cls, lowered, "", problems)
