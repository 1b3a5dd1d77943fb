"""`python -m tests.site.diagrams`: draws the diagrams of the pages, as pictures for the site.

The pages have them as text, which code hosts draw. The site shows pictures in `diagrams` beside
each page, for light and dark, so that it needs no library to show them. Each picture says of which
text it is, and a test finds those that are old. Mermaid draws them, in Chromium; npm fetches it.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen
from playwright.sync_api import Page, sync_playwright

from tests.services.needs import CHROMIUM, find_program
from tests.site.markdown import DIAGRAM

_ROOT: Final = Path(__file__).resolve().parents[2]
_MERMAID: Final = "mermaid@11"
_THEMES: Final = {"light": ("neutral", "#ffffff"), "dark": ("dark", "#0a0b0f")}
"""Mermaid's theme, and the page behind: no line goes through a label."""
_LONGEST: Final = 300.0


@frozen
class Diagram:
    """One in a page: its text, and the picture of it for light or dark."""

    text: str
    look: str
    picture: Path

    @property
    def mark(self) -> str:
        """What the picture begins with, if it is of this text."""
        return f"<!-- {hashlib.sha256(self.text.encode()).hexdigest()} -->\n"


def diagrams() -> Iterator[Diagram]:
    """Yield the diagrams of all pages, each twice."""
    for page in sorted((_ROOT / "docs").rglob("*.md")):
        for number, text in enumerate(DIAGRAM.findall(page.read_text()), 1):
            for look in _THEMES:
                name = f"{page.stem}-{number}-{look}.svg"
                yield Diagram(text, look, page.parent / "diagrams" / name)


def main() -> None:
    """Draw all of them anew."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        subprocess.run(
            ["npm", "install", "--silent", "--prefix", folder, _MERMAID],
            check=True,
            timeout=_LONGEST,
        )
        script = Path(folder, "node_modules/mermaid/dist/mermaid.min.js")
        browser = playwright.chromium.launch(
            executable_path=find_program(CHROMIUM.programs[0]), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.add_script_tag(path=script)
        for number, one in enumerate(diagrams()):
            one.picture.parent.mkdir(exist_ok=True)
            one.picture.write_text(one.mark + _draw(page, one, number) + "\n")
            print(one.picture.relative_to(_ROOT))
        browser.close()


def _draw(page: Page, one: Diagram, number: int) -> str:
    """Return the SVG of a diagram, with labels that need no HTML."""
    drawn: str = page.evaluate(
        """async ([text, theme, paper, id]) => {
            mermaid.initialize({
                startOnLoad: false, theme, htmlLabels: false, deterministicIds: true,
                themeCSS: `.edgeLabel rect { fill: ${paper} !important; opacity: 1 !important; }`,
                fontFamily: "system-ui, sans-serif",
            });
            const { svg } = await mermaid.render(id, text);
            const holder = document.createElement("div");
            holder.innerHTML = svg;
            const root = holder.firstElementChild;
            const [, , width, height] = root.getAttribute("viewBox").split(" ");
            root.setAttribute("width", width);
            root.setAttribute("height", height);
            return new XMLSerializer().serializeToString(root);
        }""",
        [one.text, *_THEMES[one.look], f"diagram-{number}"],
    )
    return drawn


if __name__ == "__main__":
    main()
