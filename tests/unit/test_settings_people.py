"""Settings of those who sign in: proxies, groups, an OpenID provider."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.user import GroupRights
from asyncevents_core.errors import SettingsError
from asyncevents_core.settings.configs import openid_options
from asyncevents_core.settings.people import OpenIdOptions
from asyncevents_core.settings.schema import Settings

PROXY = {"WEB_PROXY_USER_HEADER": "X-Forwarded-User", "WEB_PROXY_ADDRESSES": ["10.0.0.0/8", "::1"]}
PROVIDER = {"issuer": "https://login.example.com/realm", "client_id": "shop"}


def problems(values, **environ):
    with pytest.raises(SettingsError) as caught:
        openid_options(Settings.from_mapping(values, environ=environ))
    return "\n".join(caught.value.problems)


def test_a_proxy():
    settings = Settings.from_mapping(PROXY, environ={"ASYNCEVENTS_WEB_PROXY_GROUPS_HEADER": "G"})
    assert settings.web_proxy_addresses == ("10.0.0.0/8", "::1")
    assert settings.web_proxy_groups_header == "G"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"WEB_PROXY_ADDRESSES": []}, "WEB_PROXY_ADDRESSES: is required"),
        ({"WEB_PROXY_USER_HEADER": None}, "WEB_PROXY_ADDRESSES: is of use with"),
        ({"WEB_PROXY_ADDRESSES": ["10.0.0.1/8"]}, "WEB_PROXY_ADDRESSES[0]: '10.0.0.1/8'"),
        ({"WEB_PROXY_ADDRESSES": ["proxy"]}, "no address"),
        ({"WEB_PROXY_USER_HEADER": "X Forwarded"}, "WEB_PROXY_USER_HEADER: "),
        ({"WEB_PROXY_USER_HEADER": "X_USER"}, "underscore"),
        ({"WEB_PROXY_USER_HEADER": ""}, "no name of a header"),
        ({"WEB_PROXY_GROUPS_HEADER": "x-forwarded-USER"}, "the same header"),
    ],
)
def test_mistakes_about_a_proxy(more, text):
    assert text in problems({**PROXY, **more})


def test_groups_need_a_proxy_that_names_people():
    assert "WEB_PROXY_GROUPS_HEADER: is of use" in problems({"WEB_PROXY_GROUPS_HEADER": "G"})


def test_groups():
    groups = {"a": {"resources": ["view"]}, "*": {"resources": ["logs"], "tenant": "t"}}
    assert Settings.from_mapping({"WEB_GROUPS": groups}).web_groups == {
        "a": GroupRights(resources=("view",)),
        "*": GroupRights(resources=("logs",), tenant="t"),
    }


@pytest.mark.parametrize(
    ("group", "text"),
    [
        ({"resources": []}, "WEB_GROUPS['a'].resources: name at least one"),
        ({"resources": ["view"], "tenant": "t "}, "WEB_GROUPS['a'].tenant: must not begin or end"),
        ({"resources": "view"}, "WEB_GROUPS['a'].resources: expected a list"),
        ({"resource": ["view"]}, "WEB_GROUPS['a']"),
        ({}, "WEB_GROUPS['a']"),
    ],
)
def test_mistakes_about_groups(group, text):
    assert text in problems({"WEB_GROUPS": {"a": group}})


@pytest.mark.parametrize("idle", [59, 30 * 86_400 + 1, "8h", -1])
def test_sessions_that_end_too_soon_or_never(idle):
    assert "WEB_SESSION_IDLE: " in problems({"WEB_SESSION_IDLE": idle})


def test_a_provider():
    environ = {"ASYNCEVENTS_WEB_OPENID__CLIENT_SECRET": "s3cret"}
    settings = Settings.from_mapping({"WEB_OPENID": PROVIDER}, environ=environ)
    options = openid_options(settings)
    assert options == OpenIdOptions(**PROVIDER, client_secret="s3cret")
    assert options.scopes == ("openid", "profile")
    assert "s3cret" not in repr(options) + repr(settings)
    assert openid_options(Settings.from_mapping({})) is None


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"issuer": "http://login.example.com"}, "WEB_OPENID.issuer: it begins with https://"),
        ({"issuer": "login.example.com"}, "the provider's address"),
        ({"issuer": "https://a.example/?x=1"}, "and no more"),
        ({"issuer": "https://user@a.example"}, "and no more"),
        ({"issuer": "https://[::1"}, "no URL"),
        ({"client_id": ""}, "WEB_OPENID.client_id: "),
        ({"scopes": ["profile"]}, "WEB_OPENID.scopes: 'openid' has to be"),
        ({"scope": ["openid"]}, "WEB_OPENID.scope: no such option"),
        ({"name_claim": ""}, "WEB_OPENID.name_claim: "),
    ],
)
def test_mistakes_about_a_provider(more, text):
    assert text in problems({"WEB_OPENID": {**PROVIDER, **more}})


def test_what_is_missing_and_what_is_secret():
    assert "WEB_OPENID.client_id: is required" in problems(
        {"WEB_OPENID": {"issuer": "https://a.b"}}
    )
    found = problems({"WEB_OPENID": {**PROVIDER, "client_secret": 42_000_000}})
    assert "WEB_OPENID.client_secret: " in found
    assert "42" not in found


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:9", "http://localhost", "http://[::1]:80/x"])
def test_a_provider_on_this_machine(issuer):
    settings = Settings.from_mapping({"WEB_OPENID": {**PROVIDER, "issuer": issuer}})
    assert openid_options(settings).issuer == issuer
