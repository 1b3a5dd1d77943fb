"""People for whom a reverse proxy vouches, by a header of each request."""

from __future__ import annotations

import re

import httpx
import pytest

from asyncevents_core.errors import SettingsError
from asyncevents_core.web.app import create_app
from asyncevents_core.web.server import _Forwarded
from tests.web.serving import running

PROXY = {
    "WEB_PROXY_USER_HEADER": "X-Forwarded-User",
    "WEB_PROXY_GROUPS_HEADER": "X-Forwarded-Groups",
    "WEB_PROXY_ADDRESSES": ["127.0.0.1"],
    "WEB_GROUPS": {
        "staff": {"resources": ["view"]},
        "acme": {"resources": ["logs"], "tenant": "acme"},
        "other": {"resources": ["logs"], "tenant": "other"},
    },
}
ANN = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "staff, unknown"}


@pytest.fixture
def behind(serve):
    """A function that starts a server, and returns a browser; its headers are the proxy's."""
    opened = []

    def start(headers, **more):
        api = serve(**{**PROXY, **more})
        opened.append(httpx.Client(base_url=f"{api.address}/admin", headers=headers))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def enter(browser):
    return browser.get("/sign-in", params={"next": "/subscriptions"})


def test_the_proxy_signs_people_in(behind):
    browser = behind(ANN)
    assert browser.get("/subscriptions").status_code == 303
    answer = enter(browser)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/subscriptions"
    assert "HttpOnly" in answer.headers["set-cookie"]
    page = browser.get("/subscriptions")
    assert page.status_code == 200
    assert 'title="proxy ann"' in page.text


def test_a_session_lasts_as_long_as_the_proxy_says_the_same(behind):
    browser = behind(ANN)
    enter(browser)
    for changed in (
        {"X-Forwarded-User": "ben"},
        {"X-Forwarded-Groups": "acme"},
        {"X-Forwarded-Groups": ""},
        {"X-Forwarded-User": ""},
    ):
        assert browser.get("/subscriptions", headers=changed).status_code == 303
    del browser.headers["X-Forwarded-User"]
    assert browser.get("/subscriptions").status_code == 303


@pytest.mark.parametrize("addresses", [["10.0.0.0/8"], ["127.0.0.2"], ["::1"]])
def test_the_header_does_not_count_from_elsewhere(behind, addresses):
    browser = behind(ANN, WEB_PROXY_ADDRESSES=addresses)
    answer = enter(browser)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert 'name="password"' in answer.text


@pytest.mark.parametrize("twice", ["X-Forwarded-User", "x-forwarded-groups"])
def test_a_header_that_comes_twice_signs_nobody_in(behind, twice):
    browser = behind(ANN)
    pairs = [*ANN.items(), (twice, "staff")]
    answer = browser.get("/sign-in", headers=pairs)
    assert answer.status_code == 400
    assert "came 2 times" in answer.text
    enter(browser)
    assert browser.get("/subscriptions", headers=pairs).status_code == 400


@pytest.mark.parametrize(
    ("groups", "said"),
    [("unknown", "nothing that ann may do here"), ("acme,other", "one tenant"), ("", "has none")],
)
def test_groups_that_give_nothing_are_explained(behind, groups, said):
    answer = enter(behind({**ANN, "X-Forwarded-Groups": groups}))
    assert answer.status_code == 403
    assert said in answer.text
    assert "set-cookie" not in answer.headers


def test_a_name_that_cannot_be(behind):
    answer = enter(behind({**ANN, "X-Forwarded-User": "x" * 201}))
    assert answer.status_code == 403
    assert "1 to 200 characters" in answer.text


def test_signing_out_here_says_where_else(behind):
    browser = behind(ANN)
    enter(browser)
    page = browser.get("/subscriptions").text
    token = re.search(r'name="csrf" value="([^"]+)"', page)[1]
    answer = browser.post("/sign-out", data={"csrf": token})
    assert "Sign out there, too" in answer.text
    assert "ann" not in answer.text
    assert browser.get("/subscriptions").status_code == 303


@pytest.mark.parametrize(("addresses", "status"), [(["127.0.0.1"], 303), (["203.0.113.9"], 200)])
def test_whom_the_proxy_speaks_for_does_not_take_its_place(serve, addresses, status):
    api = serve(**{**PROXY, "WEB_PROXY_ADDRESSES": addresses})
    application = _Forwarded(create_app(api.events.runtime), ["127.0.0.1"])
    with running(application) as address:
        headers = {**ANN, "X-Forwarded-For": "203.0.113.9"}
        assert httpx.get(f"{address}/admin/sign-in", headers=headers).status_code == status


def test_a_password_does_as_well(behind):
    browser = behind({})
    assert 'name="password"' in browser.get("/sign-in").text


def test_resources_of_groups_that_do_not_exist_are_found_at_start(serve):
    groups = {
        "staff": {"resources": ["veiw"]},
        "sales": {"resources": ["sales", "view"]},
        "others": {"resources": ["view", "sale"]},
    }
    with pytest.raises(SettingsError) as caught:
        serve(WEB_GROUPS=groups)
    staff, others = caught.value.problems
    assert staff.startswith("WEB_GROUPS['staff'].resources: no resource 'veiw' (did you mean")
    assert others.startswith("WEB_GROUPS['others'].resources: no resource 'sale' (did you mean")
