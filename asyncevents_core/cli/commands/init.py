"""`init`: a settings module to begin with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import attrs
import click
from cryptography.fernet import Fernet

from asyncevents_core.adapters import builtins
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.ports.sink import DEVELOPMENT

_MODULE = re.compile(r"[A-Za-z_]\w*")

_TEMPLATE = '''\
"""Settings of asyncevents.

Point ASYNCEVENTS_SETTINGS_MODULE={name} at this module. An environment variable such as
ASYNCEVENTS_BROKER_URL overrides the setting of that name.
"""

# The ledger: the database of events, subscriptions, deliveries and attempts.
# Your application's own database lets publish() join its transactions.
LEDGER_URL = "sqlite:///asyncevents.db"

# The broker only carries ids to the workers: any URL that kombu knows.
BROKER_URL = "sqla+sqlite:///asyncevents-broker.db"

# Who sends: the CloudEvents source of all events.
SOURCE = "/my-application"

# What can be published. All keys are optional: "service" names the function or method that
# turns the published arguments into the payload; without one the published data is sent.
EVENTS = {{
    "example.created": {{"title": "Something was created"}},
    # "sales.order.created": {{
    #     "service": "shop.orders:OrderRepository.get",
    #     "resources": ["sales"],
    #     "title": "An order was placed",
    # }},
}}

# Modules whose functions are marked with @event("name").
EVENT_MODULES: list[str] = []

# Keys that encrypt secrets in the ledger, newest first. Keep this one to yourself: better in
# the environment (ASYNCEVENTS_SECRET_KEYS) than in version control.
SECRET_KEYS = ["{key}"]

# Options of the sinks, by name. `asyncevents plugins` lists the sinks that are installed.
SINKS: dict[str, dict[str, object]] = {sinks}

# When a failed delivery is tried again before it becomes a dead letter: "minute" (5 retries in 55
# seconds, to watch it while you develop), or "days" (14 retries in three days, for production).
RETRY_SCHEDULE = "minute"
'''


@click.command()
@click.argument("name", default="asyncevents_settings")
@click.option("--dev", is_flag=True, help="Add what sinks need for development.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def init(name: str, dev: bool, force: bool) -> None:
    """Write a settings module with a fresh secret key.

    NAME is the module's, by default asyncevents_settings; its file is made in this folder.

    \b
    Example:
      asyncevents init --dev
    """
    if _MODULE.fullmatch(name) is None:
        raise click.BadParameter(f"{name!r} is no module name", param_hint="NAME")
    path = Path(f"{name}.py")
    if path.exists() and not force:
        raise click.ClickException(f"{path} is there already; --force overwrites it")
    key = Fernet.generate_key().decode()
    text = _TEMPLATE.format(name=name, key=key, sinks=_for_development() if dev else "{}")
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)  # it may have been there, readable by others
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    click.echo(f"wrote {path}. Next:")
    click.echo(f"  export ASYNCEVENTS_SETTINGS_MODULE={name}")
    click.echo("  asyncevents db upgrade")
    click.echo("  asyncevents check")


def _for_development() -> str:
    """Return what SINKS is while one develops, as the installed sinks say: Python source."""
    lines = ["{"]
    for entry in load_plugins([builtins]).sinks:
        fields = attrs.fields(entry.value.config_class)
        chosen = [one for one in fields if DEVELOPMENT in one.metadata]
        if chosen:
            lines += [f"    {_source(entry.name)}: {{", "        # For development only."]
            for one in chosen:
                value = _source(one.metadata[DEVELOPMENT])
                lines.append(f"        {_source(one.name)}: {value},")
            lines.append("    },")
    return "\n".join([*lines, "}"]) if len(lines) > 1 else "{}"


def _source(value: object) -> str:
    """Return a value as Python source, with the quotes of the template."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_source, value))}]"
    return repr(value)
