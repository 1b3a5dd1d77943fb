"""The page about drills: every stall is on it, and for what is seen there is advice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.stalls.kinds import KINDS
from tests.stalls.probing import NOBODY, RULES
from tests.stalls.runbook import Runbook
from tests.stalls.stall import PROMISED, Naming, Observed
from tests.stalls.table import sections, table

PAGES = Path(__file__).parents[2] / "docs/explanation"
STALLS = [kind() for kind in KINDS]
STANDS_STILL = Naming(after=15.2, by="log", words="the claimer stands still")
AWAY = Naming(after=4.0, by="metrics", words="LedgerAway")
UNREADY = Naming(after=3.0, by="readiness", words="nobody answers")


def seen(*namings, healed=None, after_end=0.4):
    return Observed(
        kind="the database is silent",
        on="RabbitMQ, PostgreSQL",
        stopped=12.0,
        healed=healed,
        namings=namings,
        after_end=after_end,
    )


def test_every_stall_is_on_both_pages():
    drills, stalls = (PAGES / "drills.md").read_text(), (PAGES / "stalls.md").read_text()
    titles = {f"## {one.name[0].upper()}{one.name[1:]} ({one.on})" for one in STALLS}
    assert set(re.findall(r"^## .+$", drills, re.MULTILINE)) == titles
    for one in STALLS:
        assert f"| {one.name} | {one.on} |" in stalls


def test_what_a_log_says_on_the_page_has_advice():
    rows = re.findall(
        r"^\| [\d.]+&nbsp;s \| log \| (.+) \| (.*) \|$",
        (PAGES / "drills.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) > len(STALLS) / 2
    # What libraries log is in their own words.
    assert {words for words, advice in rows if not advice} <= {
        "Redis BRPOP got no reply for … seconds; dropping stale connection",
    }


@pytest.mark.parametrize("rule", [*RULES, NOBODY])
def test_every_rule_has_advice(rule):
    advice = Runbook().says_of(Naming(after=1.0, by="metrics", words=rule))
    assert advice is not None
    assert advice.text
    assert advice.page == f"how-to/watch.md#{rule.lower()}"


def test_advice_on_lines_of_a_log():
    runbook = Runbook()
    advice = runbook.says_of(STANDS_STILL)
    assert advice is not None
    assert "stack" in advice.text
    assert advice.page == "how-to/troubleshoot.md#workers"
    assert runbook.says_of(Naming(after=1.0, by="log", words="somebody else's words")) is None
    assert runbook.says_of(Naming(after=1.0, by="status", words="the ledger is away")) is None


def test_a_section_says_who_noticed_and_who_did_not():
    text = sections([seen(UNREADY, AWAY, STANDS_STILL)], Runbook())
    assert text.startswith("## The database is silent (RabbitMQ, PostgreSQL)\n")
    assert "| 4&nbsp;s | metrics | LedgerAway | A worker cannot reach the database." in text
    assert "([more](../how-to/watch.md#ledgeraway)) |" in text
    assert "| 3&nbsp;s | readiness | nobody answers |  |" in text
    assert text.endswith("Nothing unusual: liveness, status, check, publish().")


def test_the_table_has_the_first_of_each_way():
    again = Naming(after=40.0, by="log", words="the bookkeeper stands still")
    text = table([seen(AWAY, STANDS_STILL, again)])
    assert "| 4 s, metrics; 15.2 s, log | LedgerAway |" in text


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (seen(healed=0.0), True),
        (seen(AWAY), True),
        (seen(AWAY, healed=20.0), True),
        # Deliveries stopped, and nobody could notice.
        (seen(healed=20.0), False),
        (seen(), False),
        (seen(Naming(after=PROMISED + 1, by="log", words="late")), False),
        (seen(AWAY, after_end=None), False),
    ],
)
def test_what_nobody_notices_fails(row, kept):
    assert row.kept is kept
