"""`init`, `db`, `completion`: what one does once."""

from __future__ import annotations

import re
from pathlib import Path

import click
from cryptography.fernet import Fernet

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

# Options of the sinks, by name.
SINKS = {{
    "http": {{
        "timeout": 15,
{allow}    }},
}}

# How often a failed delivery is retried before it becomes a dead letter.
MAXIMUM_DEATHS = 5
'''

_ALLOW = """\
        # For development: recipients on this machine may be reached.
        "allow": ["127.0.0.0/8", "::1/128", "localhost"],
"""
_NO_ALLOW = """\
        # Networks and hosts that may be reached although they are not public.
        "allow": [],
"""


@click.command()
@click.argument("name", default="asyncevents_settings")
@click.option("--dev", is_flag=True, help="Allow recipients on this machine.")
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
    text = _TEMPLATE.format(name=name, key=key, allow=_ALLOW if dev else _NO_ALLOW)
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
