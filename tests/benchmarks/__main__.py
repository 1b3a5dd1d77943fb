"""`python -m tests.benchmarks`: measure, print, write `build/benchmarks`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
from attrs import fields
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars

from tests.benchmarks import plots, storing
from tests.benchmarks.figures import Report, Result
from tests.benchmarks.receiving import ROOT
from tests.benchmarks.report import bars_table, facts, markdown, result_table
from tests.benchmarks.runner import run
from tests.benchmarks.scenario import Options, Progress, Scenario
from tests.benchmarks.suite import SCENARIOS

_WIDTH: Final = 130
OUTPUT: Final = ROOT / "build" / "benchmarks"
_BY_NAME: Final = {scenario.name: scenario for scenario in SCENARIOS}
_DEFAULTS: Final = {field.name: field.default for field in fields(Options)}

_COUNT: Final = click.IntRange(min=1)
_LENGTH: Final = click.FloatRange(min=1)


class Shown(Progress):
    """Shows the steps of a scenario; on a terminal as a bar, else as lines."""

    def __init__(self, bars: Bars, scenario: Scenario) -> None:
        self._bars = bars
        self._name = scenario.name
        self._lively = bars.console.is_terminal
        self._steps = 0
        self._begun = 0
        self._task: TaskID = bars.add_task(scenario.name, total=None, what="")

    def expect(self, steps: int) -> None:
        """See `Progress`."""
        self._steps += steps
        self._bars.update(self._task, total=self._steps)

    def step(self, text: str) -> None:
        """See `Progress`."""
        self._bars.update(self._task, completed=self._begun, what=text)
        self._begun += 1
        if not self._lively:
            self._bars.console.print(f"{self._name} {self._begun}/{self._steps}: {text}")

    def say(self, text: str) -> None:
        """See `Progress`."""
        self._bars.update(self._task, what=text)

    def end(self) -> None:
        """The scenario is over."""
        self._bars.remove_task(self._task)


@click.command(context_settings={"show_default": True})
@click.option(
    "--only", multiple=True, metavar="NAME", help="Scenario to run; several: a,b or twice."
)
@click.option("--list", "listing", is_flag=True, help="List the scenarios and what they measure.")
@click.option(
    "--rounds", default=_DEFAULTS["rounds"], type=_COUNT, help="Rounds of each measurement."
)
@click.option(
    "--events", default=_DEFAULTS["events"], type=_COUNT, help="Events of one measurement."
)
@click.option(
    "--seconds", default=_DEFAULTS["seconds"], type=_LENGTH, help="Length of a latency measurement."
)
@click.option(
    "--history", default=_DEFAULTS["history"], type=_COUNT, help="Attempts in the grown ledger."
)
@click.option(
    "--endurance", default=_DEFAULTS["endurance"], type=_COUNT, help="Deliveries for `memory`."
)
@click.option(
    "--subscriptions", default=_DEFAULTS["subscriptions"], type=_COUNT, help="For `matching`."
)
@click.option("--documents", default=_DEFAULTS["documents"], type=_COUNT, help="For `searching`.")
@click.option(
    "--snapshot",
    default=_DEFAULTS["snapshot"],
    type=_LENGTH,
    help="Seconds that `snapshot` holds one.",
)
@click.option(
    "--old", default=_DEFAULTS["old"], type=_COUNT, help="Attempts that `cleaning` removes."
)
@click.option("--seed", default=_DEFAULTS["seed"], help="Of payloads and history.")
@click.option("--fsync/--no-fsync", default=True, help="PostgreSQL's durability, for all peers.")
@click.option("--keep", is_flag=True, help="Keep earlier results of scenarios that do not run now.")
@click.option("--render", is_flag=True, help="Measure nothing: write report and charts again.")
@click.option("--output", default=OUTPUT, type=click.Path(path_type=Path), help="Folder.")
def main(
    only: tuple[str, ...],
    listing: bool,
    keep: bool,
    render: bool,
    output: Path,
    **numbers: Any,
) -> None:
    """Measure asyncevents beside Celery and a bare loop, on servers of its own.

    Everything takes two hours or so. Results go to build/benchmarks: results.json, performance.md
    and its charts. Nothing else should run on the machine. Exits with 1 if a scenario failed; a
    bar that is missed is only shown.

    \b
    Examples:
      make bench ARGS="--only delivery --rounds 3 --events 20000"
      make bench ARGS="--only growth --history 200000 --keep"
      make bench ARGS="--render"
    """
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    if listing:
        for scenario in SCENARIOS:
            console.print(f"[bold]{scenario.name}[/]  {scenario.title}")
        return
    if render:
        _write(storing.read(output), output, console)
        return
    chosen = _chosen(only)
    earlier = storing.read(output) if keep and (output / storing.FILE).is_file() else None
    # As after Ctrl-C: servers and workers are ended.
    signal.signal(signal.SIGTERM, _end)
    report = _measure(chosen, Options(**numbers), output, earlier, console)
    _write(report if earlier is None else storing.merged(earlier, report), output, console)
    sys.exit(1 if any(result.error for result in report.results) else 0)


def _measure(
    chosen: list[Scenario], options: Options, output: Path, earlier: Report | None, console: Console
) -> Report:
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}"),
    )
    shown: list[Shown] = []
    # Drawn twice a second: drawing takes CPU from what is measured.
    with Bars(*columns, console=console, refresh_per_second=2) as bars:
        overall = bars.add_task("all", total=len(chosen), what="")

        def begin(scenario: Scenario) -> Progress:
            shown.append(Shown(bars, scenario))
            return shown[-1]

        def done(report: Report, result: Result) -> None:
            shown[-1].end()
            bars.advance(overall)
            storing.store(report if earlier is None else storing.merged(earlier, report), output)
            if result.error is None:
                console.print(result_table(result))
            else:
                console.print(f"[red]{result.name} failed[/]")
                console.print(result.error, markup=False)

        return run(chosen, options, progress_of=begin, done=done)


def _write(report: Report, output: Path, console: Console) -> None:
    (output / "performance.md").write_text(markdown(report), encoding="utf-8")
    charts = plots.draw(report, output)
    console.print(bars_table(report))
    for name, value in facts(report):
        console.print(f"[dim]{name}:[/] {value}", highlight=False)
    console.print(f"{output}: {storing.FILE}, performance.md, {len(charts)} charts")


def _chosen(only: tuple[str, ...]) -> list[Scenario]:
    names = [name.strip() for one in only for name in one.split(",") if name.strip()]
    for name in names:
        if name not in _BY_NAME:
            raise click.BadParameter(
                f"no scenario {name!r}: {', '.join(_BY_NAME)}", param_hint="--only"
            )
    return [_BY_NAME[name] for name in dict.fromkeys(names)] or list(SCENARIOS)


def _end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
