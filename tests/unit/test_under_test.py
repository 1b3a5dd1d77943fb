"""Tests of applications: what they publish does not reach the application's ledger by accident."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from asyncevents_core.under_test import test_runner as runner_of_this_process
from asyncevents_core.under_test import within_test

SHOP = """
from asyncevents_core import AsyncEvents

events = AsyncEvents()
inline = AsyncEvents({"LEDGER_URL": "sqlite:///inline.db", "EVENTS": {"order.created": {}}})
"""
SETTINGS = """
LEDGER_URL = "sqlite:///live.db"
BROKER_URL = "sqla+sqlite:///broker.db"
EVENTS = {"order.created": {}}
"""
PYTEST = """
import pytest
import shop
from asyncevents_core import AsyncEvents
from asyncevents_core.errors import LedgerProtected

@pytest.mark.parametrize("events", [shop.events, shop.inline])
def test_publishing(events):
    with pytest.raises(LedgerProtected, match="of pytest.*published_events.*LEDGER_IN_TESTS"):
        events.publish("order.created", {})
    with pytest.raises(LedgerProtected):
        events.subscriptions()
    with pytest.raises(LedgerProtected), events.worker():
        pass

def test_recording(published_events):
    shop.events.publish("order.created", {})
    shop.inline.publish("order.created", {})
    assert len(published_events) == 2

def test_of_its_own(tmp_path):
    with AsyncEvents({"LEDGER_URL": f"sqlite:///{tmp_path}/own.db"}) as events:
        events.upgrade()
        assert events.subscriptions() == []

def test_named_again():
    with pytest.raises(LedgerProtected), AsyncEvents("shop_settings") as events:
        events.upgrade()
"""
UNITTEST = """
import threading
import unittest
import shop
from asyncevents_core.errors import LedgerProtected
from asyncevents_core.testing import record_published_events

class Shop(unittest.TestCase):
    def test_publishing(self):
        with self.assertRaisesRegex(LedgerProtected, "of unittest"):
            shop.events.publish("order.created", {})

    def test_recording(self):
        with record_published_events() as published:
            shop.events.publish("order.created", {})
        published.assert_published("order.created", times=1)

if __name__ == "__main__":
    unittest.main()
"""
ALLOWED = """
import shop

def test_it_is_written():
    shop.events.upgrade()
    shop.events.publish("order.created", {})
    shop.events.close()
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "shop_settings.py").write_text(SETTINGS)

    def run(*arguments, source, **environment):
        (tmp_path / "test_shop.py").write_text(textwrap.dedent(source))
        others = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**others, "ASYNCEVENTS_SETTINGS_MODULE": "shop_settings", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return (tmp_path / "live.db").exists() or (tmp_path / "inline.db").exists()

    return run


def test_pytest(shop):
    assert not shop("-m", "pytest", "-q", "-p", "no:cacheprovider", source=PYTEST)


@pytest.mark.parametrize("arguments", [("-m", "unittest", "test_shop"), ("test_shop.py",)])
def test_unittest(shop, arguments):
    assert not shop(*arguments, source=UNITTEST)


def test_a_ledger_that_tests_may_use(shop):
    assert shop("-m", "pytest", "-q", source=ALLOWED, ASYNCEVENTS_LEDGER_IN_TESTS="true")


def test_programs_that_tests_start_are_none():
    assert runner_of_this_process() == "pytest"
    assert within_test()
    code = "import pytest; from asyncevents_core import under_test as it; print(it.test_runner())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "None"
