"""Events, deliveries and dead letters in Django's admin, on each database, and by permissions."""

from __future__ import annotations

import json
import re

import pytest

from asyncevents_core.adapters.sqlalchemy import schema
from tests.integration.inbox import SECRET

COLUMNS = """
import json
from asyncevents_django import models
print(json.dumps({
    one._meta.db_table: {field.column: field.null for field in one._meta.concrete_fields}
    for one in (models.Event, models.Delivery, models.Subscription, models.Attempt)
}))
"""


def test_the_columns_are_those_of_the_schema(make_shop):
    for table, columns in json.loads(make_shop().script(COLUMNS)).items():
        known = {one.name: one.nullable for one in schema.metadata.tables[table].columns}
        assert columns.items() <= known.items(), table


LOOK = """
import json, os, re
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.test.utils import setup_test_environment

# The names of servers, for the client of tests.
from django.conf import settings
settings.ALLOWED_HOSTS = ["*"]

def person(name, *permissions, superuser=False):
    user = User.objects.create(username=name, is_staff=True, is_superuser=superuser)
    for one in permissions:
        user.user_permissions.add(Permission.objects.get(codename=one))
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client

def page(client, path, status=200, **asked):
    answer = client.get(f"/admin/asyncevents_django/{path}", asked)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.content.decode()

def rows(text):
    return len(re.findall(r'name="_selected_action"', text)) or len(
        re.findall(r'class="field-created', text)
    )

boss = person("boss", superuser=True)
for name in ("event", "delivery", "deadletter"):
    page(boss, f"{name}/add/", 403)
    listed = page(boss, f"{name}/")
    ids = re.findall(r"/(?:event|delivery|deadletter)/([0-9a-f-]{36})/change", listed)
    assert ids, listed
    shown = page(boss, f"{name}/{ids[0]}/change/")
    assert 'name="_save"' not in shown and "deletelink" not in shown
    assert ids[0] in page(boss, f"{name}/", q=ids[0])
assert rows(page(boss, "event/")) == 3
assert rows(page(boss, "event/", q="order.created")) == 2
assert rows(page(boss, "event/", q="order.creat")) == 0
assert rows(page(boss, "event/", state__exact="failed")) == 1
assert rows(page(boss, "delivery/")) == 3
assert rows(page(boss, "delivery/", state__exact="delivered")) == 2
assert rows(page(boss, "delivery/", q="order.created")) == 3
(dead,) = set(re.findall(r"/deadletter/([0-9a-f-]{36})/change", page(boss, "deadletter/")))
shown = page(boss, f"deadletter/{dead}/change/")
for part in ("permanent", "HTTP 401", "number", dead):
    assert part in shown, (part, shown)
assert rows(page(boss, "delivery/", q=dead)) == 1

viewer = person("viewer", "view_delivery", "view_deadletter")
page(viewer, "event/", 403)
assert "Replay: send it again" not in page(viewer, "deadletter/")
replay = {"action": "replay", "_selected_action": [dead]}
viewer.post("/admin/asyncevents_django/deadletter/", replay)
nobody = person("nobody")
page(nobody, "deadletter/", 403)
assert "deadletter" not in nobody.get("/admin/").content.decode()

helper = person("helper", "view_deadletter", "view_event", "replay_delivery")
assert "Replay: send it again" in page(helper, "deadletter/")
answer = helper.post("/admin/asyncevents_django/deadletter/", replay, follow=True)
assert "1 replayed" in answer.content.decode(), answer.content.decode()
(failed,) = set(
    re.findall(r"/event/([0-9a-f-]{36})/change", page(helper, "event/", state__exact="failed"))
)
found = set(re.findall(r"/event/([0-9a-f-]{36})/change", page(helper, "event/")))
every = {"action": "replay", "_selected_action": sorted(found)}
answer = helper.post("/admin/asyncevents_django/event/", every, follow=True).content.decode()
assert "1 replayed" in answer
assert "no delivery" in answer
print(json.dumps({"dead": dead, "failed": failed}))
"""


@pytest.mark.parametrize("django", ["installed", "oldest"])
def test_the_admin(request, make_shop, place, inbox, make_inbox, django):
    path = (request.getfixturevalue("oldest_django"),) if django == "oldest" else ()
    shop = make_shop(
        place,
        path=path,
        EVENTS={
            "order.created": {},
            "order.deleted": {},
            "note.written": {"service": "shop.failing:fail"},
        },
        MAXIMUM_DEATHS=0,
    ).migrate()
    shop.write("shop/failing.py", "def fail(number: int):\n    raise RuntimeError('sold out')\n")
    missing = make_inbox()
    subscribe = ("asyncevents", "subscribe")
    shop.manage_all(
        (*subscribe, "order.created", inbox.url, "--secret", SECRET),
        (*subscribe, "order.created", missing.url, "--tenant", "acme"),
        (*subscribe, "note.written", inbox.url, "--secret", SECRET),
    )
    shop.script(
        """
        from asyncevents_django import publish
        publish("order.created", {"number": 1}, tenant="other")
        publish("order.created", {"number": 2})
        publish("note.written", {"number": 3})
        """
    )
    shop.manage("asyncevents", "worker", "--drain", "--log-level", "error")
    assert shop.published()[-1]["state"] == "failed", shop.published()
    done = json.loads(shop.script(LOOK))
    look = shop.look()
    letters = look.rows("dead-letters", "--replayed")
    replayed = [one["uuid"] for one in letters if one.get("replayed")]
    assert replayed == [done["dead"]]
    told = look.run("trace", done["dead"]).stdout
    (replay,) = re.findall(r"replayed by\s+([0-9a-f-]{36})", told)
    assert "django:helper" in look.run("trace", replay).stdout
    assert shop.published()[-1]["state"] == "open"
