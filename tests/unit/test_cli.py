"""The command line in one process: on SQLite, in a folder of its own."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
import uuid

import click
import pytest

from asyncevents_core.adapters.sqlalchemy.migrating import REVISION
from asyncevents_core.cli.app import cli
from asyncevents_core.domain.event import OPERATIONAL
from asyncevents_core.errors import SettingsError

# -- the beginning -------------------------------------------------------------------------------


def test_without_settings_it_says_what_to_do(folder, run):
    for command in (["published"], ["worker"], ["publish", "a", "{}"]):
        output = run(*command, code=1).output
        assert "asyncevents init" in output
        assert "Traceback" not in output


def test_the_option_settings_wins_over_the_environment(run, settings, monkeypatch):
    name = settings()
    run("init", name)
    monkeypatch.setenv("ASYNCEVENTS_SETTINGS_MODULE", "no_such_module")
    assert "no_such_module" in run("events", code=1).output
    assert "example.created" in run("--settings", name, "events").output
    with pytest.raises(SettingsError):
        run("--debug", "events")


def test_without_tables_it_says_what_to_do(run, settings):
    run("init", settings())
    assert "asyncevents db upgrade" in run("published", code=1).output
    findings = {one["what"]: one for one in run.rows("check", code=1)}
    assert "asyncevents db upgrade" in findings["ledger"]["detail"]


def test_upgrade_may_be_repeated(ready):
    first, second = ready("db", "upgrade").output, ready("db", "upgrade").output
    assert first == second
    assert "revision" in first


def test_check_lists_variables_that_are_no_settings(ready, settings):
    settings(PORT="tcp://10.0.0.1:80", SHOP="mine", EAGER="no")
    (found,) = [one for one in ready.rows("check") if one["what"] == "environment"]
    assert found["state"] == "ok"
    named = found["detail"].partition("not read: ")[2].split(", ")
    assert {"ASYNCEVENTS_PORT", "ASYNCEVENTS_SHOP"} <= set(named)
    assert not {"ASYNCEVENTS_EAGER", "ASYNCEVENTS_SETTINGS_MODULE"} & set(named)


def test_check_reports_all_mistakes_at_once(ready, settings):
    settings(MAXIMUM_DEATHS="-1", LEDGR_URL="x", BROKER_URL="nonsense")
    (finding,) = ready.rows("check", code=1)
    for text in ("MAXIMUM_DEATHS", "LEDGR_URL", "BROKER_URL"):
        assert text in finding["detail"]


def test_warnings_alone_are_no_mistake(ready):
    output = ready("check").output
    assert "warning" in output
    assert "asyncevents worker --consumers retry" in output
    assert "error" not in output


@pytest.mark.parametrize(
    ("changed", "what", "text"),
    [
        ({"LEDGER_URL": "sqlite:////no/such/folder/x.db"}, "ledger", "/no/such/folder"),
        ({"LEDGER_URL": "oracle://u:s3cret@h/d"}, "ledger", "postgresql"),
        ({"LEDGER_OPTIONS": '{"lock_timout": 1}'}, "settings", "mean 'lock_timeout'"),
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


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    "changed",
    [
        {"BROKER_URL": "nonsense://x"},
        {"RETRY_MANAGER": "nonsense"},
        {"SERVICE_RESOLVER": "nonsense"},
        {"INDEXER": "nonsense"},
        {"EVENT_MODULES": "nonsense"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_worker_does_not_start_with_a_mistake_that_is_there_to_stay(
    ready, settings, changed, processes
):
    settings(**changed)
    output = ready("worker", "--processes", processes, code=1).output
    assert "nonsense" in output
    assert "started" not in output


# -- what there is -------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("path", "command"), list(commands()), ids=lambda one: str(one)[:20])
def test_lists_of_commands_cut_nothing_off_at_80_columns(path, command):
    room = 80 - 2 - 6 - len("subscriptions")
    assert not command.get_short_help_str(room).endswith("...")


def options():
    for path, command in [((), cli), *commands()]:
        for one in command.params:
            if isinstance(one, click.Option):
                yield pytest.param(one, id=" ".join([*path, one.opts[-1]]))


@pytest.mark.parametrize("option", list(options()))
def test_every_option_says_what_it_does(option):
    assert option.help, "give it help="


@pytest.mark.parametrize("option", list(options()))
def test_every_option_shows_its_default(option):
    default = option.get_default(click.Context(click.Command("any")))
    if isinstance(default, str | int | float) and default is not False:
        assert option.show_default, f"its default, {default!r}, is not shown"


def arguments():
    for path, command in commands():
        for one in command.params:
            if isinstance(one, click.Argument):
                name = (one.metavar or one.name).strip("[]…").upper()
                yield pytest.param(name, command, id=" ".join([*path, name]))


@pytest.mark.parametrize(("name", "command"), list(arguments()))
def test_every_argument_is_explained(name, command):
    assert re.search(rf"\b{name}\b", command.help), f"its help does not say what {name} is"


def test_help_lists_commands_in_the_order_of_need(run):
    text = run("--help").output
    assert text.index("init") < text.index("worker") < text.index("dead-letters")
    assert "listen" in text


def test_version_and_unknown_commands(run):
    assert run("--version").output.startswith("asyncevents, version 0.")
    assert "no such command 'wroker' (did you mean 'worker'?)" in run("wroker", code=2).output


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


# -- reading -------------------------------------------------------------------------------------


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


HUGE = str(10**30)


@pytest.mark.parametrize(
    "arguments",
    [
        ["logs", "--subscription", HUGE],
        ["logs", "--before", HUGE],
        ["logs", "--before", "x"],
        ["logs", "--limit", "0"],
        ["published", "--before", "x"],
        ["dead-letters", "--before", "x"],
        ["dead-letters", "--limit", "0"],
        ["dead-letters", "--subscription", HUGE],
        ["dead-letters", "--reason", "nonsense"],
        ["dead-letters", "--until", "0001-01-01"],
        ["replay", "--dead", "--subscription", HUGE],
        ["replay", "--dead", "--since", "0001-01-01"],
        ["subscriptions", "show", HUGE],
        ["subscriptions", "delete", HUGE, "--yes"],
    ],
)
def test_numbers_that_the_ledger_cannot_hold(ready, monkeypatch, arguments):
    monkeypatch.setenv("TZ", "UTC-5")
    time.tzset()
    try:
        assert "Invalid value for" in ready(*arguments, code=2).output
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("consumers", ["nonsense", "", "trigger,nonsense"])
def test_worker_wants_known_consumers(ready, consumers):
    assert "--consumers" in ready("worker", "--consumers", consumers, code=2).output


@pytest.fixture
def failed(ready, folder):
    """Four events whose service failed, the newest first; the last one has a name of its own."""
    names = ["example.newsletter.sent", "example.created", "example.created", "example.created"]
    made = [ready.id_of("publish", name, '{"number": 1}') for name in names]
    with contextlib.closing(sqlite3.connect(folder / "asyncevents.db")) as ledger, ledger:
        ledger.execute("UPDATE asyncevents_event SET state = 'failed', reason = 'KeyError: 1'")
    return made[::-1]


def ids(rows):
    return [one["uuid"] for one in rows]


def test_dead_letters_have_pages(ready, failed):
    rows = ready.rows("dead-letters", "--limit", "3")
    assert ids(rows) == failed[:3]
    assert rows[0]["summary"] == "Its service failed: not delivered to anybody"
    told = [rows[0][name] for name in ("reason", "error", "replayed")]
    assert told == ["service", "KeyError: 1", False]
    assert ids(ready.rows("dead-letters", "--limit", "3", "--before", failed[2])) == failed[3:]
    assert ready.rows("dead-letters", "--before", failed[3]) == []
    assert failed[0] in ready("dead-letters").output


@pytest.mark.parametrize(
    ("chosen", "meant"),
    [
        (["--event", "example.newsletter.sent"], slice(3, 4)),
        (["--replayed"], slice(0, 4)),
        (["--since", "2001-01-01", "--until", "2999-01-01T00:00:00"], slice(0, 4)),
        (["--until", "2001-01-01"], slice(0, 0)),
        (["--subscription", "1"], slice(0, 0)),
        (["--reason", "poison"], slice(0, 0)),
        (["--reason", "service"], slice(0, 4)),
        (["--reason", "service", "--subscription", "1"], slice(0, 0)),
    ],
    ids=str,
)
def test_dead_letters_are_chosen(ready, failed, chosen, meant):
    assert ids(ready.rows("dead-letters", *chosen)) == failed[meant]


def test_events_whose_service_failed_are_replayed(ready, failed):
    assert "there are none" in ready("replay", "--dead", "--reason", "poison").output
    one = ready("replay", "--dead", "--event", "example.newsletter.sent", stdin="y\n").output
    assert "Replay 1 dead letter (" in one
    assert "1 replayed, 0 refused; request" in one
    assert "3 replayed, 0 refused" in ready("replay", "--dead", "--yes").output
    assert ready.rows("dead-letters") == []
    assert {row["state"] for row in ready.rows("published")} == {"open"}


# -- upkeep --------------------------------------------------------------------------------------


def test_status_counts(ready):
    ready("publish", "example.created", "{}")
    (found,) = ready.rows("status")
    assert (found["events_open"], found["workers_alive"], found["dead_letters"]) == (1, 0, 0)
    assert found["trigger_consumers"] == 0
    assert found["oldest_due_at"]
    output = ready("status").output
    assert "events open  1" in output
    assert re.search(r"oldest due  (in )?\d+ s( ago)?, \d{4}-", output)
    assert "workers  none alive" in output
    assert "search index  up to date" in output
    assert "nobody takes the open events: asyncevents worker" in output
    assert "dead-letters" not in output


def test_status_when_nothing_is_to_be_done(ready):
    output = ready("status").output
    assert "oldest due  nothing waits" in output
    assert "asyncevents worker" not in output


def test_check_speaks_in_words(ready, settings):
    settings(EVENTS='{"a": {"service": "json:dumps"}, "b": {"service": "json:loads"}}')
    found = {one["what"]: one["detail"] for one in ready.rows("check")}
    # Distributions that are installed may define some, too; those of the framework do not count.
    names = [one["name"] for one in ready.rows("events")]
    own = [one for one in names if not one.startswith(OPERATIONAL)]
    assert found["settings"] == f"{len(own)} events defined"
    assert re.fullmatch(r"\d+ found", found["services"])
    assert found["ledger"] == f"sqlite:///asyncevents.db, schema {REVISION}"
    assert found["retry manager"] == "ledger"


def test_cleanup_asks_first_and_counts(ready):
    assert ready("cleanup", stdin="n\n", code=1)
    assert "0 events deleted, 0 rows in all" in ready("cleanup", "--days", "0", "--yes").output
    for days in ("-1", "nan", "inf", "1e300"):
        ready("cleanup", "--days", days, "--yes", code=2)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--event", "x"], ["--dead", str(uuid.uuid4())], [str(uuid.uuid4()), "--event", "x"]],
)
def test_replay_wants_one_or_many(ready, arguments):
    ready("replay", *arguments, code=2)


def test_replay_of_no_dead_letters(ready):
    output = ready("replay", "--dead", "--event", "example.created", "--reason", "poison").output
    assert "there are none: all dead letters of event example.created, reason poison" in output
