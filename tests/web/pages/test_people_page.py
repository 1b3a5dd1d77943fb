"""The people who sign in to the pages: made, let in, kept out, deleted, as an operator does it."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from asyncevents_core.domain.access import ALL
from tests.hashing import PASSWORD
from tests.web.serving import Api, Visitor

ANOTHER = "another password"


def user_of(api: Api, name: str):
    return api.ledger.read(lambda view: view.users.named(name))


def can_sign_in(api: Api, name: str, password: str = PASSWORD) -> bool:
    fields = {"name": name, "password": password}
    answer = httpx.post(f"{api.address}/admin/sign-in", data=fields, timeout=30)
    assert answer.status_code in {303, 422}
    return answer.status_code == 303


def row_of(page: httpx.Response, name: str) -> str:
    """Return the row of a user, as it is read."""
    rows = re.findall(r"<tr>.*?</tr>", page.text, re.DOTALL)
    (found,) = [one for one in rows if f">{name}</strong>" in one]
    return found


def errors(page: httpx.Response) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'class="wrong">(.*?)</p>', page.text)]


@pytest.fixture
def operator(api: Api) -> Visitor:
    return api.visitor(ALL)


def make(operator: Visitor, **fields: object) -> httpx.Response:
    sent = {"name": "ann", "resource": "view", "password": PASSWORD, "again": PASSWORD, **fields}
    return operator.post("/users", **sent)


def test_a_user_is_made_and_listed(api, operator):
    before = operator.get("/")
    assert 'href="/admin/users">People</a>' in before.text
    answer = make(operator, name=" Ann ", resource=["view", "sales"], tenant="acme")
    assert operator.notice(answer) == "Ann can sign in now."
    made = user_of(api, "ann")
    assert (made.resources, made.tenant) == (("view", "sales"), "acme")
    row = row_of(operator.get("/users"), "Ann")
    for shown in ("view, sales", "acme", "Enabled", "never"):
        assert shown in row
    assert can_sign_in(api, "ann")
    assert "never" not in row_of(operator.get("/users"), "Ann")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, "Name must have 1 to 200 characters, not 0."),
        ({"name": "ANN"}, "There is a user 'ANN' already."),
        ({"name": "ben", "again": ANOTHER}, "These are two different passwords."),
        (
            {"name": "ben", "password": "short", "again": "short"},
            "The password must have 12 characters at least, not 5.",
        ),
        ({"name": "ben", "resource": []}, "A user needs at least one resource."),
        ({"name": "ben", "tenant": "x" * 300}, "Tenant "),
    ],
)
def test_what_is_wrong_is_said_at_its_field(api, operator, fields, error):
    assert make(operator).status_code == 303
    page = make(operator, **fields)
    assert page.status_code == 400
    (found,) = errors(page)
    assert found.startswith(error)
    # What was typed is still there, but for passwords.
    assert f'name="name" type="text" value="{fields["name"]}"' in page.text
    assert PASSWORD not in page.text
    assert user_of(api, "ben") is None


def test_another_password(api, operator):
    name = api.user("view")
    where = f"/users/{user_of(api, name).id}/password"
    page = operator.post(where, password=ANOTHER, again=PASSWORD)
    assert (page.status_code, errors(page)) == (400, ["These are two different passwords."])
    page = operator.post(where, password="short", again="short")
    assert (page.status_code, len(errors(page))) == (400, 1)
    assert name in operator.get(where).text
    answer = operator.post(where, password=ANOTHER, again=ANOTHER)
    assert operator.notice(answer) == f"{name} has another password, and is signed out."
    assert can_sign_in(api, name, ANOTHER)
    assert not can_sign_in(api, name)


def test_disabled_and_enabled_again(api, operator):
    name = api.user("view")
    where = f"/users/{user_of(api, name).id}"
    asked = operator.get(f"{where}/disable")
    assert f"Disable {name}?" in asked.text
    assert user_of(api, name).disabled_at is None
    answer = operator.post(f"{where}/disable")
    assert operator.notice(answer) == f"{name} is disabled."
    assert operator.notice(operator.post(f"{where}/disable")) == f"{name} is disabled already."
    row = row_of(operator.get("/users"), name)
    assert "Enable …" in row
    assert "Link …" not in row
    assert operator.post(f"{where}/link").status_code == 400
    assert f"Enable {name}?" in operator.get(f"{where}/enable").text
    assert operator.notice(operator.post(f"{where}/enable")) == f"{name} is enabled."
    assert can_sign_in(api, name)


def test_deleted(api, operator):
    name = api.user("view")
    where = f"/users/{user_of(api, name).id}"
    assert f"Delete {name}?" in operator.get(f"{where}/delete").text
    assert user_of(api, name) is not None
    assert operator.notice(operator.post(f"{where}/delete")) == f"{name} is deleted."
    assert user_of(api, name) is None
    for path in ("password", "disable", "enable", "delete", "link"):
        assert operator.get(f"{where}/{path}").status_code == 404
        assert operator.post(f"{where}/{path}").status_code == 404


def test_a_link_signs_in_once(api, operator):
    name = api.user("view")
    where = f"/users/{user_of(api, name).id}/link"
    assert name in operator.get(where).text
    page = operator.post(where)
    link = re.search(r'<pre id="link">(.*?)</pre>', page.text)[1]
    assert link.startswith(f"{api.address}/admin/sign-in/link/")
    assert page.headers["cache-control"] == "no-store"
    assert link not in operator.get("/users").text
    with httpx.Client(timeout=30) as browser:
        assert browser.post(link).headers["location"] == "/admin/password"
        assert browser.get(f"{api.address}/admin/password").status_code == 200
        assert browser.post(link).status_code == 422


def test_nobody_changes_their_own_account_here(api):
    name = api.user(ALL)
    with httpx.Client(base_url=f"{api.address}/admin", timeout=30) as browser:
        browser.post("/sign-in", data={"name": name, "password": PASSWORD})
        own = user_of(api, name)
        page = browser.get("/users")
        row = row_of(page, name)
        assert "This is you" in row
        assert 'href="/admin/password"' in row
        assert str(own.id) not in re.sub(r'title="[^"]+"', "", row)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
        for path in ("password", "disable", "enable", "delete", "link"):
            where = f"/users/{own.id}/{path}"
            fields = {"csrf": csrf, "password": ANOTHER, "again": ANOTHER}
            for answer in (browser.get(where), browser.post(where, data=fields)):
                assert answer.status_code == 409
                assert "this is you" in answer.text.lower()
        assert user_of(api, name) == own
        assert browser.get("/users").status_code == 200


def test_who_may_less_changes_nobody_who_may_more(api):
    manager = api.visitor("manage")
    name = api.user(ALL)
    page = manager.get("/users")
    row = row_of(page, name)
    assert "may do more than you" in row
    assert "<a " not in row
    where = f"/users/{user_of(api, name).id}"
    for path, fields in {
        "password": {"password": ANOTHER, "again": ANOTHER},
        "disable": {},
        "delete": {},
        "link": {},
    }.items():
        assert manager.post(f"{where}/{path}", **fields).status_code == 403
    assert can_sign_in(api, name)
    # Nor are they offered what they cannot give.
    assert set(re.findall(r'name="resource" value="([^"]+)"', page.text)) >= {"view", "manage"}
    for more in (ALL, "sales"):
        assert f'name="resource" value="{more}"' not in page.text
        assert make(manager, resource=more).status_code == 403
    assert user_of(api, "ann") is None


def test_who_signs_in_elsewhere_is_spoken_of(serve):
    assert "WEB_GROUPS" not in serve().visitor(ALL).get("/users").text


def test_and_where_there_are_groups(serve):
    api = serve(WEB_GROUPS={"support": {"resources": ["logs"]}})
    assert "WEB_GROUPS" in api.visitor(ALL).get("/users").text


def test_names_are_escaped(api, operator):
    name = '<b>"{x}"</b>'
    assert operator.notice(make(operator, name=name)) == f"{name} can sign in now."
    where = f"/users/{user_of(api, name).id}"
    for path in ("", *(f"/{one}" for one in ("password", "disable", "enable", "delete", "link"))):
        page = operator.get(where + path if path else "/users")
        assert page.status_code == 200
        assert "<b>" not in page.text
        assert html.escape(name, quote=True).replace("&quot;", "&#34;") in page.text


def test_many_people_are_on_several_pages(api, operator):
    names = sorted(api.user("view", name=f"person-{number:03}") for number in range(60))
    first = operator.get("/users")
    assert 'rel="prev"' not in first.text
    assert 'href="/admin/users?page=2" rel="next"' in first.text
    second = operator.get("/users", page=2)
    listed = re.findall(r">(person-\d+)</strong>", first.text + second.text)
    assert listed == names
    assert 'rel="next"' not in second.text
