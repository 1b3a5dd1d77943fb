"""Hostile texts in a real browser: none of them runs, and the policy has nothing to refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Dialog

from tests.browser.world import Visit, World
from tests.web import hostile
from tests.web.hostile import PARAMETERS, PAYLOADS, PLAIN_PAGES

DOWNLOADS = {path for path in PARAMETERS if path.endswith(".csv")}
EXPECTED = (
    "Failed to load resource: the server responded with a status of 4",
    "does not conform to the required format",
    "Password forms should have",
)
"""What the console says of pages that refuse what was asked for, of a date that is none, and of a
field for a secret that signs nobody in."""


@pytest.fixture(scope="module")
def places(world: World) -> Mapping[str, object]:
    return hostile.hacked(world.api, PAYLOADS)


def test_nothing_of_it_runs(
    world: World, places: Mapping[str, object], visit: Callable[..., Visit]
) -> None:
    one = visit()
    dialogs: list[str] = []

    def asked(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    one.page.on("dialog", asked)
    text, _ = hostile.session(world.api, PAYLOADS[3])
    session = {"name": "asyncevents_session", "value": text, "url": world.admin}
    paths = [one for one in (*PARAMETERS, *PLAIN_PAGES) if one not in DOWNLOADS]
    for number, path in enumerate(paths):
        payload = PAYLOADS[number % len(PAYLOADS)]
        notice = {
            "name": "asyncevents_notice",
            "value": hostile.notice(payload),
            "url": world.admin,
        }
        one.context.add_cookies([session, notice])
        for name in ("", *PARAMETERS.get(path, ())):
            query = f"?{urlencode({name: payload})}" if name else ""
            one.go(path.format_map(places) + query)
            one.page.wait_for_load_state("load" if name else "networkidle")
            assert one.page.evaluate("typeof window.hacked") == "undefined", (path, name)
    one.problems[:] = [
        each for each in one.problems if not any(words in each for words in EXPECTED)
    ]
    assert dialogs == []
    assert one.problems == []
