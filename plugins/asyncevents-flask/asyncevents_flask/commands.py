"""`flask asyncevents …`: the command line of asyncevents, with the application loaded."""

from __future__ import annotations

import os
import sys

import click
from flask.cli import ScriptInfo, with_appcontext

from asyncevents_flask.bridge import MODULE


@click.command(
    "asyncevents",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Any command of asyncevents: worker, status, logs, trace, replay, …",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
@with_appcontext
def asyncevents(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Hand the arguments to the command line of asyncevents."""
    from asyncevents_core.cli import main

    # Workers may be programs of their own, which have to find the application.
    info = context.find_object(ScriptInfo)
    if info is not None and info.app_import_path:
        os.environ["FLASK_APP"] = info.app_import_path
    paths = [sys.path[0] or os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    main(["--settings", MODULE, *arguments], within=context.command_path)
