"""Gathers what the site is made of: build/docs, from docs/ and everything that its pages link to.

A page of docs/ stands at the same place in the site. A file that pages link to, and that is no page
of docs/, comes along: Markdown as a page, anything else as a page that shows its text. So each link
leads somewhere, without a code host.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from attrs import define, field

from tests.site.markdown import with_diagrams, with_links, with_pictures

ROOT: Final = Path(__file__).resolve().parents[2]
GATHERED: Final = ROOT / "build" / "docs"
_ASSETS: Final = frozenset({".svg", ".png", ".css", ".js", ".txt"})
"""What is copied as it is, if it is in docs/."""
_LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".cfg": "ini",
        ".html": "jinja",
        ".js": "javascript",
        ".json": "json",
        ".pml": "promela",
        ".py": "python",
        ".service": "ini",
        ".sh": "bash",
        ".toml": "toml",
        ".yaml": "yaml",
        ".yml": "yaml",
    }
)
_PROJECT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "README.md": "project/readme.md",
        "CHANGELOG.md": "project/changelog.md",
        "CONTRIBUTING.md": "project/contributing.md",
        "SECURITY.md": "project/security-policy.md",
        "CODE_OF_CONDUCT.md": "project/code-of-conduct.md",
    }
)
"""Pages beside docs/, and where they are in the site."""
_ALWAYS: Final = ("docs/**/*.md", "plugins/*/README.md", *_PROJECT)
_ICON: Final = "asyncevents_core/web/pages/static/icon.svg"
_UNSEEN: Final = frozenset({"__pycache__", "build", "dist", ".git", ".venv"})
_LARGEST: Final = 200_000
"""Bytes of a file that is shown as a page."""
_NOT_SEARCHED: Final = "---\nsearch:\n  exclude: true\n---\n\n"


def gather(root: Path = ROOT, into: Path = GATHERED) -> None:
    """Make the folder that the site is built from anew.

    Files that have not changed are not touched, so that whoever watches the folder sees what has.
    """
    gathering = _Gathering(root)
    gathering.run()
    for path, content in gathering.files.items():
        target = into / path
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for old in sorted(into.rglob("*"), reverse=True):
        if old.is_file() and old.relative_to(into).as_posix() not in gathering.files:
            old.unlink()
        elif old.is_dir() and not any(old.iterdir()):
            old.rmdir()


def copy_markdown(gathered: Path, site: Path) -> None:
    """Put the Markdown of pages beside what was made of it, for who reads llms.txt."""
    for page in gathered.rglob("*.md"):
        place = page.relative_to(gathered)
        if not page.read_text().startswith(_NOT_SEARCHED):
            shutil.copyfile(page, site / place)


def place_of(path: str, *, folder: bool = False) -> str:
    """Return where a file of the repository is in the site, before it is built."""
    if path in _PROJECT:
        return _PROJECT[path]
    place = PurePosixPath(path)
    if place.parts[0] == "docs":
        place = PurePosixPath(*place.parts[1:])
    elif place.parts[0] != "plugins" or place.name != "README.md":
        place = PurePosixPath("source", place)
    if folder:
        return str(place / "index.md")
    if place.name == "README.md":
        return str(place.with_name("index.md"))
    return str(place) if place.suffix in {".md", *_ASSETS} else f"{place}.md"


@define
class _Gathering:
    """What was gathered of a repository. `files` are those of the site, by their places."""

    root: Path
    files: dict[str, bytes] = field(factory=dict)
    _waiting: list[str] = field(factory=list)

    def run(self) -> None:
        for pattern in _ALWAYS:
            for path in sorted(self.root.glob(pattern)):
                self._want(path.relative_to(self.root).as_posix())
        for path in sorted((self.root / "docs").rglob("*")):
            if path.suffix in _ASSETS and _UNSEEN.isdisjoint(path.parts):
                name = path.relative_to(self.root).as_posix()
                self.files[place_of(name)] = path.read_bytes()
        self.files["icon.svg"] = (self.root / _ICON).read_bytes()
        while self._waiting:
            path = self._waiting.pop()
            self.files[self._place(path)] = self._page(path).encode()

    def _place(self, path: str) -> str:
        return place_of(path, folder=(self.root / path).is_dir())

    def _want(self, path: str) -> str:
        """Return where a file or a folder will be, and see to it that it will be there."""
        if (self.root / path).is_dir() and (self.root / path / "README.md").is_file():
            path = f"{path}/README.md"
        place = self._place(path)
        if place not in self.files:
            # Nothing yet; a page may link to itself.
            self.files[place] = b""
            self._waiting.append(path)
        return place

    def _page(self, path: str) -> str:
        file = self.root / path
        if file.is_dir():
            return f"{_NOT_SEARCHED}# `{path}`\n\n{self._listing(path, self._place(path))}"
        if file.suffix != ".md":
            return _NOT_SEARCHED + self._shown(path)
        text = with_diagrams(with_pictures(file.read_text()), file.stem)
        text = with_links(text, lambda target: self._target(path, target))
        folder = PurePosixPath(path).parent
        if file.name == "README.md" and folder.name and folder.parent.name != "plugins":
            text += f"\n## Files\n\n{self._listing(str(folder), self._place(path))}"
        return text

    def _target(self, page: str, target: str) -> str:
        """Return what a link of a page has to say in the site; make sure that it is there."""
        name, mark, anchor = target.partition("#")
        if not name or ":" in name:
            return target
        path = os.path.normpath(PurePosixPath(page).parent / name)
        file = self.root / path
        if path.startswith("..") or not file.exists():
            # What is wrong stays wrong, and is found when the site is built.
            return target
        if file.is_file() and file.suffix in _ASSETS:
            place = place_of(path)
            self.files.setdefault(place, file.read_bytes())
        else:
            place = self._want(path)
        return self._relative(self._place(page), place) + mark + anchor

    def _relative(self, page: str, place: str) -> str:
        return os.path.relpath(place, PurePosixPath(page).parent)

    def _listing(self, folder: str, page: str) -> str:
        """Return a list of the files in a folder and in those below it, as links from a page."""
        lines = []
        for file in _files_of(self.root / folder):
            path = file.relative_to(self.root).as_posix()
            name = file.relative_to(self.root / folder).as_posix()
            lines.append(f"* [`{name}`]({self._relative(page, self._want(path))})")
        return "\n".join(lines) + "\n"

    def _shown(self, path: str) -> str:
        """Return a page that shows the text of a file."""
        file = self.root / path
        language = _LANGUAGES.get(file.suffix, "text")
        text = file.read_text(errors="replace")
        if len(text) > _LARGEST:
            text = f"{text[:_LARGEST]}\n…\n"
        fence = "`" * 3
        while fence in text:
            fence += "`"
        return f"# `{file.name}`\n\n`{path}`\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _files_of(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in _UNSEEN for part in parts)
        if file.is_file() and not hidden and _is_text(file):
            yield file


def _is_text(file: Path) -> bool:
    """Tell whether a file can be shown: it has text in it, and is no picture."""
    content = file.read_bytes()
    return bool(content.strip()) and b"\0" not in content and file.suffix not in {".png", ".svg"}
