"""Results as JSON, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from attrs import evolve
from cattrs import Converter

from tests.benchmarks.figures import Report

FILE: Final = "results.json"
_CONVERTER: Final = Converter()


def store(report: Report, folder: Path) -> Path:
    """Write `results.json`, at once or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    fresh = path.with_suffix(".new")
    text = json.dumps(_CONVERTER.unstructure(report), indent=1, ensure_ascii=False)
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)
    return path


def read(folder: Path) -> Report:
    """Read `results.json`."""
    text = (folder / FILE).read_text(encoding="utf-8")
    return _CONVERTER.structure(json.loads(text), Report)


def merged(earlier: Report, report: Report) -> Report:
    """Return the report with those results of an earlier one that it does not have itself."""
    own = {result.name for result in report.results}
    kept = [result for result in earlier.results if result.name not in own]
    return evolve(report, results=(*kept, *report.results))
