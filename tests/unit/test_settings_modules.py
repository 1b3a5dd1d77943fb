"""Settings modules that are not ours alone."""

from __future__ import annotations

import sys

import pytest

from asyncevents_core.errors import SettingsError
from asyncevents_core.settings.loading import load_settings


def module(tmp_path, monkeypatch, text):
    (tmp_path / "their_settings.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_settings", raising=False)
    return load_settings("their_settings", environ={})


def test_a_module_has_names_of_its_own(tmp_path, monkeypatch):
    found = module(
        tmp_path,
        monkeypatch,
        "S = 'x'\nBASE_DIR = '/srv'\nHOST = 'db'\nMAXIMUM_DEATHS = 2\n_LEDGER_URL = 'x'\n",
    )
    assert found.maximum_deaths == 2
    assert sorted(found.unknown_names) == ["BASE_DIR", "HOST", "S"]


@pytest.mark.parametrize("name", ["LEDGR_URL", "LEDGERURL", "MAX_DEATHS", "SECRET_KEY", "SINK"])
def test_a_name_that_is_close_to_a_settings_is_a_mistake(tmp_path, monkeypatch, name):
    with pytest.raises(SettingsError, match=f"{name}: no such setting"):
        module(tmp_path, monkeypatch, f"{name} = 'x'\n")


def test_a_module_of_a_framework_has_them_in_one_mapping(tmp_path, monkeypatch):
    text = "SECRET_KEY = 'django'\nEVENTS = 1\nASYNCEVENTS = {'MAXIMUM_DEATHS': 2}\n"
    found = module(tmp_path, monkeypatch, text)
    assert found.maximum_deaths == 2
    assert found.origins["MAXIMUM_DEATHS"] == "ASYNCEVENTS in their_settings"
    with pytest.raises(SettingsError, match="BASE_DIR: no such setting"):
        module(tmp_path, monkeypatch, "ASYNCEVENTS = {'BASE_DIR': 'x'}\n")
