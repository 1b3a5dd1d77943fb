"""`python -m tests.browser.screenshots`: pictures of every page, in build/screenshots."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from html import escape
from itertools import product
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.browser.pages import EMPTY, PAGES, SCHEMES, WIDTHS, filled
from tests.browser.world import Visit, World, browsers, visits, worlds

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
                _take(browser, world, state, {name: PAGES[name] for name in names}, places)
    (_BUILD / "index.html").write_text(_index())
    print(f"\n{_BUILD.relative_to(_ROOT)}/index.html")


def _take(
    browser: Browser,
    world: World,
    state: str,
    pages: Mapping[str, str],
    places: Mapping[str, object],
) -> None:
    looks = list(product(SCHEMES, WIDTHS))
    total, taken = len(pages) * len(looks), 0
    for scheme, width in looks:
        viewport = {"width": width, "height": _HEIGHT}
        with visits(browser, world.api.address, color_scheme=scheme, viewport=viewport) as one:
            one.sign_in(world, "all")
            for name, path in pages.items():
                shoot(one, path.format_map(places), _BUILD / f"{name}-{state}-{scheme}-{width}.png")
                taken += 1
                print(f"\r{state}: {taken} of {total}  {name:20}", end="", flush=True)
    print()


def shoot(one: Visit, path: str, file: Path) -> None:
    """Write a picture of a whole page, when all of it is there."""
    one.go(path)
    one.page.wait_for_load_state("networkidle")
    one.page.screenshot(path=file, full_page=True)


def _index() -> str:
    sections = []
    for name in PAGES:
        pictures = "".join(
            f'<figure><a href="{one.name}"><img src="{one.name}" loading="lazy" alt=""></a>'
            f"<figcaption>{escape(one.stem)}</figcaption></figure>"
            for state, scheme, width in product(("filled", "empty"), SCHEMES, reversed(WIDTHS))
            if (one := _BUILD / f"{name}-{state}-{scheme}-{width}.png").exists()
        )
        sections.append(f"<section><h2>{escape(name)}</h2><div>{pictures}</div></section>")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Pages</title>"
        f"<style>{_STYLE}</style>{''.join(sections)}</html>\n"
    )


if __name__ == "__main__":
    main()
