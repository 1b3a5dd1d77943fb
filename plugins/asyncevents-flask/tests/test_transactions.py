"""publish() in the transaction of db.session, on each database."""

from __future__ import annotations

import json

import pytest

TRANSACTIONS = """
from contextlib import suppress
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

def note(kept, **more):
    return events.publish("note.written", {"kept": kept}, **more)

note("on its own", session=None)
events.publish_many([("note.written", {"kept": "both"})] * 2, session=None)
note("no")
db.session.rollback()
note("outer")
with suppress(KeyError), db.session.begin_nested():
    note("no")
    with db.session.begin_nested():
        note("no")
    raise KeyError
with db.session.begin_nested():
    note("inner")
first = note("once", event_id="x")
db.session.commit()
assert note("once", event_id="x") == first
db.session.commit()
db.session.add(Order(number=1))
note("with a row")
db.session.commit()
db.session.add(Order(number=1))
note("no")
with suppress(IntegrityError):
    db.session.commit()
db.session.rollback()
with Session(db.engine) as other:
    note("another session", session=other)
    other.commit()
    note("no", session=other)
"""


@pytest.mark.parametrize("flask", ["installed", "oldest"])
def test_what_is_published(request, make_shop, url, flask):
    path = (request.getfixturevalue("oldest_flask"),) if flask == "oldest" else ()
    shop = make_shop(url, path=path).migrate()
    shop.script(TRANSACTIONS)
    kept = [one["data"]["kept"] for one in shop.published()]
    assert sorted(kept) == sorted(
        ["on its own", "both", "both", "outer", "inner", "once", "with a row", "another session"]
    )


HANDED_OVER = """
from contextlib import suppress

told = []
publisher = events.core._ready_publisher()
publisher._carrier.submit = lambda ids: told.extend(ids)
kept = events.publish("note.written", {})
with suppress(KeyError), db.session.begin_nested():
    events.publish("note.written", {})
    raise KeyError
assert told == [], "before the commit"
db.session.commit()
assert told[0] == kept, told
alone = events.publish("note.written", {}, session=None)
assert told[-1] == alone, told
"""


def test_the_broker_is_told_of_what_is_committed(make_shop, start_server):
    make_shop(BROKER_URL=start_server("Redis").url).migrate().script(HANDED_OVER)


BY_BIND_KEY = """
from contextlib import suppress
from sqlalchemy import inspect

db.session.add(Order(number=1))
events.publish("note.written", {"kept": "with a row of another database"})
db.session.commit()
db.session.add(Order(number=2))
events.publish("note.written", {"kept": "no"})
db.session.rollback()
with suppress(KeyError), db.session.begin_nested():
    events.publish("note.written", {"kept": "no"})
    raise KeyError
db.session.commit()
assert [one.number for one in db.session.query(Order)] == [1]
db.session.rollback()
for key, wanted in ((None, False), ("events", True)):
    assert inspect(db.engines[key]).has_table("asyncevents_event") is wanted, key
"""


def test_a_ledger_by_bind_key(make_shop, tmp_path):
    binds = {"events": f"sqlite:///{tmp_path}/events.db"}
    shop = make_shop(config={"SQLALCHEMY_BINDS": binds}, LEDGER="events").migrate()
    shop.script(BY_BIND_KEY)
    assert [one["data"]["kept"] for one in shop.published()] == ["with a row of another database"]


UNFINISHED = """
import json, warnings
from flask import abort, redirect
from shop import create_app, db, events, Order

app = create_app()

@app.get("/<what>")
def view(what):
    for number in range(2):
        events.publish("note.written", {"what": what})
    if what == "commits":
        db.session.commit()
    if what == "rolls back":
        db.session.rollback()
    if what == "commits before":
        db.session.commit()
        events.publish("note.written", {"what": "after"})
    if what == "removes":
        db.session.remove()
    if what == "refuses":
        abort(400)
    if what == "raises":
        raise KeyError
    if what == "redirects":
        return redirect("/")
    return ""

client = app.test_client()
warned = {}
for what in ("commits", "forgets", "rolls back", "commits before", "removes", "refuses", "raises",
             "redirects"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.get(f"/{what}")
    warned[what] = [(one.category.__name__, one.lineno, str(one.message)) for one in caught]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with app.app_context():
        with db.session.begin_nested():
            events.publish("note.written", {})
    try:
        with app.app_context():
            events.publish("note.written", {})
            raise KeyError
    except KeyError:
        pass
warned["a script"] = [(one.category.__name__, one.lineno, str(one.message)) for one in caught]
print(json.dumps(warned))
"""


def test_what_nobody_commits_is_warned_of(shop):
    warned = json.loads(shop.python("-c", UNFINISHED).stdout)
    counts = {what: len(found) for what, found in warned.items()}
    assert counts == {
        "commits": 0,
        "forgets": 1,
        "rolls back": 0,
        "commits before": 1,
        "removes": 1,
        "refuses": 0,
        "raises": 0,
        "redirects": 1,
        "a script": 1,
    }
    ((category, line, text),) = warned["forgets"]
    assert category == "PublishedWithoutCommit"
    assert "2 event(s)" in text
    assert "db.session.commit()" in text
    assert "events.publish(" in UNFINISHED.splitlines()[line - 1]
    assert "1 event(s)" in warned["commits before"][0][2]
    assert [one["data"]["what"] for one in shop.published()] == [
        "commits", "commits", "commits before", "commits before",
    ]  # fmt: skip
