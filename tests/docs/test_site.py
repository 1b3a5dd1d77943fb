"""The documentation site: it is whole, needs no other host, and shows what a code host shows."""

from __future__ import annotations

import json
import re
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from tests.browser.world import browsers
from tests.conftest import skip_unless_present
from tests.services.needs import CHROMIUM
from tests.site import __main__ as site
from tests.site.checking import broken_links, foreign, navigation, orphans, pages_of
from tests.site.diagrams import diagrams
from tests.site.gathering import GATHERED, ROOT, gather, place_of
from tests.site.markdown import DIAGRAM, links_of, with_links, with_pictures
from tests.site.recording import RECORDING, Moment, Piece, drawn

PAGES = sorted((ROOT / "docs").rglob("*.md"))
SVG = "{http://www.w3.org/2000/svg}"
BLOCKS = ("ul", "ol", "li", "table", "tr", "h1", "h2", "h3", "blockquote", "pre")


@pytest.fixture(scope="session")
def built():
    """Return the site, which is built once; what is wrong with it is told by `mistakes`."""
    mistakes = site.build()
    return site.SITE, mistakes, pages_of(site.SITE)


def test_nothing_is_wrong_with_the_site(built):
    _, mistakes, pages = built
    assert len(pages) > 100
    assert mistakes == []


def test_every_page_is_in_the_navigation():
    assert list(orphans(ROOT, site.CONFIG)) == []


def test_the_navigation_names_pages_that_are_there(built):
    for place in navigation(site.CONFIG):
        assert (GATHERED / place).is_file(), place


def test_titles_in_the_navigation_say_what_a_page_is_for():
    titles = list(navigation(site.CONFIG).values())
    assert [title for title, count in Counter(titles).items() if count > 1] == []
    assert [title for title in titles if len(title) > 42] == []


def test_the_four_kinds_come_in_order():
    kinds = [place.partition("/")[0] for place in navigation(site.CONFIG)]
    order = [kinds.index(kind) for kind in ("tutorials", "how-to", "reference", "explanation")]
    assert order == sorted(order)


def place_in(built_site: Path, page: Path) -> Path:
    place = place_of(page.relative_to(ROOT).as_posix())
    return built_site / Path(place).with_suffix(".html")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_the_site_shows_what_a_code_host_shows(page, built):
    where, _, pages = built
    text = re.sub(r"\A---\n.*?\n---\n", "", page.read_text(), flags=re.DOTALL)
    text = DIAGRAM.sub("![a](b)", with_pictures(text))
    host = Counter(re.findall(r"<(\w+)", MarkdownIt("commonmark").enable("table").render(text)))
    shown = Counter(pages[place_in(where, page)].tags)
    if page.name == "README.md":  # the site adds a list of files
        host.update({"ul": 1, "h2": 1})
        assert shown.pop("li") > host.pop("li", 0)
    assert {tag: shown[tag] for tag in BLOCKS if tag in shown or tag in host} == {
        tag: host[tag] for tag in BLOCKS if tag in shown or tag in host
    }


def test_what_people_look_for_is_found(built):
    where, _, _ = built
    index = json.loads((where / "search.json").read_text())
    found = {
        word: {item["location"].partition("#")[0] for item in index["items"] if word in str(item)}
        for word in ("RETRY_SCHEDULE", "webhook-signature", "LedgerUnavailable", "outbox")
    }
    assert "reference/settings.html" in found["RETRY_SCHEDULE"]
    assert "reference/errors.html" in found["LedgerUnavailable"]
    assert all(found.values())
    everywhere = {item["location"].partition("/")[0] for item in index["items"]}
    assert "source" not in everywhere


@pytest.mark.parametrize("diagram", list(diagrams()), ids=lambda one: one.picture.name)
def test_each_diagram_is_drawn_as_the_page_says_it(diagram):
    assert diagram.picture.is_file(), "make diagrams"
    assert diagram.picture.read_text().startswith(diagram.mark), "make diagrams"


def test_llms_txt_leads_to_markdown(built):
    where, _, _ = built
    links = re.findall(r"\]\(([^)]+)\)", (where / "llms.txt").read_text())
    assert len(links) > 50
    assert [link for link in links if not (where / link).is_file()] == []


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(built):
    where, _, _ = built
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Quiet(*args, directory=str(where)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("served", "scheme"), [(True, "light"), (False, "dark")])
def test_a_browser_asks_no_other_host_and_finds_words(served, scheme, address):
    """From a server, and from a folder."""
    skip_unless_present(CHROMIUM)
    root = address if served else site.SITE.as_uri()
    asked, wrong = [], []
    with browsers() as browser:
        page = browser.new_page(color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        for place in (
            "explanation/architecture.html",
            "explanation/performance.html",
            "source/asyncevents_core/application.py.html",
            "index.html",
        ):
            page.goto(f"{root}/{place}")
            page.wait_for_load_state("networkidle")
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Search").fill("dead letter")
        page.get_by_text(re.compile(r"^\d+ results$")).wait_for()
    elsewhere = [url for url in asked if not url.startswith((root, "data:", "blob:", "about:"))]
    assert elsewhere == []
    assert wrong == []


def test_no_page_is_wider_than_a_phone(address):
    skip_unless_present(CHROMIUM)
    wide = []
    with browsers() as browser:
        page = browser.new_page(viewport={"width": 400, "height": 800})
        for place in navigation(site.CONFIG):
            page.goto(f"{address}/{Path(place).with_suffix('.html')}")
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                wide.append(place)
    assert wide == []


# What the checks themselves find.


def test_links_in_code_are_none():
    text = "[a](b) `[c](d)`\n\n```text\n[e](f)\n```\n\n[`g`](h#i) ![j](k.png)\n"
    assert [link.target for link in links_of(text)] == ["b", "h#i", "k.png"]
    assert with_links(text, str.upper).count("(d)") == 1


@pytest.fixture
def little_site(tmp_path):
    def made(**pages: str) -> Path:
        for name, text in pages.items():
            (tmp_path / f"{name}.html").write_text(text)
        return tmp_path

    return made


@pytest.mark.parametrize(
    ("link", "broken"),
    [("b.html", 0), ("b.html#there", 0), ("b.html#gone", 1), ("c.html", 1), ("#here", 0),
     ("#gone", 1), ("https://example.com/x", 0), ("mailto:a@example.com", 0)],
)  # fmt: skip
def test_broken_links_are_found(little_site, link, broken):
    folder = little_site(a=f'<a id="here" href="{link}">x</a>', b='<h1 id="there">B</h1>')
    assert len(list(broken_links(folder, pages_of(folder)))) == broken


@pytest.mark.parametrize(
    ("text", "count"),
    [('<script src="https://cdn.example.com/a.js"></script>', 1),
     ('<link rel="stylesheet" href="//fonts.example.com/a.css">', 1),
     ('<link rel="preconnect" href="https://fonts.example.com">', 1),
     ('<img src="https://example.com/a.png">', 1),
     ("<style>@import 'https://example.com/a.css';</style>", 1),
     ('<p style="background: url(https://example.com/a.png)">', 1),
     ('<link rel="canonical" href="https://example.com/a">', 0),
     ('<a href="https://example.com/">x</a><img src="a.png">', 0)],
)  # fmt: skip
def test_what_comes_from_elsewhere_is_found(little_site, text, count):
    folder = little_site(a=text)
    assert len(list(foreign(folder, pages_of(folder)))) == count


def test_styles_from_elsewhere_are_found(tmp_path):
    (tmp_path / "a.css").write_text("@font-face{src:url(https://fonts.example.com/a.woff2)}")
    assert list(foreign(tmp_path, {})) == ["a.css: https://fonts.example.com/a.woff2"]


# What is gathered.


@pytest.fixture
def repository(tmp_path):
    def made(**files: str) -> Path:
        for name, text in {"asyncevents_core/web/pages/static/icon.svg": "<svg/>", **files}.items():
            file = tmp_path / "repository" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "repository"

    return made


def test_what_pages_link_to_comes_along(repository, tmp_path):
    root = repository(
        **{
            "README.md": "[docs](docs/how-to/a.md)",
            "docs/how-to/a.md": "[c](../../src/a.py) [f](../../src) [r](../../README.md) `[x](y)`",
            "src/a.py": "A = 1\n```\n",
            "src/sub/b.toml": "b = 1",
            "src/__pycache__/a.pyc": "",
        }
    )
    gather(root, tmp_path / "gathered")
    page = (tmp_path / "gathered/how-to/a.md").read_text()
    assert page == (
        "[c](../source/src/a.py.md) [f](../source/src/index.md) [r](../project/readme.md) `[x](y)`"
    )
    code = (tmp_path / "gathered/source/src/a.py.md").read_text()
    assert "exclude: true" in code
    assert "````python\nA = 1\n```\n````" in code
    folder = (tmp_path / "gathered/source/src/index.md").read_text()
    assert re.findall(r"\(([^)]+)\)", folder) == ["a.py.md", "sub/b.toml.md"]
    assert (tmp_path / "gathered/project/readme.md").read_text() == "[docs](../how-to/a.md)"


def test_what_is_gone_is_gone_and_what_stayed_is_left_alone(repository, tmp_path):
    into = tmp_path / "gathered"
    gather(repository(**{"docs/a.md": "a", "docs/old/b.md": "b"}), into)
    before = (into / "a.md").stat().st_mtime_ns
    (tmp_path / "repository/docs/old/b.md").unlink()
    gather(tmp_path / "repository", into)
    assert not (into / "old").exists()
    assert (into / "a.md").stat().st_mtime_ns == before


# The recording of the demo.


def test_the_recording_is_of_a_demo_in_which_all_was_well():
    text = RECORDING.read_text()
    shown = re.sub(r"<[^>]+>", " ", text)
    for word in ("asyncevents demo", "sales.order.created", "valid", "503", "200", "all well"):
        assert word in shown
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1)", text) == []


def test_a_recording_shows_one_moment_after_the_other():
    one, two = (Piece(column=0, text=text, colour="#fff", bold=False) for text in ("<one>", "two"))
    svg = drawn([Moment(0.0, ((one,), ())), Moment(1.5, ((one,), (two,)))], "a command")
    root = ElementTree.fromstring(svg)
    assert [text for text in root.itertext() if text in {"<one>", "two"}] == ["<one>", "two"]
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") == "m"]
    assert [len(list(group)) for group in groups] == [1, 2]
    assert "prefers-reduced-motion" in svg
