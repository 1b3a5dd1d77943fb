"""Options of subscriptions: what is taken, and what is refused with a reason."""

from __future__ import annotations

import json

import pytest

from asyncevents_core.errors import InvalidOptions
from asyncevents_core.sink_catalog import ConfiguredSink
from asyncevents_core.structuring import read_texts
from asyncevents_core.web.pages.option_fields import option_fields
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.options import HttpOptions

OAUTH2 = {
    "token_url": "https://login.example.com/token",
    "client_id": "me",
    "client_secret": "hidden",
}
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def made(config=None, **options):
    """Make and check options, as the engine does for a subscription."""
    kind, config = HttpSinkType(), config or HttpConfig()
    sink = ConfiguredSink(name="http", kind=kind, config=config, isolate=None)
    found = sink.options(options)
    kind.validate_options(found, "https://shop.example/hook", config)
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "binary", "method": "PUT", "content_type": "application/json"},
        {"content_type": 'text/plain; charset="utf-8"; x=y'},
        {"headers": {"X-Shop": "eu", "user-agent": "shop/1", "Accept": "*/*", "X-Empty": ""}},
        {"secret_headers": {"Authorization": "ApiKey 1", "Cookie": "a=b"}},
        {"username": "ann", "password": ""},
        {"username": "größe", "password": "p:ä"},
        {"bearer_token": "abc.def-ghi"},
        {"api_key": "a key", "api_key_header": "Authorization"},
        OAUTH2,
        {**OAUTH2, "scope": "a b", "audience": "https://api.example", "client_auth": "body"},
        {"retry_on": ["409", "3xx"], "give_up_on": ["501", "410"]},
        {"retry_on": ["5XX"], "give_up_on": ["501"]},
        {"handshake": True, "handshake_rate": 120},
        {"timeout": 15.0},
        {"magento_signature": False, "signature": "both"},
        {"mode": "batched", "batch_count": 1, "batch_bytes": 1, "batch_wait": 0},
    ],
)
def test_what_can_be_said(options):
    assert made(**options)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"mode": "xml"}, "'structured'"),
        ({"method": "GET"}, "'POST'"),
        ({"content_type": "json"}, "media type"),
        ({"content_type": "a/b\r\nx: y"}, "media type"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 15.1}, "at most 15 s"),
        ({"headers": {"": "x"}}, "no name of a header"),
        ({"headers": {"x y": "x"}}, "no name of a header"),
        ({"headers": {"x:": "x"}}, "no name of a header"),
        ({"headers": {"grö": "x"}}, "no name of a header"),
        ({"headers": {"x\r\ny": "x"}}, "no name of a header"),
        ({"headers": {"x" * 129: "x"}}, "no name of a header"),
        ({"headers": {"X": "a\r\nb"}}, "no line ends"),
        ({"headers": {"X": "a\nb"}}, "no line ends"),
        ({"headers": {"X": "a\0b"}}, "printable"),
        ({"headers": {"X": "ü"}}, "printable"),
        ({"headers": {"X": " a"}}, "spaces around"),
        ({"headers": {"X": "a" * 4097}}, "at most 4096"),
        ({"headers": {f"x-{n}": "" for n in range(33)}}, "at most 32"),
        ({"headers": {f"x-{n}": "a" * 4000 for n in range(5)}}, "together"),
        ({"headers": {"x-a": "1", "X-A": "2"}}, "same header"),
        ({"headers": {"x-a": "1"}, "secret_headers": {"X-A": "2"}}, "same header"),
        ({"headers": {"X-API-Key": "1"}, "api_key": "2"}, "same header"),
        ({"secret_headers": {"authorization": "1"}, "bearer_token": "2"}, "same header"),
        ({"headers": {"Authorization": "x"}}, "secret_headers"),
        ({"headers": {"cookie": "x"}}, "secret_headers"),
        ({"username": "ann"}, "given together"),
        ({"password": "x"}, "given together"),
        ({"username": "a:b", "password": "x"}, "without a colon"),
        ({"username": "a\n", "password": "x"}, "printable"),
        ({"bearer_token": "a b"}, "without spaces"),
        ({"bearer_token": "a\r\nx: y"}, "without spaces"),
        ({"api_key": ""}, "empty"),
        ({"api_key": "a\nb"}, "no line ends"),
        ({"api_key": "a", "api_key_header": "Host"}, "host of the target"),
        ({"api_key": "a", "bearer_token": "b"}, "one kind of authentication"),
        ({"api_key": "a", **OAUTH2}, "one kind of authentication"),
        ({"token_url": "https://a.example"}, "needs client_id, client_secret"),
        ({"scope": "a"}, "needs token_url"),
        ({**OAUTH2, "token_url": "ftp://a.example"}, "token_url"),
        ({**OAUTH2, "token_url": "nothing"}, "token_url"),
        ({**OAUTH2, "token_url": "https://me:you@a.example/"}, "credentials"),
        ({**OAUTH2, "token_url": "https://10.0.0.1/"}, "SINKS['http']['allow']"),
        ({**OAUTH2, "token_url": "https://127.1/"}, "no address"),
        ({"client_certificate": PEM}, "given together"),
        ({"client_key_passphrase": "x"}, "without client_key"),
        ({"client_certificate": "x", "client_key": "y"}, "PEM"),
        ({"retry_on": ["200"]}, "2xx is always delivered"),
        ({"retry_on": ["4x"]}, "no status"),
        ({"retry_on": ["409"], "give_up_on": ["409"]}, "both in retry_on and in give_up_on"),
        ({"handshake_rate": 1}, "without handshake"),
        ({"handshake": True, "handshake_rate": 0}, "handshake_rate"),
        ({"batch_count": 0}, "batch_count"),
        ({"batch_bytes": 0}, "batch_bytes"),
        ({"batch_wait": -1}, "batch_wait"),
        ({"batch_wait": 11}, "batch_wait"),
    ],
)
def test_what_cannot_be_said(options, why):
    with pytest.raises(InvalidOptions) as refused:
        made(**options)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Authorization",
        "proxy-x",
        "Expect",
        "HTTP2-Settings",
        "Content-Encoding",
        "Accept-Encoding",
        "Content-Type",
        "webhook-id",
        "Webhook-Signature",
        "webhook-request-origin",
        "X-Magento-Signature",
        "asyncevents-delivery",
        "Signature",
        "signature-input",
        "Content-Digest",
        "ce-id",
    ],
)
@pytest.mark.parametrize("option", ["headers", "secret_headers"])
def test_headers_of_the_sink_are_protected(name, option):
    with pytest.raises(InvalidOptions, match=f"{name} cannot be given: "):
        made(**{option: {name: "x"}})


@pytest.mark.parametrize(
    "options",
    [
        {"secret_headers": {"X": "hunter2\n"}},
        {"secret_headers": {"X": " hunter2"}},
        {"secret_headers": "hunter2"},
        {"secret_headers": ["hunter2"]},
        {"username": "a", "password": "hunter2\n"},
        {"bearer_token": "hunter2 "},
        {"bearer_token": 1, "api_key": "hunter2"},
        {"api_key": "hunter2\n"},
        {**OAUTH2, "client_secret": "hunter2\n"},
        {"client_certificate": PEM, "client_key": "hunter2"},
        {"client_certificate": PEM, "client_key": f"{PEM}hunter2"},
        {"client_certificate": PEM, "client_key": PEM, "client_key_passphrase": "hunter2"},
    ],
)
def test_what_is_refused_shows_no_secret(options):
    with pytest.raises(InvalidOptions) as refused:
        made(**options)
    assert "hunter2" not in str(refused.value)


def test_options_hide_their_secrets():
    options = HttpOptions(
        secret_headers={"x": "hunter2"}, username="ann", password="hunter2", client_key=None
    )
    assert "hunter2" not in repr(options)
    assert "ann" in repr(options)


def test_they_can_be_written_on_a_command_line():
    texts = {
        "headers": '{"X-Shop": "eu"}',
        "retry_on": "409,3xx",
        "handshake": "yes",
        "handshake_rate": "60",
        "magento_signature": "false",
        "timeout": "2.5",
        "mode": "batched",
    }
    options = made(**read_texts(HttpOptions, texts))
    assert options.headers == {"X-Shop": "eu"}
    assert options.retry_on == ("409", "3xx")
    assert (options.handshake, options.handshake_rate) == (True, 60)
    assert (options.magento_signature, options.timeout) == (False, 2.5)


def test_forms_ask_for_each_of_them_in_a_way_that_fits():
    fields = {one.name: one for one in option_fields(HttpOptions, {"api_key": "•••"})}
    assert fields["mode"].kind == "choice"
    assert fields["headers"].kind == "object"
    assert json.loads(fields["headers"].example)
    assert fields["retry_on"].kind == "list"
    assert fields["magento_signature"].kind == "choice"
    assert fields["timeout"].kind == "number"
    secrets = {name for name, one in fields.items() if one.kind == "secret"}
    assert secrets == {
        "secret_headers",
        "password",
        "bearer_token",
        "api_key",
        "client_secret",
        "client_key_passphrase",
    }
    several_lines = {name for name, one in fields.items() if one.kind == "lines"}
    assert several_lines == {"client_certificate", "client_key"}
    assert fields["api_key"].kept
    assert all(one.label and one.hint for one in fields.values())
    assert next(iter(fields)) == "mode"
