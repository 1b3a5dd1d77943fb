"""`python -m tests.browser.screenshots`: pictures of every page, in build/screenshots.

With `--docs` those that the pages of docs/ show, made anew where they are.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Final

from PIL import Image

from tests.browser.pages import EMPTY, PAGES, Eyes, filled, opened
from tests.browser.shop import ORDER, SETTINGS, open_shop
from tests.browser.world import Visit, browsers, visits, worlds

_ROOT: Final = Path(__file__).resolve().parents[2]
_BUILD: Final = _ROOT / "build" / "screenshots"
_DOCS: Final = _ROOT / "docs" / "how-to" / "pages"
_DOCS_WIDTH: Final = 1200
_HEIGHT: Final = 900
_COLOURS: Final = 255
"""Of a picture in docs/, so that it is small."""
DOCUMENTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dashboard": "/",
        "log": f"/logs?search=data.data.increment_id:{ORDER}",
        "dead-letters": "/dead-letters",
    }
)
"""The pages that docs/ shows, beside the trace of order 42."""
_STYLE: Final = (
    "body{font:14px sans-serif;margin:1rem;background:#888}h2{margin:1rem 0 .3rem}"
    "section div{display:flex;gap:.5rem;align-items:flex-start;overflow-x:auto}"
    "figure{margin:0;flex:none}img{display:block;height:24rem;object-fit:cover;object-position:top}"
)


def main() -> None:
    """Take them, and write index.html to look through them."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("--only", default="", help="pages whose name this is found in")
    parser.add_argument("--docs", action="store_true", help="those that the documentation shows")
    wanted = parser.parse_args()
    if wanted.docs:
        _document()
        return
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
            _shoot(one, path, _BUILD / f"{name}-{state}-{how}.png")
    print()


def _document() -> None:
    """Write the pictures of docs/: of a shop, as somebody on support sees it, in light and dark."""
    _DOCS.mkdir(parents=True, exist_ok=True)
    with (
        browsers() as browser,
        tempfile.TemporaryDirectory() as folder,
        worlds(Path(folder), **SETTINGS) as world,
    ):
        trace = open_shop(world)
        paths = {**DOCUMENTED, "trace": f"/traces/{trace}"}
        user = world.api.user("logs", "view", "get", name="ann")
        for look, suffix in (("light", ""), ("dark", "-dark")):
            options = {
                "viewport": {"width": _DOCS_WIDTH, "height": _HEIGHT},
                "color_scheme": look,
            }
            with visits(browser, world.api.address, **options) as one:
                one.go("/")
                one.enter(user)
                for name, path in paths.items():
                    _document_page(one, path, _DOCS / f"{name}{suffix}.png")


def _document_page(one: Visit, path: str, file: Path) -> None:
    """Write a picture of what a page shows first, in few colours."""
    one.go_and_wait(path)
    one.page.screenshot(path=file)
    with Image.open(file) as picture:
        few = picture.convert("RGB").quantize(_COLOURS, Image.Quantize.MAXCOVERAGE)
    few.save(file, optimize=True)
    print(f"{file.relative_to(_ROOT)}: {file.stat().st_size // 1000} kB")


def _shoot(one: Visit, path: str, file: Path) -> None:
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
