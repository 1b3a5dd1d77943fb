"""Metrics as they are documented, and the rules and the dashboard that are made of them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from asyncevents_core.adapters.prometheus import Tally, exposed_name, exposition
from asyncevents_core.engine.upkeep.metrics import MOST_NAMES
from asyncevents_core.ports.metrics import METRICS
from tests.conftest import skip_unless_present
from tests.services.needs import PROMTOOL
from tests.unit.test_metrics import EVERYTHING, told

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs/reference/metrics.md").read_text()
WATCH = (ROOT / "docs/how-to/watch.md").read_text()
FOLDER = ROOT / "deploy/monitoring"
RULES = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
EXPRESSIONS = [one["expr"] for one in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
EXPOSED = {exposed_name(one) + suffix: one for one in METRICS for suffix in SUFFIXES[one.kind]}


def promtool(*arguments: str, stdin: str | None = None) -> str:
    skip_unless_present(PROMTOOL)
    done = subprocess.run(
        ["promtool", *arguments], input=stdin, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_metric_is_documented_as_it_is():
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| (\w+) \| (.*?) \| (.*) \|$", REFERENCE, re.M)
    assert rows == [
        (
            exposed_name(one),
            one.name,
            one.kind,
            ", ".join(f"`{label}`" for label in one.labels),
            one.help,
        )
        for one in METRICS
    ]
    assert f"After {MOST_NAMES} names" in REFERENCE


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_rules_and_dashboard_ask_for_what_there_is(expression):
    names = re.findall(r"\basyncevents_\w+", expression)
    assert names
    labels = {label for name in names for label in EXPOSED[name].labels}
    asked = set(re.findall(r'(\w+)(?:!=|=~|=)"', expression))
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        asked |= {one.strip() for one in grouped.split(",")}
    assert asked <= labels | {"role", "process", "le"}


def test_each_rule_has_its_section():
    sections = set(re.findall(r"^### (\w+)$", WATCH, re.M))
    assert sections == {one["alert"] for one in RULES}
    for one in RULES:
        page, _, anchor = one["annotations"]["runbook"].partition("#")
        assert (ROOT / page).exists()
        assert anchor == one["alert"].lower()


def test_panels_do_not_cover_each_other():
    places = {(one["gridPos"]["x"], one["gridPos"]["y"]) for one in DASHBOARD["panels"]}
    assert len(places) == len(DASHBOARD["panels"])
    assert len({one["id"] for one in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_prometheus_finds_nothing_wrong_with_the_text():
    text = exposition([({"role": "worker", "process": "0"}, told(Tally(), *EVERYTHING).numbers())])
    # It advises against names that end with what other systems mean by it.
    promtool("check", "metrics", stdin=text)


def test_prometheus_finds_nothing_wrong_with_the_rules():
    assert f"{len(RULES)} rules found" in promtool("check", "rules", str(FOLDER / "rules.yml"))


LABELS = 'role="worker",process="0"'
FAILING = f'asyncevents_attempts_total{{{LABELS},sink="http",outcome="retryable",error="503"}}'
WELL = {
    f"asyncevents_backlog_age_seconds{{{LABELS}}}": "0x60",
    f"asyncevents_worker_in_flight{{{LABELS}}}": "3x60",
    f"asyncevents_worker_ledger_up{{{LABELS}}}": "1x60",
    f"asyncevents_worker_broker_up{{{LABELS}}}": "1x60",
    f"asyncevents_worker_stalled{{{LABELS}}}": "0x60",
    f"asyncevents_worker_stuck{{{LABELS}}}": "0x60",
    f"asyncevents_index_waiting{{{LABELS}}}": "20x60",
    f"asyncevents_hand_offs_dropped_total{{{LABELS}}}": "0x60",
    f'asyncevents_attempts_total{{{LABELS},sink="http",outcome="delivered",error=""}}': "0+600x60",
    FAILING: "0+6x60",
    f'asyncevents_deliveries_dead_total{{{LABELS},sink="http",reason="exhausted"}}': "3x60",
}
ILL = {
    "NobodyAnswers": {f"asyncevents_worker_in_flight{{{LABELS}}}": "3x20"},
    "NothingDelivers": {
        f"asyncevents_backlog_age_seconds{{{LABELS}}}": "0+60x60",
        f'asyncevents_attempts_total{{{LABELS},sink="http",outcome="delivered",error=""}}': "7x60",
        FAILING: "1x60",
    },
    "BacklogGrows": {f"asyncevents_backlog_age_seconds{{{LABELS}}}": "0+60x60"},
    "DeliveriesDie": {
        f'asyncevents_deliveries_dead_total{{{LABELS},sink="http",reason="exhausted"}}': "3+1x60"
    },
    "RecipientsFail": {FAILING: ("0+100x60")},
    "LedgerAway": {f"asyncevents_worker_ledger_up{{{LABELS}}}": "0x60"},
    "BrokerAway": {f"asyncevents_worker_broker_up{{{LABELS}}}": "0x60"},
    "WorkerStalled": {f"asyncevents_worker_stalled{{{LABELS}}}": "1x60"},
    "CallsHang": {f"asyncevents_worker_stuck{{{LABELS}}}": "2x60"},
    "IndexBehind": {f"asyncevents_index_waiting{{{LABELS}}}": "20000x60"},
    "HandOffsDropped": {f"asyncevents_hand_offs_dropped_total{{{LABELS}}}": "0+1x60"},
}
ALSO = {"NothingDelivers": {"BacklogGrows"}}
"""What a rule's case makes others say as well."""


@pytest.mark.parametrize("case", ["nothing is wrong", *ILL])
def test_each_rule_calls_when_it_should_and_only_then(case, tmp_path):
    """Prometheus' own evaluation of the rules, an hour of numbers each."""
    numbers = {**WELL, **ILL.get(case, {})}
    expected = {case, *ALSO.get(case, ())} if case in ILL else set()
    test = {
        "rule_files": [str(FOLDER / "rules.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": k, "values": v} for k, v in numbers.items()],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": "55m",
                        "exp_samples": [
                            {"labels": f'{{alertname="{one}"}}', "value": 1}
                            for one in sorted(expected)
                        ],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(test))
    promtool("test", "rules", str(file))


def test_every_rule_has_a_case():
    assert set(ILL) == {one["alert"] for one in RULES}
