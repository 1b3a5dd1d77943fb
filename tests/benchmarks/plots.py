"""Charts as SVG."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.ticker import ScalarFormatter

from tests.benchmarks.figures import Columns, Lines, Report
from tests.benchmarks.report import number

_STYLE: Final[Any] = {
    # Text stays text, and the same data makes the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "asyncevents",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
}
_SIZE: Final = (8.0, 4.2)
_SMALL: Final = 8
_LEGEND: Final = 5
"""Names in one line below a chart, at most."""


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw all charts of a report; return the files."""
    made = []
    with mpl.rc_context(_STYLE):
        for result in report.results:
            if result.findings is None:
                continue
            for columns in result.findings.columns:
                made.append(_save(folder, columns.name, _columns(columns)))
            for lines in result.findings.lines:
                made.append(_save(folder, lines.name, _lines(lines)))
    return made


def _columns(chart: Columns) -> Any:
    figure, axes = plt.subplots(figsize=_SIZE, layout="constrained")
    names = list(dict.fromkeys(name for group in chart.groups.values() for name in group))
    places = range(len(chart.groups))
    width = 0.6 if chart.stacked else 0.8 / len(names)
    bottoms = [0.0] * len(chart.groups)
    for place, name in enumerate(names):
        values = [group.get(name, (0.0,)) for group in chart.groups.values()]
        medians = [statistics.median(some) for some in values]
        if chart.stacked:
            axes.bar(places, medians, width, bottom=bottoms, label=name)
            bottoms = [one + other for one, other in zip(bottoms, medians, strict=True)]
            continue
        errors = [
            [median - min(some) for median, some in zip(medians, values, strict=True)],
            [max(some) - median for median, some in zip(medians, values, strict=True)],
        ]
        shifted = [one + (place - (len(names) - 1) / 2) * width for one in places]
        columns = axes.bar(shifted, medians, width, yerr=errors, capsize=3, label=name)
        axes.bar_label(columns, fmt=number, fontsize=_SMALL, padding=2)
    axes.set_xticks(list(places), list(chart.groups), fontsize=_SMALL)
    axes.set_ylabel(chart.unit)
    axes.set_title(chart.title)
    axes.margins(y=0.1)
    if len(names) > 1:
        # No wider than the chart: what is, is cut off.
        columns = min(len(names), _LEGEND)
        figure.legend(loc="outside lower center", ncols=columns, fontsize=_SMALL)
    return figure


def _lines(chart: Lines) -> Any:
    figure, axes = plt.subplots(figsize=_SIZE, layout="constrained")
    for name, points in chart.lines.items():
        axes.plot([x for x, _ in points], [y for _, y in points], label=name)
    if chart.logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_ylim(bottom=0)
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.y)
    axes.set_title(chart.title)
    if len(chart.lines) > 1:
        axes.legend(fontsize=_SMALL)
    return figure


def _save(folder: Path, name: str, figure: Any) -> Path:
    path = folder / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path
