"""Sign in with a password or a link, stay signed in, sign out: over HTTP, as browsers do."""

from __future__ import annotations

import re
import sqlite3

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from asyncevents_core.domain.user import Source
from asyncevents_core.engine.managing import sessions
from asyncevents_core.engine.managing.users import create_link, set_disabled, set_password
from tests.hashing import PASSWORD, PlainHasher
from tests.web.serving import OPERATOR, requests_logged, running

COOKIE = "asyncevents_session"


@pytest.fixture
def browser(api):
    with httpx.Client(base_url=f"{api.address}/admin", timeout=30) as client:
        yield client


def sign_in(browser, name, password=PASSWORD, *, headers=None, **more):
    fields = {"name": name, "password": password, **more}
    return browser.post("/sign-in", data=fields, headers=headers)


def is_signed_in(browser):
    answer = browser.get("/password")
    assert answer.status_code in {200, 303}
    return answer.status_code == 200


def csrf_of(browser):
    return re.search(r'name="csrf" value="([^"]+)"', browser.get("/password").text)[1]


def cookie_of(answer, name=COOKIE):
    (found,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{name}=")]
    value, *attributes = found.partition("=")[2].split("; ")
    return value, {one.lower() for one in attributes}


def test_whoever_is_not_signed_in_is_asked_and_comes_back(api, browser):
    answer = browser.get("/logs", params={"query": "a b"})
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location == "/admin/sign-in?next=%2Flogs%3Fquery%3Da%2Bb"
    page = browser.get(f"{api.address}{location}")
    wanted = re.search(r'name="next" value="([^"]+)"', page.text)[1]
    answer = sign_in(browser, api.user("view", "logs"), next=wanted)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/logs?query=a+b"
    assert browser.get(f"{api.address}{answer.headers['location']}").status_code == 200


def test_a_part_of_a_page_leads_the_whole_page_there(api, browser):
    headers = {"HX-Request": "true", "HX-Current-URL": f"{api.address}/admin/logs?query=x"}
    answer = browser.get("/problems", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/admin/sign-in?next=%2Flogs%3Fquery%3Dx"
    headers["HX-Current-URL"] = "https://evil.example//evil.example"
    answer = browser.get("/problems", headers=headers)
    assert answer.headers["hx-redirect"] == "/admin/sign-in?next=%2F"


def test_the_cookie(api, browser):
    value, attributes = cookie_of(sign_in(browser, api.user("view")))
    assert value.startswith("aes_")
    assert {"httponly", "samesite=lax", "path=/admin"} <= attributes
    assert "secure" not in attributes
    assert not [one for one in attributes if one.startswith("domain")]


def test_the_cookie_over_https_and_below_a_mount(api):
    async def https(scope, receive, send):
        if scope["type"] == "http":
            scope["scheme"] = "https"
        await mounted(scope, receive, send)

    mounted = Starlette(routes=[Mount("/events", app=api.app)])
    name = api.user("view")
    with running(https) as address, httpx.Client(base_url=f"{address}/events/admin") as browser:
        answer = sign_in(browser, name, next="/subscriptions")
        assert answer.headers["location"] == "/events/admin/subscriptions"
        _, attributes = cookie_of(answer)
        assert {"secure", "path=/events/admin"} <= attributes


def test_a_wrong_password_an_unknown_name_and_the_wait(api, browser):
    name = api.user("view")
    texts = set()
    for one in (name, "nobody"):
        answer = sign_in(browser, one, "wrong password")
        assert answer.status_code == 422
        assert "set-cookie" not in answer.headers
        assert "wrong password" not in answer.text.replace("Wrong name or password.", "")
        texts.add(answer.text.replace(one, "NAME"))
    assert len(texts) == 1
    answer = sign_in(browser, name)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert "Too many tries: wait 1 second." in answer.text
    assert not is_signed_in(browser)


def test_what_people_type_is_escaped(api, browser):
    answer = sign_in(browser, '"><script>x</script>', "wrong", next='/"><script>')
    assert answer.status_code == 422
    assert "<script>x" not in answer.text
    assert '"><script>' not in answer.text


def test_a_session_that_somebody_has_planted_is_not_kept(api, browser):
    planted, _ = api.session("view")
    browser.cookies.set(COOKIE, planted, path="/admin")
    value, _ = cookie_of(sign_in(browser, api.user("manage")))
    assert value != planted
    assert sessions.session_of(api.ledger, planted, tenants={}, groups={}, idle=60) is None
    for made_up in ("x", planted.replace(planted[-4:], "AAAA")):
        browser.cookies.clear()
        browser.cookies.set(COOKIE, made_up, path="/admin")
        assert not is_signed_in(browser)


def test_signing_out_ends_the_session_and_takes_the_cookie(api, browser):
    value, _ = cookie_of(sign_in(browser, api.user("view")))
    assert browser.post("/sign-out").status_code == 403
    assert is_signed_in(browser)
    answer = browser.post("/sign-out", data={"csrf": csrf_of(browser)})
    assert answer.headers["location"] == "/admin/sign-in"
    assert cookie_of(answer)[0].strip('"') == ""
    assert "You are signed out." in browser.get("/sign-in").text
    browser.cookies.set(COOKIE, value, path="/admin")
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/sign-out",
        "/sign-in?next=/",
        "",
    ],
)
def test_nobody_is_led_elsewhere(api, browser, wanted):
    name = api.user("view")
    assert sign_in(browser, name, next=wanted).headers["location"] == "/admin/"
    answer = browser.get("/sign-in", params={"next": wanted})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({}, 303),
    ],
)
def test_other_sites_sign_nobody_in(api, browser, headers, status):
    name = api.user("view")
    assert sign_in(browser, name, headers=headers).status_code == status
    code = create_link(api.ledger, name, by=OPERATOR)
    assert browser.post(f"/sign-in/link/{code}", headers=headers).status_code == status


def test_pages_tell_themselves_where_forms_come_from(browser):
    assert browser.get("/sign-in").headers["referrer-policy"] == "same-origin"


def test_htmx_sends_the_token_in_a_header(api, browser):
    sign_in(browser, api.user("view"))
    token = csrf_of(browser)
    wrong = browser.post("/password", headers={"X-CSRF-Token": f"{token}x"})
    assert wrong.status_code == 403
    assert browser.post("/password", headers={"X-CSRF-Token": token}).status_code == 422


def test_the_token_of_another_session_does_not_do(api, browser):
    name = api.user("view")
    sign_in(browser, name)
    first = csrf_of(browser)
    sign_in(browser, name)
    assert browser.post("/sign-out", data={"csrf": first}).status_code == 403


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(serve, tmp_path):
    visitor = serve().visitor("view")

    def seen_at():
        with sqlite3.connect(tmp_path / "ledger.db") as database:
            return database.execute("SELECT seen_at FROM asyncevents_session").fetchone()[0]

    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("UPDATE asyncevents_session SET seen_at = seen_at - 120000000")
    begun = seen_at()
    assert visitor.browser.get("/password", headers={"X-Unattended": "1"}).status_code == 200
    assert seen_at() == begun
    assert visitor.browser.get("/password").status_code == 200
    assert seen_at() > begun


def test_a_session_that_is_idle_ends(serve, tmp_path):
    api = serve(WEB_SESSION_IDLE=60)
    visitor = api.visitor("view")
    assert is_signed_in(visitor.browser)
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("UPDATE asyncevents_session SET seen_at = seen_at - 59000000")
    assert is_signed_in(visitor.browser)
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("UPDATE asyncevents_session SET seen_at = seen_at - 60000000")
    assert not is_signed_in(visitor.browser)


@pytest.mark.parametrize(
    "end",
    [
        lambda ledger, name: set_disabled(ledger, name, True, by=OPERATOR),
        lambda ledger, name: set_password(
            ledger, PlainHasher(), name=name, password="another password", by=OPERATOR
        ),
    ],
)
def test_operators_sign_people_out(api, browser, end):
    name = api.user("view")
    sign_in(browser, name)
    assert is_signed_in(browser)
    end(api.ledger, name)
    assert not is_signed_in(browser)
    assert sign_in(browser, name).status_code == 422


def test_a_token_is_no_session_and_a_session_no_token(api, browser):
    browser.cookies.set(COOKIE, api.token("all"), path="/admin")
    assert not is_signed_in(browser)
    text, _ = api.session("all")
    headers = {"Authorization": f"Bearer {text}"}
    answer = httpx.get(f"{api.address}/rest/V1/async_events", headers=headers)
    assert answer.status_code == 401
    cookies = {"Cookie": f"{COOKIE}={text}"}
    answer = httpx.get(f"{api.address}/rest/V1/async_events", headers=cookies)
    assert answer.status_code == 401


# -- links ------------------------------------------------------------------------------------


def test_a_link_is_used_by_its_button_only(api, browser):
    name = api.user("view")
    code = create_link(api.ledger, name, by=OPERATOR)
    for _ in range(3):
        page = browser.get(f"/sign-in/link/{code}")
        assert page.status_code == 200
        assert "set-cookie" not in page.headers
        assert f'action="/admin/sign-in/link/{code}"' in page.text
    answer = browser.post(f"/sign-in/link/{code}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/password"
    page = browser.get("/password").text
    assert "Current password" not in page
    fields = {"csrf": csrf_of(browser), "new": "another password", "again": "another password"}
    assert browser.post("/password", data=fields).status_code == 303
    assert is_signed_in(browser)
    again = browser.post(f"/sign-in/link/{code}")
    assert again.status_code == 422
    assert "was used" in again.text
    assert browser.post("/sign-in/link/nonsense").status_code == 422


def test_the_log_does_not_show_links(api, browser, caplog):
    code = create_link(api.ledger, api.user("view"), by=OPERATOR)
    with caplog.at_level("INFO", logger="asyncevents.web"):
        browser.get(f"/sign-in/link/{code}")
        browser.post(f"/sign-in/link/{code}", headers={"Origin": "https://evil.example"})
        logged = requests_logged(caplog, 2)
    head, _, secret = code.partition("_")[2].partition("_")
    assert {one.path for one in logged} == {f"/admin/sign-in/link/ael_{head}_•••"}
    assert secret not in caplog.text


# -- one's own password -----------------------------------------------------------------------


def test_ones_own_password_is_changed(api, browser):
    name = api.user("view")
    sign_in(browser, name)
    with httpx.Client(base_url=browser.base_url) as other:
        sign_in(other, name)
        token = csrf_of(browser)

        def change(current, new, again):
            fields = {"csrf": token, "current": current, "new": new, "again": again}
            return browser.post("/password", data=fields)

        differ = change(PASSWORD, "another password", "another passw0rd")
        assert "two different passwords" in differ.text
        assert "12 characters at least" in change(PASSWORD, "short", "short").text
        answer = change(PASSWORD, "another password", "another password")
        assert answer.status_code == 303
        page = browser.get("/password").text
        assert "Your password is changed." in page
        assert not is_signed_in(other)
    assert "Wrong name or password" in change(PASSWORD, PASSWORD, PASSWORD).text
    assert is_signed_in(browser)


def test_whose_password_is_elsewhere(serve):
    api = serve(WEB_GROUPS={"*": {"resources": ["view"]}}, WEB_OPENID=_NOBODYS)
    text = sessions.begin_session(api.ledger, name="ann", source=Source.OPENID, groups=[])
    with httpx.Client(base_url=f"{api.address}/admin") as browser:
        browser.cookies.set(COOKIE, text, path="/admin")
        page = browser.get("/subscriptions")
        assert "ann" in page.text
        assert "Change password" not in page.text
        assert browser.get("/password").status_code == 404


def test_who_came_by_a_provider_goes_with_it(serve):
    api = serve(WEB_GROUPS={"*": {"resources": ["view"]}})
    text = sessions.begin_session(api.ledger, name="ann", source=Source.OPENID, groups=[])
    with httpx.Client(base_url=f"{api.address}/admin") as browser:
        browser.cookies.set(COOKIE, text, path="/admin")
        assert browser.get("/subscriptions").status_code == 303
        assert browser.get("/sign-in/openid").status_code == 404


_NOBODYS = {"issuer": "http://127.0.0.1:9", "client_id": "shop"}
