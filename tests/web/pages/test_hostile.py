"""Hostile texts, wherever somebody can write: no page takes them for its own, and none fails."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from importlib.resources import files

import httpx
import pytest

from tests.hashing import PASSWORD
from tests.services.databases import Database
from tests.web import hostile
from tests.web.hostile import HARMLESS, INVISIBLE, PARAMETERS, PAYLOADS, PLAIN_PAGES
from tests.web.serving import Api, Visitor, serving

DATABASES = ("SQLite", "PostgreSql", "MariaDb")
ALLOWED = {200, 303, 400, 403, 404, 409, 413, 422}
LATER = 429
"""Who guesses too often has to wait; see `test_sign_in`."""
ODD = (
    *PAYLOADS,
    "",
    " ",
    "\0",
    "a\0b",
    "x" * 5_000,
    "\U0010ffff\u0300" * 100,
    "²",
    "٣",
    "-1",
    "0",
    "9" * 18,
    "9" * 19,
    "9" * 5_000,
    "1e400",
    "nan",
    "inf",
    "1,2,²",
    "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30",
    "00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-00000000000g",
    "[" * 50_000,
    '{"a": ' * 50_000,
    "[" * 900 + "]" * 900,
    "[" * 20_000 + "]" * 20_000,
    "\\",
    "(" * 3_000,
    '"',
    "%",
    "//evil.example",
    "/\\evil.example",
)
"""What no page waits for; what no address can hold is for forms only."""
OF_DATABASES = (
    *("", "\0", "a\0b", "x" * 5_000, "\U0010ffff\u0300" * 100, "²", "-1", "0", "9" * 18, "9" * 19),
    *("1e400", "nan", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\\", '"', "%"),
    "00000000-0000-0000-0000-000000000000",
)
"""Those of them that databases read: the others end before, whatever the ledger is."""
LONGEST_IN_ADDRESS = 6_000
UNSENDABLE = ("%ff", "%ed%a0%80", "%", "%zz", "a=b&=&&", "%00")
FORMS: Mapping[str, Mapping[str, str]] = {
    "/sign-in": {"name": "ann", "password": "x", "next": "/"},
    "/password": {"current": "x", "new": "y", "again": "y"},
    "/subscriptions/status": {"subscription_id": "1", "action": "disable", "back": "/"},
    "/subscriptions/new": {
        "event_name": "order.created",
        "sink": "http",
        "target": "https://example.com",
        "tenant": "",
        "secret": "",
        "status": "enabled",
        "schedule": "1, 2",
        "maximum_deaths": "1",
        "jitter": "0.1",
        "rate_limit": "1",
        "warn_failures": "1",
        "warn_after": "1",
        "disable_failures": "1",
        "disable_after": "1",
        "filter": "data.a:1",
        "key": "",
        "options.headers": "{}",
        "options.timeout": "1",
    },
    "/subscriptions/{subscription}/edit": {
        "event_name": "order.created",
        "sink": "shelf",
        "target": "shelf:1",
        "options.headers": "{}",
        "options.level": "low",
        "options.weight": "1",
        "options.labels": "a, b",
        "options.token": "x",
    },
    "/subscriptions/{subscription}/test": {"data": "{}"},
    "/configuration": {"name": "MAXIMUM_DEATHS", "value": "3"},
    "/tokens": {"name": "one", "resource": "view", "publish": "a.*", "tenant": "", "days": "1"},
    "/replays/found": {"query": "success:true"},
    "/replays/dead": {
        "event_name": "",
        "subscription_id": "1",
        "reason": "",
        "since": "",
        "until": "",
        "replayed": "",
    },
    "/subscriptions/{subscription}/secret": {"overlap": "24h", "kind": "ed25519"},
    "/subscriptions/{subscription}/older-secrets": {},
    "/traces/{trace}/replay": {},
    "/events/{failed}/open": {},
    "/replays/{replay}/cancel": {},
    "/tokens/{token}/revoke": {},
    "/tokens/hour": {},
    "/users": {
        "name": "one",
        "password": PASSWORD,
        "again": PASSWORD,
        "resource": "view",
        "tenant": "",
    },
    "/subscriptions/{subscription}/delete": {},
}
"""The forms, filled in well."""


class Shapes(HTMLParser):
    """The elements of a page with the names of their attributes, and where their links lead."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shapes: set[tuple[str, frozenset[str]]] = set()
        self.links: set[str] = set()
        self.texts: list[str] = []
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shapes.add((tag, frozenset(name for name, _ in attrs)))
        self.links |= {
            value or "" for name, value in attrs if name in {"href", "src", "action", "hx-get"}
        }

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @classmethod
    def of(cls, page: httpx.Response) -> Shapes:
        made = cls()
        made.feed(page.text)
        made.close()
        return made


def serve(
    name: str, factory: pytest.TempPathFactory, start_server: Callable[[str], object]
) -> Iterator[Api]:
    more = {}
    if name != "SQLite":
        server = start_server(name)
        assert isinstance(server, Database)
        more["LEDGER_URL"] = server.new_database()
    with serving(factory.mktemp("hostile"), **more) as made:
        yield made


@pytest.fixture(scope="module", params=DATABASES)
def database(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def api(database, tmp_path_factory, start_server) -> Iterator[Api]:
    yield from serve(database, tmp_path_factory, start_server)


@pytest.fixture(scope="module")
def odd(database: str) -> tuple[str, ...]:
    """Everything odd, with one ledger; with the others what they read."""
    return ODD if database == "SQLite" else OF_DATABASES


@pytest.fixture(scope="module")
def payloads(database: str) -> tuple[str, ...]:
    """The same of what is not to become markup: templates do not know the ledger."""
    return PAYLOADS if database == "SQLite" else PAYLOADS[:1]


@pytest.fixture(scope="module")
def visitor(api: Api) -> Visitor:
    return named(api, PAYLOADS[0])


@pytest.fixture(scope="module")
def places(api: Api) -> Mapping[str, object]:
    found = hostile.hacked(api, PAYLOADS)
    api.index()
    return found


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, frozenset[str]]]:
    """What pages are made of where nobody is hostile."""
    found: set[tuple[str, frozenset[str]]] = set()
    with serving(tmp_path_factory.mktemp("harmless")) as api:
        there = hostile.hacked(api, HARMLESS)
        api.index()
        one = named(api, "harmless")
        for path in (*PARAMETERS, *PLAIN_PAGES):
            values = ("harmless", "(", "a and b", "nothing:1")
            parameters = PARAMETERS.get(path, ())
            for given in ({}, *({each: value} for each in parameters for value in values)):
                for spoken in ("", "harmless"):
                    speak(one, spoken)
                    found |= Shapes.of(one.get(path.format_map(there), **given)).shapes
    return found


def named(api: Api, name: str) -> Visitor:
    """Return a browser of somebody with this name who may do everything."""
    text, csrf = hostile.session(api, name)
    made = api.visitor()
    made.browser.cookies.set("asyncevents_session", text)
    return Visitor(made.browser, csrf=csrf)


def speak(visitor: Visitor, text: str) -> None:
    """Let the next page have a notice."""
    if text:
        visitor.browser.cookies.set(
            "asyncevents_notice", hostile.notice(text), domain="127.0.0.1", path="/admin"
        )


def complaints(page: httpx.Response, known: set[tuple[str, frozenset[str]]]) -> list[str]:
    """Return what of a page its template has not."""
    found = Shapes.of(page)
    wrong = [f"an element {one}" for one in found.shapes - known]
    wrong += [
        f"a link {one}" for one in found.links if not one.startswith(("/admin", "#", "/rest/docs"))
    ]
    wrong += [f"a comment {one}" for one in found.comments]
    wrong += [f"raw: {one}" for one in PAYLOADS if "<" in one and one in page.text]
    shown = set("".join(found.texts)) & set(INVISIBLE) - set("ltr[31m")
    wrong += [f"it is not seen: {sorted(shown)!a}"] if shown else []
    return wrong


@pytest.mark.parametrize("path", [*PARAMETERS, *PLAIN_PAGES])
def test_hostile_texts_stay_texts(api, visitor, places, shapes, payloads, path):
    where = path.format_map(places)
    for text in payloads:
        speak(visitor, text)
        for given in ({}, *({each: text} for each in PARAMETERS.get(path, ()))):
            page = visitor.get(where, **given)
            assert page.status_code in ALLOWED, (given, page.text)
            if page.headers["content-type"].startswith("text/html"):
                assert complaints(page, shapes) == [], given


@pytest.mark.parametrize("path", PARAMETERS)
def test_no_address_makes_a_page_fail(api, visitor, places, odd, path):
    where = path.format_map(places)
    for name in PARAMETERS[path]:
        sendable = [one for one in odd if len(one) <= LONGEST_IN_ADDRESS and one not in PAYLOADS]
        for value in (*sendable, [*PAYLOADS, "1", ""]):
            status = visitor.get(where, **{name: value}).status_code
            assert status in ALLOWED, (name, value)
        for raw in UNSENDABLE:
            status = visitor.browser.get(f"{where}?{name}={raw}").status_code
            assert status in ALLOWED, (name, raw)


@pytest.mark.parametrize("path", FORMS)
def test_no_form_makes_a_page_fail(api, visitor, places, odd, path):
    where = path.format_map(places)
    good = dict(FORMS[path])
    allowed = ALLOWED | ({LATER} if path in {"/sign-in", "/password"} else set())

    def send(**fields: object) -> None:
        status = visitor.post(where, **fields).status_code
        assert status in allowed, fields

    for name in good:
        for text in odd:
            send(**{**good, name: text})
            if name == "data":
                send(data=f'{{"a": "{text}"}}')
        send(**{**good, name: [good[name], good[name], PAYLOADS[0]]})
        send(**{one: value for one, value in good.items() if one != name})
    send()
    send(**good)
    for body in (b"\xff", b"csrf=%ff&" + b"a=1&" * 30_000, b"=", b"\0" * 100, b"x" * 3_000_000):
        kind = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": visitor.csrf}
        answer = visitor.browser.post(where, content=body, headers=kind)
        assert answer.status_code in allowed, body[:20]


@pytest.mark.parametrize(
    "path",
    [
        *("/subscriptions/0", "/subscriptions/-1", f"/subscriptions/{2**63}", "/events/x"),
        f"/subscriptions/{'9' * 5_000}",
        *("/traces/00000000-0000-0000-0000-000000000000", "/subscriptions/%00", "/%00", "/%ff"),
        *("/traces/x", "/tokens/x/revoke", "/sign-in/link/%00", "/sign-in/link/x%ff", "/sign-in/x"),
        "/sign-in/link/" + "x" * 5_000,
    ],
)
def test_no_path_makes_a_page_fail(api, visitor, path):
    assert visitor.get(path).status_code in ALLOWED
    assert visitor.post(path).status_code in ALLOWED | {405}


@pytest.mark.parametrize(
    "name", ["asyncevents_notice", "asyncevents_session", "asyncevents_openid"]
)
def test_no_cookie_makes_a_page_fail(api, visitor, name):
    csrf_of = {"Cookie": f"asyncevents_session={visitor.browser.cookies['asyncevents_session']}"}
    deep = base64.urlsafe_b64encode(b"[" * 20_000).decode()
    for value in (hostile.notice("\ud800"), deep, "x", "=", "x" * 5_000, '"\\303\\050"'):
        headers = {"Cookie": f"{csrf_of['Cookie']}; {name}={value}"}
        with httpx.Client(base_url=f"{api.address}/admin") as browser:
            for path in ("/password", "/sign-in", "/sign-in/openid/back", "/nothing"):
                assert browser.get(path, headers=headers).status_code in ALLOWED, (path, value[:50])


def test_the_tables_have_every_field():
    """What a page reads is fuzzed."""
    source = "".join(
        one.read_text()
        for one in files("asyncevents_core.web.pages").iterdir()
        if one.name.endswith(".py")
    )
    read = set(re.findall(r'asked\.(?:get|number|day|time|time_text)\("(\w+)"', source))
    read |= set(re.findall(r'query_params\.get\("(\w+)"', source))
    assert read <= {one for several in PARAMETERS.values() for one in several}
    read = set(re.findall(r'form\.(?:get|text|all)\("(\w+)"', source))
    assert read <= {one for fields in FORMS.values() for one in fields}
