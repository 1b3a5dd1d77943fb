"""`asyncevents import-mageos`."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from asyncevents_core.engine.managing import moving

KEY = b"0123456789abcdef0123456789abcdef"
COLUMNS = [
    *("subscription_id", "event_name", "recipient_url", "verification_token"),
    *("status", "metadata", "store_id"),
]
XML = """<?xml version="1.0"?>
<config>
    <async_event name="sales.order.created">
        <service class="Magento\\Sales\\Api\\OrderRepositoryInterface" method="get"/>
    </async_event>
    <async_event name="vendor.thing">
        <service class="Vendor\\Thing" method="load"/>
        <resources><resource>Vendor::things</resource></resources>
    </async_event>
</config>
"""


def sealed(text):
    secret = ChaCha20Poly1305(KEY).encrypt(b"n" * 12, text.encode(), b"n" * 12)
    return f"0:3:{base64.b64encode(b'n' * 12 + secret).decode()}"


def dump(*rows, name="subscribers.sql"):
    names = ",".join(f"`{one}`" for one in COLUMNS)
    values = ",".join(f"({','.join(map(repr, one))})" for one in rows)
    Path(name).write_text(f"INSERT INTO `async_event_subscriber` ({names}) VALUES\n{values};\n")


def row(number, event="sales.order.created", token="a-token", status=1, sink="http", store=0):
    return (number, event, f"https://example.com/{number}", sealed(token), status, sink, store)


@pytest.fixture
def shop(ready, folder):
    """A folder with what a shop has."""
    Path("async_events.xml").write_text(XML)
    Path("env.php").write_text(f"<?php return ['crypt' => ['key' => '{KEY.decode()}']];")
    dump(row(1), row(2, "vendor.thing", status=0, store=2))
    return ready


def define(settings, *names):
    settings(EVENTS=json.dumps({name: {} for name in names}))


def test_a_shop_is_taken_over_in_two_steps(shop, settings, folder):
    output = shop("import-mageos", "async_events.xml", "--events-to", "shop_events.py").stdout
    assert "2 events: 2 made" in output
    assert "write what Vendor\\Thing::load did" in output
    settings(EVENT_MODULES=json.dumps(["shop_events"]))
    both = ("import-mageos", "async_events.xml", "subscribers.sql", "--key-file", "env.php")
    output = shop(*both).stdout
    assert "2 events: 2 there already" in output
    assert "2 subscriptions: 2 made" in output
    assert "2 tokens could be guessed" in output
    listed = shop.rows("subscriptions", "list")
    assert [(one["event_name"], one["status"], one["tenant"]) for one in listed] == [
        ("sales.order.created", "enabled", None),
        ("vendor.thing", "disabled", "2"),
    ]
    assert "2 subscriptions: 2 there already" in shop(*both).stdout
    assert len(shop.rows("subscriptions", "list")) == 2


def test_a_dry_run_writes_nothing(shop, settings, folder):
    define(settings, "sales.order.created", "vendor.thing")
    output = shop(
        *("import-mageos", "subscribers.sql", "--key-file", "env.php", "--dry-run"),
    ).stdout
    assert "2 subscriptions: 2 new" in output
    assert "nothing was written: this was a dry run" in output
    assert shop.rows("subscriptions", "list") == []
    shop("import-mageos", "async_events.xml", "--events-to", "other.py", "--dry-run")
    assert not Path("other.py").exists()


def test_a_dry_run_of_everything_says_what_waits_for_what(shop):
    arguments = ("import-mageos", "async_events.xml", "subscribers.sql", "--key-file", "env.php")
    output = shop(*arguments, "--dry-run", code=1).stdout
    assert "2 events: 2 new" in output
    assert "2 subscriptions: 2 waiting for their events" in output


def test_without_a_module_to_write_events_are_only_listed(shop):
    output = shop("import-mageos", "async_events.xml").stdout
    assert "2 events: 2 new" in output
    assert "--events-to FILE.py writes the events that are new" in output


def test_as_json(shop, settings):
    define(settings, "sales.order.created")
    dump(row(1), row(2, "unknown.event"))
    event, _, made, refused = shop.rows(
        "import-mageos", "async_events.xml", "subscribers.sql", "--key-file", "env.php", code=1
    )
    assert event == {
        "what": "event",
        "where": "async_events.xml:3",
        "event_name": "sales.order.created",
        "service": "Magento\\Sales\\Api\\OrderRepositoryInterface::get",
        "resources": [],
        "result": "there",
        "detail": "",
    }
    assert made == {
        "what": "subscription",
        "where": "subscribers.sql:2",
        "original_id": 1,
        "event_name": "sales.order.created",
        "sink": "http",
        "target": "https://example.com/1",
        "tenant": None,
        "result": "made",
        "detail": "",
        "subscription_id": 1,
        "receiver_secret": None,
    }
    assert (refused["original_id"], refused["result"]) == (2, "refused")
    assert "unknown event 'unknown.event'" in refused["detail"]


def test_without_the_key_nothing_is_made_up_unless_one_says_so(shop, settings):
    define(settings, "sales.order.created")
    dump(row(1), row(2))
    output = shop("import-mageos", "subscribers.sql", code=1).stdout
    assert "without the shop's key its token cannot be decrypted" in output
    assert "2 subscriptions: 2 refused" in output
    output = shop("import-mageos", "subscribers.sql", "--new-secrets").stdout
    told = [one.split() for one in output.partition("shown only now:\n")[2].splitlines()]
    assert [one[:3] for one in told] == [
        ["1", "sales.order.created", "https://example.com/1"],
        ["2", "sales.order.created", "https://example.com/2"],
    ]
    assert all(one[3].startswith("whsec_") for one in told)
    assert "shown only now" not in shop("import-mageos", "subscribers.sql", "--new-secrets").stdout


def test_new_secrets_are_told_also_where_it_ends_early(shop, settings, monkeypatch):
    define(settings, "sales.order.created")
    dump(row(1), row(2), row(3))
    monkeypatch.setattr(moving, "AT_ONCE", 2)
    insert = moving.insert_audited

    def interrupted(tx, wanted, **how):
        if wanted.target.endswith("3"):
            raise KeyboardInterrupt
        return insert(tx, wanted, **how)

    monkeypatch.setattr(moving, "insert_audited", interrupted)
    output = shop("import-mageos", "subscribers.sql", "--new-secrets", code=1).output
    told = [one.split() for one in output.splitlines() if "whsec_" in one]
    assert [one[0] for one in told] == ["1", "2"]
    assert "interrupted: what was made stays so" in output


def test_many_are_shown_in_part_and_the_worst_first(shop, settings):
    define(settings, "sales.order.created")
    dump(*(row(number) for number in range(1, 120)), row(120, "unknown.event"))
    output = shop("import-mageos", "subscribers.sql", "--key-file", "env.php", code=1).stdout
    assert "… and 70 more: --json lists all" in output
    assert output.index("unknown.event") < output.index("https://example.com/1 ")
    assert "120 subscriptions: 1 refused, 119 made" in output


def test_csv_and_sinks_with_other_names(shop, settings):
    define(settings, "sales.order.created")
    Path("subscribers.csv").write_text(
        f"{','.join(COLUMNS)}\n1,sales.order.created,https://example.com/1,{sealed('t')},1,mine,0\n"
    )
    arguments = ("import-mageos", "subscribers.csv", "--key-file", "env.php", "--disabled")
    assert "unknown sink 'mine'" in shop(*arguments, code=1).stdout
    (one,) = shop.rows(*arguments, "--sink", "mine=http")
    assert (one["sink"], one["result"]) == ("http", "made")
    (kept,) = shop.rows("subscriptions", "show", "1")
    assert kept["status"] == "disabled"


def test_a_module_that_somebody_changed_is_not_overwritten(shop):
    write = ("import-mageos", "async_events.xml", "--events-to", "shop_events.py")
    shop(*write)
    shop(*write)
    path = Path("shop_events.py")
    path.write_text(path.read_text() + "# mine\n")
    assert "shop_events.py is there already, and different" in shop(*write, code=1).output
    assert path.read_text().endswith("# mine\n")


def test_events_that_are_defined_are_not_written_again(shop, settings):
    define(settings, "sales.order.created")
    shop("import-mageos", "async_events.xml", "--events-to", "rest.py")
    assert 'event("sales.order.created"' not in Path("rest.py").read_text()
    define(settings, "sales.order.created", "vendor.thing")
    shop("import-mageos", "async_events.xml", "--events-to", "nothing.py")
    assert not Path("nothing.py").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'FILE…'"),
        (("none.sql",), "'none.sql' does not exist"),
        (("env.php",), "env.php: its name ends in none of .xml, .sql, .csv"),
        (("subscribers.sql", "--sink", "x"), "--sink 'x': write METADATA=SINK"),
    ],
)
def test_wrong_command_lines_are_refused(shop, arguments, message):
    assert message in shop("import-mageos", *arguments, code=2).output


def test_a_broken_file_stops_everything_before_anything_is_done(shop, settings):
    define(settings, "sales.order.created")
    dump(row(1), name="good.sql")
    Path("broken.sql").write_text(Path("good.sql").read_text()[:-5])
    output = shop(
        *("import-mageos", "good.sql", "broken.sql", "--key-file", "env.php"), code=1
    ).output
    assert "broken.sql:2: " in output
    assert shop.rows("subscriptions", "list") == []
