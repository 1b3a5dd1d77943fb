"""184 real webhook payloads: each query beside the same question put in plain Python."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.search.documents import attempt
from tests.search.engines import ENGINES, filled, hits

CORPUS: Final = Path(__file__).parents[3] / "shared" / "data" / "github-events.jsonl"
FAILED_EVERY: Final = 3

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here"),
]


class Event:
    """One line of the corpus; every third attempt failed."""

    def __init__(self, number: int, name: str, data: Any) -> None:
        self.number = number
        self.name = name
        self.data = data
        self.success = number % FAILED_EVERY != 0

    def at(self, path: str) -> list[Any]:
        """Return the values at a path, through arrays."""
        found = [self.data]
        for key in path.split("."):
            found = [one[key] for one in flat(found) if isinstance(one, dict) and key in one]
        return [one for one in flat(found) if one is not None]

    def everything(self) -> Iterator[Any]:
        """Yield all values, and the name."""
        yield self.name
        yield from below(self.data)

    def texts(self) -> Iterator[str]:
        return (one for one in self.everything() if isinstance(one, str))

    def has_word(self, word: str) -> bool:
        return any(word in words(one) for one in self.texts())


def flat(values: Any) -> Iterator[Any]:
    for one in values:
        if isinstance(one, list):
            yield from flat(one)
        else:
            yield one


def below(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for one in value.values():
            yield from below(one)
    elif isinstance(value, list):
        for one in value:
            yield from below(one)
    elif value is not None:
        yield value


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def adjacent(text: str, *wanted: str) -> bool:
    return f" {' '.join(wanted)} " in f" {' '.join(words(text))} "


def moment(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    return datetime.fromisoformat(text)


def dated(event: Event, path: str, since: str, until: str) -> bool:
    start, end = (datetime.fromisoformat(f"{one}T00:00:00+00:00") for one in (since, until))
    moments = [moment(one) for one in event.at(path)]
    return any(one is not None and start <= one < end for one in moments)


def numbers(event: Event, path: str) -> list[float]:
    found = event.at(path)
    return [one for one in found if isinstance(one, int | float) and not isinstance(one, bool)]


QUESTIONS: Final[Mapping[str, Callable[[Event], bool]]] = {
    "event_name:github.issues.opened": lambda e: e.name == "github.issues.opened",
    "event_name:github.issue*": lambda e: e.name.startswith("github.issue"),
    "event_name:*.created": lambda e: e.name.endswith(".created"),
    "*.created": lambda e: any(one.endswith(".created") for one in e.texts()),
    "event_name:pull_request": lambda e: adjacent(e.name, "pull", "request"),
    "event_name:/github\\.(fork|star\\.created)/": lambda e: (
        e.name in {"github.fork", "github.star.created"}
    ),
    "github.* AND success:false": lambda e: not e.success,
    "success:true AND event_name:github.check_*": lambda e: (
        e.success and e.name.startswith("github.check_")
    ),
    'data.repository.full_name:"Codertocat/Hello-World"': lambda e: any(
        adjacent(one, "codertocat", "hello", "world") for one in e.at("repository.full_name")
    ),
    "data.repository.full_name:Octo*": lambda e: any(
        one.lower().startswith("octo") or any(word.startswith("octo") for word in words(one))
        for one in e.at("repository.full_name")
    ),
    r"data.repository.full_name:/octo-org\/.*/": lambda e: any(
        one.startswith("octo-org/") for one in e.at("repository.full_name")
    ),
    "data.sender.login:octocat": lambda e: "octocat" in e.at("sender.login"),
    "data.sender.id:21031067": lambda e: 21031067 in e.at("sender.id"),
    "data.sender.id:<100000": lambda e: any(one < 100000 for one in numbers(e, "sender.id")),
    "data.sender.id:[9919 TO 21031067}": lambda e: any(
        9919 <= one < 21031067 for one in numbers(e, "sender.id")
    ),
    "data.sender.site_admin:true": lambda e: True in e.at("sender.site_admin"),
    "data.sender.type:organization": lambda e: "Organization" in e.at("sender.type"),
    "data.repository.private:true": lambda e: True in e.at("repository.private"),
    "data.repository.size:>=300": lambda e: any(
        one >= 300 for one in numbers(e, "repository.size")
    ),
    "data.repository.size:{0 TO 504]": lambda e: any(
        0 < one <= 504 for one in numbers(e, "repository.size")
    ),
    "data.repository.stargazers_count:[1 TO *]": lambda e: any(
        one >= 1 for one in numbers(e, "repository.stargazers_count")
    ),
    "data.repository.language:ruby": lambda e: "Ruby" in e.at("repository.language"),
    "data.repository.language:(Java OR TypeScript)": lambda e: bool(
        {"Java", "TypeScript"} & set(e.at("repository.language"))
    ),
    "data.repository.updated_at:2019-05-15": lambda e: dated(
        e, "repository.updated_at", "2019-05-15", "2019-05-16"
    ),
    "data.repository.updated_at:[2019-06 TO 2021}": lambda e: dated(
        e, "repository.updated_at", "2019-06-01", "2021-01-01"
    ),
    "data.repository.updated_at:>2021": lambda e: dated(
        e, "repository.updated_at", "2022-01-01", "9999-01-01"
    ),
    "_exists_:data.issue": lambda e: bool(list(below(e.at("issue")))),
    "_exists_:data.issue.labels.name": lambda e: bool(e.at("issue.labels.name")),
    "NOT _exists_:data.repository": lambda e: not list(below(e.at("repository"))),
    "_exists_:data.organization AND NOT _exists_:data.action": lambda e: (
        bool(list(below(e.at("organization")))) and not e.at("action")
    ),
    "data.issue.labels.name:bug": lambda e: "bug" in e.at("issue.labels.name"),
    "data.pull_request.state:open -data.action:opened": lambda e: (
        "open" in e.at("pull_request.state") and "opened" not in e.at("action")
    ),
    'data.issue.title:"spelling error"': lambda e: any(
        adjacent(one, "spelling", "error") for one in e.at("issue.title")
    ),
    '"README file"': lambda e: any(adjacent(one, "readme", "file") for one in e.texts()),
    "spelling": lambda e: e.has_word("spelling"),
    "spelling OR organization": lambda e: e.has_word("spelling") or e.has_word("organization"),
    "+codertocat -ruby": lambda e: e.has_word("codertocat") and not e.has_word("ruby"),
    "*octocat*": lambda e: any(
        "octocat" in one or any("octocat" in word for word in words(one)) for one in e.texts()
    ),
    "electr?n": lambda e: any(
        re.fullmatch("electr.n", word) for one in e.texts() for word in words(one)
    ),
    "speling~1": lambda e: e.has_word("spelling"),
    "data.*:speling~1": lambda e: e.has_word("spelling"),
    "*:Speling~": lambda e: e.has_word("spelling"),
    "data.*.login:ELECTRN~1": lambda e: any(
        "electron" in words(one) for path, one in paths(e.data, "") if path.endswith(".login")
    ),
    "data.*.login:ELECTR*": lambda e: any(
        any(word.startswith("electr") for word in words(one))
        for path, one in paths(e.data, "")
        if path.endswith(".login")
    ),
    "data.*.login:electron": lambda e: any(
        adjacent(one, "electron")
        for path, one in paths(e.data, "")
        if path.endswith(".login") and path.count(".") > 0
    ),
    "data.installation.id:1": lambda e: 1 in e.at("installation.id"),
    "data.action:(created OR deleted) AND data.sender.login:Codertocat": lambda e: (
        bool({"created", "deleted"} & set(e.at("action"))) and "Codertocat" in e.at("sender.login")
    ),
    "data.ref:refs*": lambda e: any(one.startswith("refs") for one in e.at("ref")),
    "NOT data.repository.fork:false": lambda e: False not in e.at("repository.fork"),
    "log_id:[50 TO 60] AND NOT success:true": lambda e: 50 <= e.number <= 60 and not e.success,
    "*:*": lambda e: True,
}


def paths(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the value of all texts."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from paths(one, f"{path}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from paths(one, path)
    elif isinstance(value, str):
        yield path, value


@pytest.fixture(scope="module")
def events():
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    return [Event(n, line["event_name"], line["data"]) for n, line in enumerate(lines, 1)]


@pytest.fixture(scope="module", params=ENGINES)
def indexer(request, events, open_engine):
    documents = [
        attempt(
            one.number,
            one.name,
            "2026-11-23T10:00:00",
            one.data,
            fate="delivered" if one.success else "retrying",
        )
        for one in events
    ]
    return filled(open_engine(request.param), documents)


@pytest.mark.parametrize("query", QUESTIONS, ids=ascii)
def test_it_finds_what_plain_python_finds(indexer, events, query):
    expected = {one.number for one in events if QUESTIONS[query](one)}
    assert expected
    assert hits(indexer, query) == expected
