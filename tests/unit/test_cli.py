"""The command line in one process: on SQLite, in a folder of its own."""

from __future__ import annotations

import json
import stat
import sys
import uuid

import click
import pytest
from click.testing import CliRunner

from asyncevents_core.cli.app import cli

BASE = "https://example.com/hook"


class Cli:
    """Runs `asyncevents …` and checks how it ends."""

    def __call__(self, *arguments, code=0, stdin=None):
        result = CliRunner().invoke(cli, list(arguments), input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def rows(self, *arguments, code=0):
        found = self(*arguments, "--json", code=code).stdout
        return [json.loads(line) for line in found.splitlines()]

    def id_of(self, *arguments):
        return self(*arguments).stdout.strip()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASYNCEVENTS_SETTINGS_MODULE", raising=False)
    monkeypatch.setattr(sys, "path", sys.path[:])
    return tmp_path


@pytest.fixture
def run():
    return Cli()


@pytest.fixture
def settings(folder, monkeypatch):
    """Change settings: through the environment, which wins."""
    name = f"settings_{uuid.uuid4().hex}"
    monkeypatch.setenv("ASYNCEVENTS_SETTINGS_MODULE", name)

    def change(**values):
        for key, value in values.items():
            monkeypatch.setenv(f"ASYNCEVENTS_{key}", value)
        return name

    return change


@pytest.fixture
def ready(run, settings):
    name = settings()
    run("init", name)
    run("db", "upgrade")
    return run


def lines_of(result):
    return result.stderr.splitlines()


# -- the beginning ----------------------------------------------------------------------------


def test_init_writes_settings_that_are_valid(folder, run, settings):
    name = settings()
    output = run("init", name, "--dev").output
    path = folder / f"{name}.py"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"export ASYNCEVENTS_SETTINGS_MODULE={name}" in output
    assert '"127.0.0.0/8"' in path.read_text()
    run("db", "upgrade")
    found = {one["what"]: one["state"] for one in run.rows("check")}
    assert found["settings"] == found["ledger"] == found["broker"] == "ok"
    assert found["trigger consumers"] == "warning"


def test_init_keeps_what_is_there(folder, run):
    run("init", "mine")
    before = (folder / "mine.py").read_text()
    assert "--force" in run("init", "mine", code=1).output
    assert (folder / "mine.py").read_text() == before
    run("init", "mine", "--force")
    after = (folder / "mine.py").read_text()
    assert after != before  # another secret key
    assert "127.0.0.0/8" not in after


@pytest.mark.parametrize("name", ["1st", "a-b", "a/b", "a.py"])
def test_init_wants_the_name_of_a_module(folder, run, name):
    assert "is no module name" in run("init", name, code=2).output
    assert not list(folder.iterdir())


def test_without_settings_it_says_what_to_do(folder, run):
    for command in (["published"], ["worker"], ["publish", "a", "{}"]):
        output = run(*command, code=1).output
        assert "asyncevents init" in output
        assert "Traceback" not in output


def test_without_tables_it_says_what_to_do(run, settings):
    run("init", settings())
    assert "asyncevents db upgrade" in run("published", code=1).output
    findings = {one["what"]: one for one in run.rows("check", code=1)}
    assert "asyncevents db upgrade" in findings["ledger"]["detail"]


def test_upgrade_may_be_repeated(ready):
    first, second = ready("db", "upgrade").output, ready("db", "upgrade").output
    assert first == second
    assert "revision" in first


def test_check_reports_all_mistakes_at_once(ready, settings):
    settings(MAXIMUM_DEATHS="-1", LEDGR_URL="x", BROKER_URL="nonsense")
    (finding,) = ready.rows("check", code=1)
    for text in ("MAXIMUM_DEATHS", "LEDGR_URL", "BROKER_URL"):
        assert text in finding["detail"]


@pytest.mark.parametrize(
    ("changed", "what", "text"),
    [
        ({"LEDGER_URL": "sqlite:////no/such/folder/x.db"}, "ledger", "/no/such/folder"),
        ({"BROKER_URL": "amqp://u:s3cret@127.0.0.1:1//"}, "broker", "refused"),
        ({"RETRY_MANAGER": "nonsense"}, "retry manager", "nonsense"),
        ({"SERVICE_RESOLVER": "nonsense"}, "service resolver", "nonsense"),
        ({"SINKS__HTTP__TIMOUT": "5"}, "sink http", "timeout"),
        ({"EVENTS": '{"a": {"service": "no_module:f"}}'}, "service of a", "no_module"),
    ],
)
def test_check_names_what_does_not_work(ready, settings, changed, what, text):
    settings(**changed)
    findings = {one["what"]: one for one in ready.rows("check", code=1)}
    assert findings[what]["state"] == "error"
    assert text in findings[what]["detail"]
    assert "s3cret" not in str(findings)


# -- what there is ----------------------------------------------------------------------------


def commands(group=cli, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_command_explains_itself(folder, run, path):
    text = run(*path, "--help").output
    assert text.startswith("Usage:")
    assert len(text.splitlines()) > 3


def test_help_lists_commands_in_the_order_of_need(run):
    text = run("--help").output
    assert text.index("init") < text.index("worker") < text.index("dead-letters")
    assert "listen" in text


def test_version_and_unknown_commands(run):
    assert run("--version").output.startswith("asyncevents, version 0.")
    assert "No such command" in run("wroker", code=2).output


def test_plugins_and_events(ready, settings):
    rows = ready.rows("plugins")
    assert {"kind": "sink", "name": "http", "distribution": "asyncevents-http"}.items() <= next(
        one for one in rows if one["name"] == "http"
    ).items()
    assert {one["kind"] for one in rows} >= {"service resolver", "retry manager", "command"}
    settings(EVENTS='{"a.b": {"title": "T", "resources": ["sales"]}}')
    (found,) = [one for one in ready.rows("events") if one["name"] == "a.b"]
    assert (found["title"], found["resources"]) == ("T", ["sales"])
    assert "a.b" in ready("events").output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run, shell):
    assert "_ASYNCEVENTS_COMPLETE" in run("completion", shell).output


# -- publishing -------------------------------------------------------------------------------


def test_publish_prints_the_id(ready):
    made = ready.id_of("publish", "example.created", '{"id": 1}')
    (row,) = ready.rows("published")
    assert (row["id"], row["event_name"], row["data"]) == (made, "example.created", {"id": 1})
    assert row["state"] == "open"
    assert made in ready("published").output


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["exmple.created", "{}"], 1, "example.created"),
        (["example.created", "{"], 2, "JSON"),
        (["example.created"], 2, "NAME and JSON"),
        ([], 2, "NAME and JSON"),
        (["example.created", "{}", "--file", "x"], 2, "--file"),
        (["--file", "missing.jsonl"], 1, "No such file"),
        (["--file", "."], 1, "directory"),
    ],
)
def test_publish_refuses(ready, arguments, code, text):
    assert text in ready("publish", *arguments, code=code).output
    assert ready.rows("published") == []


def test_an_event_id_is_published_once(ready):
    arguments = ["publish", "example.created", '{"id": 1}', "--event-id", "mine"]
    assert ready.id_of(*arguments) == ready.id_of(*arguments)
    arguments[2] = '{"id": 2}'
    assert "mine" in ready(*arguments, code=1).output
    (row,) = ready.rows("published")
    assert (row["event_id"], row["data"]) == ("mine", {"id": 1})


LINES = [
    (b'{"event_name": "example.created", "data": {"n": 1}}', None),
    (b"not json", "Expecting value"),
    (b"[]", "expected an object"),
    (b'{"event_name": "example.created"}', '"data" is missing'),
    (b'{"event_name": "example.created", "data": 1, "extra": 1}', "unknown keys: extra"),
    (b'{"event_name": "example.craeted", "data": 1}', "example.created"),
    (b'{"event_name": "example.created", "data": "\xff"}', "utf-8"),
    (b'{"event_name": "example.created", "data": 1, "tenant": 5}', '"tenant" must be a text'),
    (b"   ", None),
    (b'{"event_name": "example.created", "data": {"n": 2}, "tenant": "t"}', None),
]


def test_bad_lines_of_a_file_are_reported_by_number_and_good_ones_published(folder, ready):
    (folder / "some.jsonl").write_bytes(b"\n".join(line for line, _ in LINES))
    found = lines_of(ready("publish", "--file", "some.jsonl", code=1))
    bad = [(number, text) for number, (_, text) in enumerate(LINES, start=1) if text]
    reported = {line.partition(":")[0]: line for line in found if line.startswith("line ")}
    assert len(reported) == len(bad)
    for number, text in bad:
        assert text in reported[f"line {number}"]
    assert found[-1] == f"2 published, {len(bad)} refused"
    assert [(one["data"], one["tenant"]) for one in ready.rows("published")] == [
        ({"n": 2}, "t"),
        ({"n": 1}, None),
    ]


def test_a_file_larger_than_a_batch(folder, ready):
    lines = [{"event_name": "example.created", "data": n} for n in range(1201)]
    (folder / "many.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert "1201 published, 0 refused" in ready("publish", "--file", "many.jsonl").stderr
    rows = ready.rows("published", "--limit", "2000")
    assert [one["data"] for one in rows] == list(range(1200, -1, -1))
    page = ready.rows("published", "--limit", "3", "--before", rows[99]["id"])
    assert [one["data"] for one in page] == [1100, 1099, 1098]
    assert ready.rows("published", "--name", "other") == []


# -- subscriptions ----------------------------------------------------------------------------


def test_the_secret_is_shown_once(folder, ready):
    output = ready("subscribe", "example.created", BASE, "--secret", "supersecret").output
    assert "subscription 1" in output
    assert "whsec_c3VwZXJzZWNyZXQ=" in output
    (made,) = ready.rows("subscribe", "example.created", f"{BASE}/2")
    assert made["secret"].startswith("whsec_")
    for command in (["list"], ["show", "1"], ["show", "2"]):
        text = ready("subscriptions", *command, "--json").output
        assert "whsec_" not in text
        assert "supersecret" not in text
    raw = b"".join(one.read_bytes() for one in folder.glob("asyncevents.db*"))
    assert b"supersecret" not in raw
    assert b"c3VwZXJzZWNyZXQ" not in raw


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["example.craeted", BASE], 1, "example.created"),
        (["example.created", "nonsense"], 1, "nonsense"),
        (["example.created", "http://127.0.0.1/x"], 1, "127.0.0.1"),
        (["example.created", "http://169.254.169.254/latest"], 1, "169.254"),
        (["example.created", BASE, "--sink", "htp"], 1, "http"),
        (["example.created", BASE, "--schedule", "1,x"], 2, "--schedule"),
        (["example.created", BASE, "--schedule", "-1"], 1, "schedule"),
        (["example.created", BASE, "--option", "x"], 2, "NAME=VALUE"),
        (["example.created", BASE, "--max-deaths", "-1"], 2, "--max-deaths"),
        (["example.created", BASE, "--jitter", "2"], 2, "--jitter"),
        (["example.created", BASE, "--secret", "whsec_***"], 1, "base64"),
    ],
)
def test_subscribe_refuses(ready, arguments, code, text):
    assert text in ready("subscribe", *arguments, code=code).output
    assert ready.rows("subscriptions", "list") == []


def test_a_subscriptions_life(ready):
    more = ["--tenant", "t", "--max-deaths", "3", "--schedule", "1,30", "--jitter", "0.1"]
    ready("subscribe", "example.created", BASE, "--disabled", *more)
    (made,) = ready.rows("subscriptions", "show", "1")
    assert made.pop("created_at")
    assert made == {
        "id": 1,
        "status": "disabled",
        "event_name": "example.created",
        "sink": "http",
        "target": BASE,
        "tenant": "t",
        "maximum_deaths": 3,
        "schedule": [1.0, 30.0],
        "jitter": 0.1,
        "rate_limit": None,
        "signed": True,
    }
    assert BASE in ready("subscriptions", "list").output
    assert BASE in ready("subscriptions", "show", "1").output
    for command, status in (("enable", "enabled"), ("disable", "disabled"), ("enable", "enabled")):
        ready("subscriptions", command, "1")
        assert ready.rows("subscriptions", "show", "1")[0]["status"] == status
    ready("subscriptions", "delete", "1", stdin="n\n", code=1)
    assert ready.rows("subscriptions", "list")
    ready("subscriptions", "delete", "1", stdin="y\n")
    assert ready.rows("subscriptions", "list") == []
    assert "no subscription 1" in ready("subscriptions", "enable", "1", code=1).output


@pytest.mark.parametrize("command", ["show", "enable", "disable", "delete"])
def test_subscriptions_that_are_not_there(ready, command):
    arguments = ["--yes"] if command == "delete" else []
    assert "no subscription 99" in ready("subscriptions", command, "99", *arguments, code=1).output


# -- reading ----------------------------------------------------------------------------------


def test_nothing_yet(ready):
    for command in ("published", "logs", "dead-letters"):
        assert "none" in ready(command).output
        assert ready.rows(command) == []


def test_what_is_not_there(ready):
    some = str(uuid.uuid4())
    assert some in ready("trace", some, code=1).output
    assert some in ready("replay", some, code=1).output
    ready("trace", "nonsense", code=2)
    made = ready.id_of("publish", "example.created", "{}")
    assert "has no deliveries; it is open" in ready("trace", made, code=1).output


@pytest.mark.parametrize("consumers", ["nonsense", "", "trigger,nonsense"])
def test_worker_wants_known_consumers(ready, consumers):
    assert "--consumers" in ready("worker", "--consumers", consumers, code=2).output


# -- upkeep -----------------------------------------------------------------------------------


def test_status_counts(ready):
    ready("publish", "example.created", "{}")
    (found,) = ready.rows("status")
    assert (found["events_open"], found["workers_alive"], found["dead_letters"]) == (1, 0, 0)
    assert found["trigger_consumers"] == 0
    assert found["oldest_due_at"]
    assert "events open  1" in ready("status").output


def test_cleanup_asks_first_and_counts(ready):
    assert ready("cleanup", stdin="n\n", code=1)
    assert "0 events deleted, 0 rows in all" in ready("cleanup", "--days", "0", "--yes").output
    ready("cleanup", "--days", "-1", code=2)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--event", "x"], ["--dead", str(uuid.uuid4())], [str(uuid.uuid4()), "--event", "x"]],
)
def test_replay_wants_one_or_many(ready, arguments):
    ready("replay", *arguments, code=2)


def test_replay_of_no_dead_letters(ready):
    output = ready("replay", "--dead", "--event", "example.created", "--reason", "poison").output
    assert "there are none: all dead letters of event example.created, reason poison" in output
