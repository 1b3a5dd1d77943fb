"""The report: Markdown for the documentation, tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import box
from rich.table import Table

from tests.benchmarks.figures import Bar, Columns, Figure, Lines, Report, Result

_MARKS = {True: "met", False: "**missed**"}


def number(value: float) -> str:
    """Write a number with three digits or more.

    >>> number(12345.6), number(123.45), number(1.2345), number(0.012345)
    ('12,346', '123', '1.23', '0.0123')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 1:
        return f"{value:.3g}"
    return f"{value:.3g}" if value else "0"


def markdown(report: Report) -> str:
    """Return the fragment: bars, then a section per scenario with its charts."""
    return "\n".join(_lines(report)).rstrip() + "\n"


def bars_table(report: Report) -> Table:
    """Return the bars for the terminal."""
    table = Table("scenario", "bar", "measured", "limit", "", box=box.SIMPLE, title="Bars")
    for result, bar in _bars(report):
        colour = "green" if bar.met else "yellow" if bar.aim else "red"
        table.add_row(
            result.name, bar.text, _with_unit(bar.value, bar.unit), _limit(bar),
            f"[{colour}]{_verdict(bar).strip('*')}[/]",
        )  # fmt: skip
    return table


def result_table(result: Result) -> Table:
    """Return the figures of one scenario for the terminal."""
    table = Table("figure", "median", "low", "high", "unit", box=box.SIMPLE, title=result.title)
    for figure in result.findings.figures if result.findings else ():
        table.add_row(
            figure.name, number(figure.median), number(figure.low), number(figure.high), figure.unit
        )
    return table


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """Return what it was measured on, with which options."""
    for group in (report.machine, report.versions, report.options):
        yield from ((name, str(value)) for name, value in group.items())


def _lines(report: Report) -> Iterator[str]:
    yield "## Bars\n"
    yield "| scenario | bar | measured | limit | |"
    yield "|---|---|---:|---:|---|"
    for result, bar in _bars(report):
        yield (
            f"| {result.title} | {_cell(bar.text)} | {_with_unit(bar.value, bar.unit)} "
            f"| {_limit(bar)} | {_verdict(bar)} |"
        )
    yield "\n## Measured on\n"
    yield from _list(report.machine)
    yield from _list(report.versions)
    options = ", ".join(f"{name} {value}" for name, value in report.options.items())
    yield f"* options: {options}\n"
    for result in report.results:
        yield from _section(result)


def _section(result: Result) -> Iterator[str]:
    yield f"## {result.title}\n"
    yield f"{result.measures}\n"
    if result.findings is None:
        yield "It failed:\n"
        yield f"```\n{(result.error or '').rstrip()}\n```\n"
        return
    charts: list[Columns | Lines] = [*result.findings.columns, *result.findings.lines]
    for chart in charts:
        yield f"![{chart.title}]({chart.name}.svg)\n"
    yield "| | median | lowest to highest | |"
    yield "|---|---:|---:|---|"
    for figure in result.findings.figures:
        yield _row(figure)
    yield ""
    if result.findings.notes:
        yield from _list(result.findings.notes)
        yield ""


def _row(figure: Figure) -> str:
    between = f"{number(figure.low)} to {number(figure.high)}" if len(figure.values) > 1 else ""
    return f"| {_cell(figure.name)} | {number(figure.median)} | {between} | {figure.unit} |"


def _bars(report: Report) -> Iterator[tuple[Result, Bar]]:
    for result in report.results:
        for bar in result.findings.bars if result.findings else ():
            yield result, bar


def _limit(bar: Bar) -> str:
    sign = "≤" if bar.at_most else "≥"
    return f"{sign} {_with_unit(bar.limit, bar.unit)}"


def _with_unit(value: float, unit: str) -> str:
    return f"{number(value)} {unit}"


def _verdict(bar: Bar) -> str:
    return "aim not reached" if bar.aim and not bar.met else _MARKS[bar.met]


def _list(facts: Mapping[str, str]) -> Iterator[str]:
    for name, value in facts.items():
        yield f"* {name}: {value}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
