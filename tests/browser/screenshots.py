"""`python -m tests.browser.screenshots`: pictures of every page, in build/screenshots."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Final

from tests.browser.pages import EMPTY, PAGES, Eyes, filled, opened
from tests.browser.world import Visit, browsers, worlds

_ROOT: Final = Path(__file__).resolve().parents[2]
_BUILD: Final = _ROOT / "build" / "screenshots"
_HEIGHT: Final = 900
_STYLE: Final = (
    "body{font:14px sans-serif;margin:1rem;background:#888}h2{margin:1rem 0 .3rem}"
    "section div{display:flex;gap:.5rem;align-items:flex-start;overflow-x:auto}"
    "figure{margin:0;flex:none}img{display:block;height:24rem;object-fit:cover;object-position:top}"
)


def main() -> None:
    """Take them, and write index.html to look through them."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("--only", default="", help="pages whose name this is found in")
    wanted = parser.parse_args()
    _BUILD.mkdir(parents=True, exist_ok=True)
    with browsers() as browser:
        for state in ("filled", "empty"):
            with tempfile.TemporaryDirectory() as folder, worlds(Path(folder)) as world:
                places = filled(world) if state == "filled" else {}
                names = [name for name in (PAGES if places else EMPTY) if wanted.only in name]
                with opened(browser, world) as eyes:
                    _take(eyes, state, {name: PAGES[name].format_map(places) for name in names})
    (_BUILD / "index.html").write_text(_index())
    print(f"\n{_BUILD.relative_to(_ROOT)}/index.html")


def _take(eyes: Eyes, state: str, paths: Mapping[str, str]) -> None:
    for number, (name, path) in enumerate(paths.items(), 1):
        print(f"\r{state}: {number} of {len(paths)}  {name:20}", end="", flush=True)
        for how, one in eyes.items():
            shoot(one, path, _BUILD / f"{name}-{state}-{how}.png")
    print()


def shoot(one: Visit, path: str, file: Path) -> None:
    """Write a picture of a whole page, when all of it is there."""
    one.go_and_wait(path)
    one.page.screenshot(path=file, full_page=True)


def _index() -> str:
    sections = []
    for name in PAGES:
        pictures = "".join(
            f'<figure><a href="{one.name}"><img src="{one.name}" loading="lazy" alt=""></a>'
            f"<figcaption>{escape(one.stem)}</figcaption></figure>"
            for state in ("filled", "empty")
            for one in sorted(_BUILD.glob(f"{name}-{state}-*.png"), reverse=True)
        )
        sections.append(f"<section><h2>{escape(name)}</h2><div>{pictures}</div></section>")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Pages</title>"
        f"<style>{_STYLE}</style>{''.join(sections)}</html>\n"
    )


if __name__ == "__main__":
    main()
