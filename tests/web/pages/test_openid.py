"""People sign in by an OpenID provider: a real one, and one that does everything wrong."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from asyncevents_core.adapters import openid
from tests.conftest import skip_unless_present
from tests.services.needs import OPENID
from tests.services.openid_provider import OpenId
from tests.web.pages.faulty_provider import SECRET, FaultyProvider, moved
from tests.web.serving import running

GROUPS = {"staff": {"resources": ["view"]}}


@pytest.fixture(scope="module")
def real():
    skip_unless_present(OPENID)
    server = OpenId()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def open_browser():
    opened = []

    def make(api):
        opened.append(httpx.Client(base_url=f"{api.address}/admin", timeout=30))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def signing_in(serve, real, open_browser):
    """A function that signs somebody in by the real provider; it returns browser and answer."""

    def attempt(name, *, client_id="shop", secret="a secret: of & the = shop"):
        options = {
            "issuer": real.issuer,
            "client_id": client_id,
            "client_secret": secret,
            "scopes": ["openid", "profile", "groups"],
        }
        browser = open_browser(serve(WEB_OPENID=options, WEB_GROUPS=GROUPS))
        answer = browser.get("/sign-in/openid", params={"next": "/subscriptions?status=enabled"})
        assert answer.status_code == 302
        return browser, through(browser, answer, name)

    return attempt


def through(browser, answer, name):
    """Do at the provider what people do, until it sends the browser back; return the answer."""
    while not (path := urlsplit(answer.headers.get("location", "")).path).startswith("/admin"):
        if path:
            answer = browser.get(answer.url.join(answer.headers["location"]))
            continue
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert prompt, answer.text
        action = re.search(r'action="([^"]+)"', answer.text)[1]
        fields = {"prompt": prompt[1], "login": name, "password": "any"}
        answer = browser.post(answer.url.join(action), data=fields)
    return browser.get(answer.headers["location"])


# -- a real provider --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "client", [{}, {"client_id": "public", "secret": None}], ids=["with a secret", "without"]
)
def test_somebody_signs_in(signing_in, client):
    browser, answer = signing_in("ann", **client)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/admin/subscriptions?status=enabled"
    page = browser.get("/subscriptions")
    assert page.status_code == 200
    assert 'title="openid ann"' in page.text
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    answer = browser.post("/sign-out", data={"csrf": token})
    assert answer.headers["location"] == "/admin/sign-in"
    assert browser.get("/subscriptions").status_code == 303


def test_somebody_without_a_group(signing_in):
    browser, answer = signing_in("ben")
    assert answer.status_code == 403
    assert "nothing that ben may do here" in answer.text
    assert "asyncevents_session" not in browser.cookies


def test_a_wrong_secret(signing_in):
    _, answer = signing_in("ann", secret="wrong")
    assert answer.status_code == 403
    assert "HTTP 401 from /token" in answer.text
    assert "wrong" not in answer.text.partition("HTTP 401")[2].partition("</p>")[0]


def test_the_page_offers_it(serve, real, open_browser):
    options = {"issuer": real.issuer, "client_id": "shop"}
    page = open_browser(serve(WEB_OPENID=options)).get("/sign-in", params={"next": "/logs"})
    assert 'href="/admin/sign-in/openid?next=%2Flogs"' in page.text


# -- one that does everything wrong -----------------------------------------------------------


@pytest.fixture
def provider():
    made = FaultyProvider()
    with running(made.app) as address:
        made.issuer = address
        yield made


@pytest.fixture
def browser(stage, tmp_path, provider, open_browser):
    options = {"issuer": provider.issuer, "client_id": "shop", "client_secret": SECRET}
    with stage.play(tmp_path, WEB_OPENID=options, WEB_GROUPS=GROUPS) as api:
        yield open_browser(api)


def begin(browser, provider, wanted="/"):
    """Begin to sign in; return what the provider has to send back."""
    answer = browser.get("/sign-in/openid", params={"next": wanted})
    assert answer.status_code == 302, answer.text
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    provider.nonce = asked["nonce"]
    return {"state": asked["state"], "code": "a code"}


def finish(browser, query):
    return browser.get("/sign-in/openid/back", params=query)


def said(answer):
    """Return why somebody was not signed in."""
    assert answer.status_code == 403, answer.text
    assert "asyncevents_session" not in answer.headers.get("set-cookie", "")
    assert 'name="password"' in answer.text
    return re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)[1]


def test_what_it_is_asked(browser, provider):
    answer = browser.get("/sign-in/openid")
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    back = asked["redirect_uri"][0]
    assert back == f"{browser.base_url}sign-in/openid/back"
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "Path=/admin/sign-in/openid" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    answer = finish(browser, begin(browser, provider, "/logs"))
    assert answer.headers["location"] == "/admin/logs"
    paths = [one.url.path for one in provider.asked]
    # What it says of itself is asked once.
    assert paths == ["/.well-known/openid-configuration", "/token", "/keys"]
    assert provider.asked[1].headers["authorization"].startswith("Basic ")


def test_each_sign_in_has_values_of_its_own(browser, provider):
    first, second = begin(browser, provider), begin(browser, provider)
    assert first["state"] != second["state"]
    assert "was not begun here" in said(finish(browser, first))


def test_an_answer_is_of_use_once(browser, provider):
    query = begin(browser, provider)
    assert finish(browser, query).status_code == 303
    assert "was not begun here" in said(finish(browser, query))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"state": "wrong"}, "was not begun here"),
        ({"state": "\u017e"}, "was not begun here"),
        ({"state": None}, "was not begun here"),
        ({"iss": "https://evil.example"}, "nother provider answered"),
        ({"error": "access_denied", "error_description": "<b>No\n"}, "refused: &lt;b&gt;No"),
        ({"code": None}, "no code"),
    ],
)
def test_answers_that_are_refused(browser, provider, changed, text):
    query = {**begin(browser, provider), **changed}
    query = {name: value for name, value in query.items() if value is not None}
    assert text in said(finish(browser, query))
    # Nobody was asked for a token.
    assert len(provider.asked) == 1


@pytest.mark.parametrize("kept", [None, "", "x", "e30=", "bnVsbA=="])
def test_browsers_that_have_kept_nothing_of_use(browser, provider, kept):
    query = begin(browser, provider)
    browser.cookies.clear()
    if kept is not None:
        browser.cookies.set("asyncevents_openid", kept, path="/admin/sign-in/openid")
    assert "was not begun here" in said(finish(browser, query))


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "wrong"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": ["shop", "another"]},
        {"aud": ["shop", "another"], "azp": "another"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "never"},
        {"iat": 4_000_000_000, "exp": 4_000_000_300},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"at_hash": "wrong"},
    ],
    ids=str,
)
def test_id_tokens_with_wrong_claims_are_refused(browser, provider, claims):
    query = begin(browser, provider)
    provider.claims = claims
    assert "ID token is not valid" in said(finish(browser, query))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "other key"])
def test_id_tokens_that_anybody_could_have_signed_are_refused(browser, provider, algorithm):
    query = begin(browser, provider)
    provider.algorithm = algorithm
    assert "ID token is not valid" in said(finish(browser, query))


@pytest.mark.parametrize(
    ("path", "answer", "text"),
    [
        ("/token", JSONResponse({"error": "invalid_grant"}, 400), "from /token: invalid_grant"),
        ("/token", PlainTextResponse("no"), "HTTP 200 from /token"),
        ("/token", JSONResponse(["no"]), "HTTP 200 from /token"),
        ("/token", JSONResponse({}), "ID token is not valid"),
        ("/token", JSONResponse({"id_token": "a.b.c"}), "ID token is not valid"),
        ("/token", JSONResponse({"id_token": "x" * 300_000}), "too long"),
        ("/token", moved(), "HTTP 307 from /token"),
        ("/keys", JSONResponse({}), "ID token is not valid"),
        ("/keys", JSONResponse({"keys": [{"kty": "RSA"}]}), "ID token is not valid"),
        ("/keys", Response(status_code=500), "HTTP 500 from /keys"),
    ],
)
def test_a_provider_that_answers_wrong(browser, provider, path, answer, text):
    query = begin(browser, provider)
    provider.answers[path] = answer
    assert text in said(finish(browser, query))


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ({"issuer": "https://evil.example"}, "calls itself https://evil.example"),
        ({"issuer": None}, "calls itself None"),
        ({"token_endpoint": None}, "does not say its token_endpoint"),
        ({"token_endpoint": "http://evil.example/token"}, "token_endpoint cannot be used"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint cannot"),
        ({"jwks_uri": 7}, "does not say its jwks_uri"),
    ],
)
def test_a_provider_that_says_wrong_things_of_itself(browser, provider, about, text):
    provider.about = about
    answer = browser.get("/sign-in/openid")
    assert text in said(answer)
    assert "location" not in answer.headers


def test_a_provider_that_leads_elsewhere_is_not_followed(browser, provider):
    provider.answers["/.well-known/openid-configuration"] = moved()
    assert "HTTP 307" in said(browser.get("/sign-in/openid"))


def test_a_provider_that_does_not_answer(browser, provider, monkeypatch):
    monkeypatch.setattr(openid, "_WITHIN", 0.2)
    provider.hangs = True
    assert "did not answer within 0.2 s" in said(browser.get("/sign-in/openid"))


def test_a_provider_that_cannot_be_reached(serve, open_browser):
    options = {"issuer": "http://127.0.0.1:1", "client_id": "shop"}
    browser = open_browser(serve(WEB_OPENID=options))
    assert "cannot be reached" in said(browser.get("/sign-in/openid"))
    assert browser.get("/sign-in").status_code == 200


def test_a_provider_that_takes_the_secret_in_the_body_only(browser, provider):
    provider.about = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert finish(browser, begin(browser, provider)).status_code == 303
    assert "authorization" not in provider.asked[1].headers


def test_what_the_id_token_does_not_say_the_provider_is_asked_for(browser, provider):
    query = begin(browser, provider)
    provider.claims = {"preferred_username": None, "groups": None}
    provider.person = {"preferred_username": "eve", "groups": "staff"}
    assert finish(browser, query).status_code == 303
    assert 'title="openid eve"' in browser.get("/subscriptions").text
    assert provider.asked[-1].headers["authorization"] == "Bearer access"


def test_an_answer_about_somebody_else_is_refused(browser, provider):
    query = begin(browser, provider)
    provider.claims = {"groups": None}
    provider.person = {"sub": "8", "groups": ["staff"]}
    assert "two people" in said(finish(browser, query))


@pytest.mark.parametrize("name", [None, "", 7, ["ann"]])
def test_a_provider_that_does_not_say_the_name(browser, provider, name):
    query = begin(browser, provider)
    provider.claims = {"preferred_username": name}
    assert "does not say the name (preferred_username)" in said(finish(browser, query))


def test_nobody_is_led_elsewhere(browser, provider):
    query = begin(browser, provider, "//evil.example")
    assert finish(browser, query).headers["location"] == "/admin/"
