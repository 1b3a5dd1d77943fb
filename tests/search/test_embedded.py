"""The embedded index: its folder, its one writer, searches that take too long."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading

import pytest

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.adapters.tantivy import EmbeddedConfig, EmbeddedIndexerType, making
from asyncevents_core.adapters.tantivy.deadline import Deadline
from asyncevents_core.domain.query.nodes import MatchAll, RangeQuery, WildcardQuery
from asyncevents_core.errors import IndexUnavailable, InvalidQuery, MissingExtra, SearchTimeout
from tests.absent import without
from tests.search.documents import DOCUMENTS, attempt

WRITER = """
import sys
from asyncevents_core.adapters.tantivy import EmbeddedConfig, EmbeddedIndexerType
indexer = EmbeddedIndexerType().open(EmbeddedConfig(path=sys.argv[1], memory_mb=16))
indexer.delete([99])
print("writing", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def config(tmp_path):
    return EmbeddedConfig(path=str(tmp_path / "index"), memory_mb=16)


@pytest.fixture
def indexer(config):
    with EmbeddedIndexerType().open(config) as opened:
        yield opened


def state_of(config):
    with open(f"{config.path}/state.json") as file:
        return json.load(file)


def change_state(config, **values):
    state = state_of(config)
    with open(f"{config.path}/state.json", "w") as file:
        json.dump({**state, **values}, file)


def test_opening_and_searching_make_no_folder(indexer, tmp_path):
    assert indexer.search(MatchAll(), limit=1).total == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_layout_says_what_to_do(indexer, config):
    indexer.upsert(DOCUMENTS)
    change_state(config, layout=0)
    with pytest.raises(IndexUnavailable, match=r"another version.*`asyncevents reindex`"):
        indexer.search(MatchAll(), limit=1)


@pytest.mark.parametrize(
    "state", ["{", "[]", "{}", '{"layout": 3, "serving": 5}', '{"layout": 3, "serving": "../g"}']
)
def test_a_damaged_state_says_where_and_what_to_do(indexer, tmp_path, state):
    indexer.upsert(DOCUMENTS)
    (tmp_path / "index/state.json").write_text(state)
    told = "index: state.json is damaged. `asyncevents reindex`"
    with pytest.raises(IndexUnavailable, match=told):
        indexer.upsert(DOCUMENTS)
    with pytest.raises(IndexUnavailable, match=told):
        indexer.search(MatchAll(), limit=1)


def damage_state(path):
    (path / "state.json").write_text("{")


def age(path):
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**state, "layout": 1}))


def lose_a_file(path):
    next(path.glob("g-*/*.term")).unlink()


def lose_the_generation(path):
    shutil.rmtree(next(path.glob("g-*")))


@pytest.mark.parametrize("harm", [damage_state, age, lose_a_file, lose_the_generation])
def test_a_damaged_index_says_what_to_do_and_is_built_anew(config, tmp_path, harm):
    with EmbeddedIndexerType().open(config) as first:
        first.upsert(DOCUMENTS)
    harm(tmp_path / "index")
    with EmbeddedIndexerType().open(config) as second:
        with pytest.raises(IndexUnavailable, match="`asyncevents reindex`"):
            second.search(MatchAll(), limit=1)
        rebuild = second.rebuild()
        assert second.search(MatchAll(), limit=1).total == 0
        rebuild.fill(DOCUMENTS, cursor=1)
        rebuild.finish()
        assert second.count() == len(DOCUMENTS)
    assert len(list((tmp_path / "index").glob("g-*"))) == 1


def test_an_index_that_vanishes_while_it_is_open_is_unavailable(indexer, config, tmp_path):
    indexer.upsert(DOCUMENTS)
    assert indexer.count() == len(DOCUMENTS)
    path = tmp_path / "index" / state_of(config)["serving"]
    path.rename(tmp_path / "elsewhere")
    for ask in (indexer.count, lambda: indexer.search(MatchAll(), limit=1)):
        with pytest.raises(IndexUnavailable, match="`asyncevents reindex`"):
            ask()
    (tmp_path / "elsewhere").rename(path)
    assert indexer.count() == len(DOCUMENTS)


def test_a_folder_that_cannot_be_written_says_who_has_to(indexer, monkeypatch, tmp_path):
    indexer.upsert(DOCUMENTS)
    next(tmp_path.glob("index/g-*/meta.json")).unlink()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(IndexUnavailable, match="who searches has to be able to write to it"):
        indexer.search(MatchAll(), limit=1)


def test_a_search_meanwhile_finds_what_another_process_has_switched_to(config):
    with EmbeddedIndexerType().open(config) as one, EmbeddedIndexerType().open(config) as other:
        one.upsert(DOCUMENTS[:5])
        assert other.count() == 5
        one.rebuild().fill(DOCUMENTS, cursor=1)
        one.rebuild().finish()
        assert other.count() == len(DOCUMENTS)


def test_a_rebuild_goes_on_although_the_index_that_served_was_damaged(config, tmp_path):
    with EmbeddedIndexerType().open(config) as first:
        first.upsert(DOCUMENTS)
        first.rebuild().fill(DOCUMENTS[:5], cursor=5)
    shutil.rmtree(tmp_path / "index" / state_of(config)["serving"])
    with EmbeddedIndexerType().open(config) as second:
        rebuild = second.rebuild()
        assert rebuild.cursor == 5
        rebuild.finish()
        assert second.count() == 5


def test_a_damaged_rebuild_is_begun_again(config, tmp_path):
    with EmbeddedIndexerType().open(config) as first:
        first.upsert(DOCUMENTS)
        first.rebuild().fill(DOCUMENTS[:5], cursor=5)
    shutil.rmtree(tmp_path / "index" / state_of(config)["next"])
    with EmbeddedIndexerType().open(config) as second:
        rebuild = second.rebuild()
        assert rebuild.cursor is None
        rebuild.fill(DOCUMENTS, cursor=9)
        rebuild.finish()
        assert second.count() == len(DOCUMENTS)


def test_a_path_that_is_no_folder_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    config = EmbeddedConfig(path=str(tmp_path / "file"))
    with EmbeddedIndexerType().open(config) as opened, pytest.raises(IndexUnavailable):
        opened.upsert(DOCUMENTS)


def test_a_second_writer_is_refused_while_the_first_lives(indexer, config):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, config.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "writing\n"
    with pytest.raises(IndexUnavailable, match="One process at a time writes"):
        indexer.upsert(DOCUMENTS)
    assert indexer.count() == 0
    process.communicate("")
    indexer.upsert(DOCUMENTS)
    assert indexer.count() == len(DOCUMENTS)


def test_generations_that_a_kill_left_behind_are_removed(indexer, config, tmp_path):
    indexer.upsert(DOCUMENTS)
    (tmp_path / "index/g-leftover").mkdir()
    indexer.rebuild().abandon()
    generations = [one.name for one in (tmp_path / "index").glob("g-*")]
    assert generations == [state_of(config)["serving"]]


def test_without_the_extra_it_says_how_to_install_it(config, monkeypatch):
    without(monkeypatch, "tantivy", "asyncevents_core.adapters.tantivy.")
    with pytest.raises(MissingExtra, match=r"asyncevents-core\[search\]"):
        EmbeddedIndexerType().open(config)


def test_a_parser_without_luqum_says_how_to_install_it(monkeypatch):
    without(monkeypatch, "luqum", "luqum", "asyncevents_core.adapters.lucene.")
    with pytest.raises(MissingExtra, match=r"asyncevents-core\[search\]"):
        parse_query("a")


def test_what_is_larger_than_one_automaton_is_searched_in_parts(indexer):
    indexer.upsert(DOCUMENTS)
    query = parse_query(f"data.{'long_name_' * 20}:[1111111111111111 TO 99999999999999999999]")
    assert isinstance(query, RangeQuery)
    assert indexer.search(query, limit=1).total == 0


def test_what_cannot_be_split_is_compared_with_one_value_after_the_other(indexer):
    text = "".join(map(chr, range(ord("一"), ord("一") + 450)))
    indexer.upsert([*DOCUMENTS, attempt(90, "app.long", "2027-03-11T00:00:00", {"k": text})])
    for query, found in {
        f"data.k:{text[:400]}*": [90],
        f"data.k:{text}丂*": [],
        f"data.k:{'?' * 450}": [90],
        f"data.k:{'?' * 449}": [],
        f"data.k:{'?' * 250}{text[250:]}": [90],
        f"data.k:>{text[:440]}": [90],
        f"data.k:<{text}": [],
    }.items():
        assert indexer.search(parse_query(query), limit=9, timeout=60).log_ids == found, query


def test_what_would_be_compared_with_too_many_values_is_refused_with_a_reason(indexer, monkeypatch):
    monkeypatch.setattr(making, "_MOST_TERMS", 20)
    indexer.upsert(DOCUMENTS)
    query = parse_query(f"*{''.join(map(chr, range(0x4E00, 0x4E00 + 450)))}*")
    assert isinstance(query, WildcardQuery)
    with pytest.raises(InvalidQuery, match=r"^expected a shorter pattern") as caught:
        indexer.search(query, limit=1)
    assert "\n" not in str(caught.value)


def test_searches_that_take_too_long_are_given_up_and_cannot_pile_up():
    deadline, released = Deadline(at_once=2), threading.Event()
    for _ in range(2):
        with pytest.raises(SearchTimeout):
            deadline.run(released.wait, timeout=0.01)
    with pytest.raises(SearchTimeout):
        deadline.run(lambda: 1, timeout=0.01)
    released.set()
    assert deadline.run(lambda: 1, timeout=60.0) == 1


def test_an_error_in_a_search_is_raised_where_it_was_asked_for():
    def fail() -> None:
        raise InvalidQuery("a", 0, "something")

    with pytest.raises(InvalidQuery):
        Deadline(at_once=1).run(fail, timeout=60.0)
