"""`asyncevents new-plugin`: what it writes where, and what it refuses."""

from __future__ import annotations

import ast
import tomllib

import pytest

from asyncevents_core.cli.scaffold import KINDS, NewDistribution


def test_it_writes_a_distribution_and_says_what_is_next(folder, run):
    output = run("new-plugin", "sink", "pigeon-post").output
    home = folder / "asyncevents-pigeon-post"
    project = tomllib.loads((home / "pyproject.toml").read_text())["project"]
    assert project["name"] == "asyncevents-pigeon-post"
    points = project["entry-points"]["asyncevents"]
    assert points == {"pigeon-post": "asyncevents_pigeon_post.plugin"}
    assert "class PigeonPostSinkType" in (home / "asyncevents_pigeon_post/plugin.py").read_text()
    assert (home / "asyncevents_pigeon_post/py.typed").read_text() == ""
    for step in ("cd asyncevents-pigeon-post", "pip install -e", "pytest", "asyncevents plugins"):
        assert step in output


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_distribution(kind):
    files = {
        str(path): text
        for path, text in NewDistribution(kind=KINDS[kind], name="a-b1", core="1.2.3").files()
    }
    assert {"pyproject.toml", "README.md", "asyncevents_a_b1/plugin.py"} <= set(files)
    assert any(path.startswith("tests/test_") for path in files)
    for path, text in files.items():
        assert "${" not in text
        if path.endswith(".py"):
            ast.parse(text)


def test_the_name_of_the_distribution_will_do_too(folder, run):
    run("new-plugin", "resolver", "asyncevents-registry")
    assert (folder / "asyncevents-registry" / "asyncevents_registry" / "resolver.py").exists()


def test_it_writes_where_it_is_told(folder, run):
    run("new-plugin", "retry-manager", "alarm", "--directory", "src/alarm")
    assert (folder / "src" / "alarm" / "pyproject.toml").exists()


def test_it_keeps_what_is_there_unless_it_is_forced(folder, run):
    home = folder / "asyncevents-telegraph"
    home.mkdir()
    (home / "notes.txt").write_text("mine")
    (home / "README.md").write_text("mine")
    assert "--force" in run("new-plugin", "sink", "telegraph", code=1).output
    assert sorted(one.name for one in home.iterdir()) == ["README.md", "notes.txt"]
    run("new-plugin", "sink", "telegraph", "--force")
    assert (home / "notes.txt").read_text() == "mine"
    assert (home / "README.md").read_text() != "mine"


def test_an_empty_folder_is_no_obstacle(folder, run):
    (folder / "asyncevents-telegraph").mkdir()
    run("new-plugin", "sink", "telegraph")


def test_it_says_what_it_cannot_write(folder, run):
    (folder / "here").write_text("a file")
    assert "here" in run("new-plugin", "sink", "a", "--directory", "here", code=1).output
    output = run("new-plugin", "sink", "a", "--directory", "here/below", code=1).output
    assert "Not a directory" in output


@pytest.mark.parametrize(
    "name", ["Telegraph", "my_queue", "1st", "a--b", "-", "a-", "a.b", "a/b", "", "x" * 41]
)
def test_it_wants_a_name_that_everything_can_be_called(folder, run, name):
    assert "a name is up to 40 lower-case letters" in run(
        "new-plugin", "sink", "--", name, code=2
    ).output.replace("\n", " ")
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["sink", "file"], "there is a sink 'file' already, in asyncevents-example-file-sink"),
        (["resolver", "import"], "there is a resolver 'import' already, in asyncevents-core"),
        (["retry-manager", "ledger"], "already, in asyncevents-core"),
        (["indexer", "embedded"], "there is an indexer 'embedded' already, in asyncevents-core"),
        (["sink", "http"], "asyncevents-http is a distribution of the project's own"),
        (["resolver", "a", "--blocking"], "are for sinks"),
        (["sink", "a", "--blocking", "--batching"], "block already"),
        (["snik", "a"], "'sink'"),
    ],
)
def test_it_refuses(folder, run, arguments, text):
    assert text in run("new-plugin", *arguments, code=2).output.replace("\n", " ")
    assert not list(folder.iterdir())


def test_its_help_teaches(run):
    text = run("new-plugin", "--help").output
    for word in ("sink", "resolver", "retry-manager", "indexer", "--batching", "Examples:"):
        assert word in text
