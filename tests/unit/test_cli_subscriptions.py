"""`asyncevents subscribe` and `subscriptions`."""

from __future__ import annotations

import pytest

BASE = "https://example.com/hook"


def test_the_secret_is_shown_once(folder, ready):
    output = ready("subscribe", "example.created", BASE, "--secret", "supersecret").output
    assert "subscription 1" in output
    assert "whsec_c3VwZXJzZWNyZXQ=" in output
    (made,) = ready.rows("subscribe", "example.created", f"{BASE}/2")
    assert made["receiver_secret"].startswith("whsec_")
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
        (["example.created", BASE, "--schedule", "-1"], 2, "--schedule"),
        (["example.created", BASE, "--schedule", ""], 2, "--schedule"),
        (["example.created", BASE, "--schedule", "1,nan"], 2, "--schedule"),
        (["example.created", BASE, "--schedule", "inf"], 2, "--schedule"),
        (["example.created", BASE, "--option", "x"], 2, "NAME=VALUE"),
        (["example.created", BASE, "--option", "=x"], 2, "NAME=VALUE"),
        (["example.created", BASE, "--max-deaths", str(2**31)], 2, "--max-deaths"),
        (["example.created", BASE, "--rate-limit", "0"], 2, "--rate-limit"),
        (["example.created", BASE, "--rate-limit", "nan"], 2, "--rate-limit"),
        (["example.created", BASE, "--rate-limit", "1e300"], 1, "rate_limit must be a number"),
        (["example.created", BASE + "x" * 2048], 1, "target must have 1 to 2048 characters"),
        (["example.created", BASE, "--jitter", "nan"], 2, "--jitter"),
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
    assert made.pop("subscribed_at")
    assert made.pop("modified_at") is None
    assert made == {
        "subscription_id": 1,
        "status": "disabled",
        "event_name": "example.created",
        "sink": "http",
        "target": BASE,
        "tenant": "t",
        "maximum_deaths": 3,
        "schedule": [1.0, 30.0],
        "jitter": 0.1,
        "rate_limit": None,
        "options": {},
        "filter": None,
        "filtered": 0,
        "filter_failed": 0,
        "filter_error": None,
        "warn_failures": None,
        "warn_after": None,
        "disable_failures": None,
        "disable_after": None,
        "failures": 0,
        "failing_since": None,
        "failing_error": None,
        "warned_at": None,
        "signed": True,
        "older_secrets_until": [],
        "unreadable": None,
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
    for command in (["enable", "1"], ["disable", "1"], ["delete", "1", "--yes"]):
        assert "no subscription 1" in ready("subscriptions", *command, code=1).output
    assert ready.rows("subscriptions", "show", "1")[0]["status"] == "deleted"


def test_recipients_on_this_machine_are_for_development(run, settings):
    name = settings()
    run("init", name, "--dev")
    run("db", "upgrade")
    for host in ("127.0.0.1", "localhost", "[::1]"):
        run("subscribe", "example.created", f"http://{host}:9/")
    assert [one["subscription_id"] for one in run.rows("subscriptions", "list")] == [1, 2, 3]
    assert "10.0.0.1" in run("subscribe", "example.created", "http://10.0.0.1/", code=1).output


@pytest.mark.parametrize("command", ["show", "enable", "disable", "delete"])
def test_subscriptions_that_are_not_there(ready, command):
    arguments = ["--yes"] if command == "delete" else []
    assert "no subscription 99" in ready("subscriptions", command, "99", *arguments, code=1).output


def test_a_change_keeps_what_it_does_not_name(ready):
    ready("subscribe", "example.created", BASE, "--secret", "supersecret", "--max-deaths", "3")
    (old,) = ready.rows("subscriptions", "show", "1")
    output = ready("subscriptions", "change", "1", "--target", f"{BASE}/2", "--rate-limit", "5")
    assert "whsec_" not in output.output
    (new,) = ready.rows("subscriptions", "show", "1")
    assert new["modified_at"] >= new["subscribed_at"]
    changes = {"target": f"{BASE}/2", "rate_limit": 5.0, "modified_at": new["modified_at"]}
    assert new == {**old, **changes}
    ready("subscriptions", "change", "1", "--unset", "rate-limit", "--unset", "max-deaths")
    (bare,) = ready.rows("subscriptions", "show", "1")
    changes = {"rate_limit": None, "maximum_deaths": None, "modified_at": bare["modified_at"]}
    assert bare == {**new, **changes}


def test_a_secret_is_changed_and_shown_once(ready):
    ready("subscribe", "example.created", BASE, "--secret", "supersecret")
    given = ready("subscriptions", "change", "1", "--secret", "another secret").output
    assert "whsec_YW5vdGhlciBzZWNyZXQ=" in given
    made = ready("subscriptions", "change", "1", "--new-secret").output
    assert "whsec_" in made
    assert "whsec_YW5v" not in made


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["1"], 2, "nothing to change"),
        (["1", "--secret", "x", "--new-secret"], 2, "not both"),
        (["1", "--target", "nonsense"], 1, "nonsense"),
        (["1", "--event", "example.craeted"], 1, "example.created"),
        (["1", "--schedule", "-1"], 2, "--schedule"),
        (["1", "--option", "colour=red"], 1, "colour"),
        (["2", "--target", BASE], 1, "no subscription 2"),
    ],
)
def test_change_refuses(ready, arguments, code, text):
    ready("subscribe", "example.created", BASE)
    (old,) = ready.rows("subscriptions", "show", "1")
    assert text in ready("subscriptions", "change", *arguments, code=code).output
    assert ready.rows("subscriptions", "show", "1") == [old]


def test_resources_of_events_can_be_kept_from_the_command_line(ready, settings):
    settings(EVENTS='{"example.created": {}, "guarded": {"resources": ["sales"]}}')
    ready("subscribe", "guarded", BASE)
    settings(CLI_RESOURCES='["stock"]')
    ready("subscribe", "example.created", BASE)
    for command in (
        ["subscribe", "guarded", BASE],
        ["subscriptions", "change", "1", "--target", f"{BASE}/2"],
        ["subscriptions", "change", "2", "--event", "guarded"],
        ["subscriptions", "disable", "1"],
        ["subscriptions", "delete", "1", "--yes"],
        ["token", "create", "shop", "--resource", "sales"],
        ["token", "create", "shop", "--resource", "all"],
    ):
        assert "need the resource" in ready(*command, code=1).output
    ready("subscriptions", "disable", "2")
    ready("token", "create", "shop", "--resource", "manage", "--resource", "logs")


def test_a_pattern_and_a_filter(ready):
    refused = ready("subscribe", "example.**x", BASE, code=1)
    assert "** as a level of its own" in refused.output
    refused = ready("subscribe", "nothing.*", BASE, code=1)
    assert "unknown event" in refused.output
    refused = ready("subscribe", "example.*", BASE, "--filter", "status:success", code=1)
    assert "belongs to an attempt" in refused.output
    refused = ready("subscribe", "example.*", BASE, "--filter", '[{"exact"', code=2)
    assert "no JSON" in refused.output
    ready("subscribe", "example.*, !example.deleted", BASE, "--filter", "data.total:[100 TO *]")
    (made,) = ready.rows("subscriptions", "show", "1")
    assert made["event_name"] == "example.*, !example.deleted"
    assert made["filter"] == "data.total:[100 TO *]"
    ready("subscriptions", "change", "1", "--filter", '{"exact": {"tenant": "t"}}')
    (made,) = ready.rows("subscriptions", "show", "1")
    assert made["filter"] == [{"exact": {"tenant": "t"}}]
    ready("subscriptions", "change", "1", "--unset", "filter", "--event", "example.created")
    (made,) = ready.rows("subscriptions", "show", "1")
    assert (made["filter"], made["event_name"]) == (None, "example.created")


def test_a_filter_is_tried(ready):
    ready("subscribe", "example.created", BASE, "--filter", "data.total:[100 TO *]")
    assert "no such events yet" in ready("subscriptions", "try-filter", "1").output
    for total in (50, 150):
        ready("publish", "example.created", f'{{"total": {total}}}')
    said = ready("subscriptions", "try-filter", "1").output
    assert "1 of the latest 2 events pass" in said
    other = ["--event", "example.*", "--filter", "data.total:50"]
    (found,) = ready.rows("subscriptions", "try-filter", *other)
    assert (found["tried"], found["passing"], found["filtered"]) == (2, 1, 1)
    assert [one["verdict"] for one in found["events"]] == ["filtered", "passes"]
    doubtful = ready("subscriptions", "try-filter", "1", "--filter", "data.a:1 and data.b:2")
    assert "Doubtful" in doubtful.output
    assert "which filter" in ready("subscriptions", "try-filter", "--event", "**", code=2).output
    assert "which events" in ready("subscriptions", "try-filter", "--filter", "a", code=2).output
    assert "no subscription 9" in ready("subscriptions", "try-filter", "9", code=1).output


def test_a_secret_is_rotated(ready):
    ready("subscribe", "example.created", BASE)
    said = ready("subscriptions", "rotate-secret", "1", "--overlap", "7d").output
    assert "older ones sign, too, until 20" in said
    assert "shown only now: whsec_" in said
    (made,) = ready.rows("subscriptions", "rotate-secret", "1", "--kind", "ed25519")
    assert made["receiver_secret"].startswith("whpk_")
    assert len(made["older_secrets_until"]) == 2
    said = ready("subscriptions", "rotate-secret", "1", "--overlap", "forever").output
    assert "end-older-secrets" in said
    ready("subscriptions", "end-older-secrets", "1")
    (made,) = ready.rows("subscriptions", "show", "1")
    assert made["older_secrets_until"] == []
    said = ready("subscriptions", "rotate-secret", "1", "--overlap", "0").output
    assert "the old one signs no more" in said
    for wrong in ("a day", "-1h", "5w", "1e9d"):
        refused = ready("subscriptions", "rotate-secret", "1", "--overlap", wrong, code=2)
        assert "--overlap" in refused.output
    both = ["--secret", "x", "--kind", "ed25519"]
    assert "not both" in ready("subscriptions", "rotate-secret", "1", *both, code=2).output


def test_thresholds_of_failures(ready):
    more = ["--warn-after", "15m", "--disable-failures", "0", "--disable-after", "2d"]
    ready("subscribe", "example.created", BASE, "--warn-failures", "7", *more)
    (made,) = ready.rows("subscriptions", "show", "1")
    found = {name: made[name] for name in made if name.startswith(("warn_", "disable_"))}
    assert found == {
        "warn_failures": 7,
        "warn_after": 900.0,
        "disable_failures": 0,
        "disable_after": 172_800.0,
    }
    ready("subscriptions", "change", "1", "--warn-failures", "8")
    assert ready.rows("subscriptions", "show", "1")[0]["warn_after"] == 900.0
    ready("subscriptions", "change", "1", "--unset", "failing")
    assert ready.rows("subscriptions", "show", "1")[0]["warn_failures"] is None
    assert ready.rows("subscriptions", "list", "--failing") == []
    refused = ready("subscribe", "example.created", BASE, "--warn-after", "soon", code=2)
    assert "--warn-after" in refused.output
