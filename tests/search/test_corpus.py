"""The same queries against every engine: the answers are those that reasoning gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.adapters.tantivy.kind import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.domain.query.printing import print_query
from asyncevents_core.errors import InvalidQuery
from asyncevents_core.testing.indexer import MemoryIndexerConfig, MemoryIndexerType
from tests.search.corpus import QUERIES, WRONG
from tests.search.documents import DOCUMENTS, NOW, document

ENGINES = ["memory", "embedded"]
CORPUS = Path(__file__).parents[3] / "shared" / "data" / "github-events.jsonl"
MICROS = round(NOW.timestamp() * 1e6)


def open_engine(name, folder):
    if name == "memory":
        return MemoryIndexerType().open(MemoryIndexerConfig())
    return EmbeddedIndexerType().open(EmbeddedConfig(path=str(folder / "index"), memory_mb=16))


@pytest.fixture(scope="module", params=ENGINES)
def engine(request, tmp_path_factory):
    with open_engine(request.param, tmp_path_factory.mktemp("hand-made")) as indexer:
        assert indexer.upsert(DOCUMENTS) == []
        yield indexer


def found(indexer, text):
    query = parse_query(text, now=MICROS)
    return set(indexer.search(query, limit=1000).log_ids)


@pytest.mark.parametrize("text", QUERIES)
def test_hand_made(engine, text):
    assert found(engine, text) == set(QUERIES[text])


@pytest.mark.parametrize("text", QUERIES)
def test_printing_and_parsing_again_means_the_same(text):
    query = parse_query(text, now=MICROS)
    assert parse_query(print_query(query), now=MICROS) == query


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_query_is_told_with_its_position(text):
    with pytest.raises(InvalidQuery) as raised:
        parse_query(text, now=MICROS)
    assert raised.value.position == WRONG[text], raised.value
    assert raised.value.expected


@given(st.text(max_size=60) | st.text(alphabet='ab:*?"()[]{}+-!&|~^/\\<> 1TOANDR', max_size=40))
def test_no_text_raises_anything_else(text):
    try:
        query = parse_query(text, now=MICROS)
    except InvalidQuery as error:
        inside = 0 <= error.position <= len(text)
        assert inside, error  # noqa: PT017 - either end is right
        return
    assert parse_query(print_query(query), now=MICROS) == query


# -- the corpus of real payloads -------------------------------------------------------------


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every value with its path: written again here, so that no engine's is asked."""
    if isinstance(value, dict):
        return [one for key, inner in value.items() for one in leaves(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [one for inner in value for one in leaves(inner, path)]
    return [] if value is None else [(path[1:], value)]


def at(path: str) -> Callable[[dict[str, Any]], list[Any]]:
    return lambda line: [value for name, value in leaves(line["data"]) if name == path]


def has(path: str, wanted: Any) -> Callable[[dict[str, Any]], bool]:
    return lambda line: any(type(one) is type(wanted) and one == wanted for one in at(path)(line))


def says(path: str, text: str) -> Callable[[dict[str, Any]], bool]:
    """The whole value, or its words one after the other in any case."""
    wanted = re_words(text)

    def test(line: dict[str, Any]) -> bool:
        for one in at(path)(line):
            runs = re_words(str(one))
            places = range(len(runs) - len(wanted) + 1)
            if str(one) == text or any(runs[n : n + len(wanted)] == wanted for n in places):
                return True
        return False

    return test


def re_words(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return "".join(char.lower() if char.isalnum() else " " for char in text).split()


GITHUB: dict[str, Callable[[dict[str, Any]], bool]] = {
    "event_name:github.push": lambda line: line["event_name"] == "github.push",
    "event_name:github.issues.*": lambda line: line["event_name"].startswith("github.issues."),
    "*.deleted": lambda line: (
        line["event_name"].endswith(".deleted")
        or any(isinstance(v, str) and v.endswith(".deleted") for _, v in leaves(line["data"]))
    ),
    "data.data.action:opened": says("action", "opened"),
    "data.data.action:(opened OR closed)": lambda line: (
        says("action", "opened")(line) or says("action", "closed")(line)
    ),
    "data.data.action:opened AND NOT event_name:github.issues.opened": lambda line: (
        says("action", "opened")(line) and line["event_name"] != "github.issues.opened"
    ),
    'data.data.repository.full_name:"Codertocat/Hello-World"': says(
        "repository.full_name", "Codertocat/Hello-World"
    ),
    "data.data.repository.full_name:Codertocat*": lambda line: any(
        one.startswith("Codertocat") or any(w.startswith("codertocat") for w in re_words(one))
        for one in at("repository.full_name")(line)
    ),
    "data.data.repository.full_name:*World": lambda line: any(
        one.endswith("World") or any(word.endswith("world") for word in re_words(one))
        for one in at("repository.full_name")(line)
    ),
    "data.data.repository.private:true": has("repository.private", True),
    "data.data.repository.private:false": has("repository.private", False),
    "data.data.repository.id:186853002": has("repository.id", 186853002),
    "data.data.repository.id:>186853002": lambda line: any(
        one > 186853002 for one in at("repository.id")(line)
    ),
    "data.data.repository.id:[100000000 TO 200000000]": lambda line: any(
        100_000_000 <= one <= 200_000_000 for one in at("repository.id")(line)
    ),
    "data.data.repository.open_issues_count:0": has("repository.open_issues_count", 0),
    "data.data.repository.open_issues_count:>=1": lambda line: any(
        one >= 1 for one in at("repository.open_issues_count")(line)
    ),
    "_exists_:data.data.pull_request": lambda line: (
        line["data"].get("pull_request") is not None and bool(leaves(line["data"]["pull_request"]))
    ),
    "NOT _exists_:data.data.repository": lambda line: (
        not leaves(line["data"].get("repository"), "")
    ),
    "_exists_:data.data.issue.labels.name": lambda line: bool(at("issue.labels.name")(line)),
    "data.data.issue.labels.name:bug": says("issue.labels.name", "bug"),
    "data.data.commits.id:*": lambda line: bool(at("commits.id")(line)),
    "data.data.sender.login:Codertocat": says("sender.login", "Codertocat"),
    "data.data.sender.login:Codertocat AND data.data.action:created": lambda line: (
        says("sender.login", "Codertocat")(line) and says("action", "created")(line)
    ),
    "data.data.sender.login:/[a-zA-Z]+/": lambda line: any(
        any(part.isascii() and part.isalpha() for part in [one, *re_words(one)])
        for one in at("sender.login")(line)
    ),
    "data.data.sender.site_admin:true": has("sender.site_admin", True),
    "data.data.repository.owner.type:Organization": says("repository.owner.type", "Organization"),
    "+data.data.action:created -data.data.repository.private:true": lambda line: (
        says("action", "created")(line) and not has("repository.private", True)(line)
    ),
}


@pytest.fixture(scope="module", params=ENGINES)
def github(request, tmp_path_factory):
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    with open_engine(request.param, tmp_path_factory.mktemp("github")) as indexer:
        documents = [
            document(number, line["event_name"], line["data"])
            for number, line in enumerate(lines, start=1)
        ]
        assert indexer.upsert(documents) == []
        yield indexer, lines


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here")
@pytest.mark.parametrize("text", GITHUB)
def test_real_payloads(github, text):
    indexer, lines = github
    expected = {number for number, line in enumerate(lines, start=1) if GITHUB[text](line)}
    assert found(indexer, text) == expected
