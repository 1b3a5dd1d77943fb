"""The pages about the sink say what it has, and what they show works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import fields

from asyncevents_celery.config import CeleryConfig, CeleryOptions
from asyncevents_celery.plugin import CelerySinkType
from asyncevents_core import Settings
from task_queues import make_config

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs/reference/celery.md").read_text()
PAGES = (
    "docs/reference/celery.md",
    "docs/how-to/move-from-celery.md",
    "plugins/asyncevents-celery/README.md",
)
KIND = CelerySinkType()


def section(title: str) -> str:
    return REFERENCE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> dict[str, str]:
    """Return the defaults of a section's table of options, by name."""
    table = section(title).partition("\n| option |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", table, re.MULTILINE))


def defaults(cls: type) -> dict[str, str]:
    made = cls()
    return {one.name: str(getattr(made, one.name)) for one in fields(cls)}


def test_every_option_is_there():
    assert rows("Configuration") == defaults(CeleryConfig)
    assert rows("Options of a subscription") == defaults(CeleryOptions)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_shown_can_be_subscribed(page):
    text = (ROOT / page).read_text()
    settings: dict[str, dict[str, dict[str, dict[str, object]]]] = {}
    (block,) = re.findall(r"^SINKS = \{$.*?^\}$", text, re.DOTALL | re.MULTILINE)
    exec(block, settings)
    Settings.from_mapping({"SINKS": settings["SINKS"]})
    config = make_config(**settings["SINKS"]["celery"]["apps"])
    shown = re.findall(r"asyncevents subscribe .*? (celery://\S+) --sink celery(.*)", text)
    assert shown
    for target, rest in shown:
        KIND.validate_target(target, config)
        options = CeleryOptions(**dict(re.findall(r"--option (\w+)=(\w+)", rest)))
        KIND.validate_options(options, target, config)
