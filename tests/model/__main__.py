"""`python -m tests.model`: check the model, break each rule in model and code: build/model.md."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.model.checking import MODELS, check
from tests.model.mutants import MUTANTS, Mutant
from tests.model.worlds import ALL

ROOT: Final = MODELS.parents[1]
BUILD: Final = ROOT / "build"
_LONGEST: Final = 1_800
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@frozen(kw_only=True)
class Found:
    """What found a mutant: None where nothing did."""

    mutant: Mutant
    in_model: bool
    test: str | None


def main() -> int:
    """Return the exit code: 1 if a property does not hold, or a mutant is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose words this is found in")
    wanted = parser.parse_args()
    lines = ["| property | of | what may go wrong | states | holds |", "|---|---|---|---|---|"]
    holds = True
    for name, world in ALL.items():
        verdict = check(world)
        holds = holds and verdict.holds
        limits = ", ".join(f"{one} {value}" for one, value in world.world.items()) or "as it comes"
        lines.append(
            f"| {name}: `{world.prop}` | `{world.model}` | {limits} | {verdict.states:,} | "
            f"{'yes' if verdict.holds else '**no**'} |"
        )
        print(lines[-1], flush=True)
    lines += ["", "| broken rule | model | found in the code by |", "|---|---|---|"]
    found = []
    for number, mutant in enumerate(MUTANTS, start=1):
        if not re.search(wanted.only, mutant.words):
            continue
        one = Found(
            mutant=mutant,
            in_model=not check(mutant.check, mutant=mutant.number).holds,
            test=_failing_test(mutant),
        )
        found.append(one)
        lines.append(_row(one))
        print(f"{number}/{len(MUTANTS)} {lines[-1]}", flush=True)
    missed = [one for one in found if not one.in_model or one.test is None]
    lines += ["", f"{len(found) - len(missed)} of {len(found)} are found in both."]
    BUILD.mkdir(exist_ok=True)
    (BUILD / "model.md").write_text("\n".join(lines) + "\n")
    print(lines[-1])
    return 0 if holds and not missed else 1


def _row(one: Found) -> str:
    model = f"`{one.mutant.check.prop}`" if one.in_model else "**not found**"
    test = f"`{one.test}`" if one.test else "**not found**"
    return f"| {one.mutant.words} | {model} | {test} |"


def _failing_test(mutant: Mutant) -> str | None:
    """Run the tests on a copy of the code in which the rule is broken; return what failed first."""
    with tempfile.TemporaryDirectory(prefix="asyncevents-mutant-") as folder:
        copy = Path(folder)
        for name in ("asyncevents_core", "tests", "docs", "plugins"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "conftest.py"):
            shutil.copy(ROOT / name, copy / name)
        broken = copy / "asyncevents_core" / mutant.file
        text = broken.read_text()
        if text.count(mutant.old) != 1:
            raise RuntimeError(f"{mutant.words}: its place in {mutant.file} is not there any more")
        broken.write_text(text.replace(mutant.old, mutant.new))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider",
             *mutant.tests.split()],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )  # fmt: skip
    failed = _FAILED.search(done.stdout)
    if done.returncode not in {0, 1} or (done.returncode == 1 and failed is None):
        raise RuntimeError(f"{mutant.words}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[1].removeprefix("tests/") if failed else None


if __name__ == "__main__":
    sys.exit(main())
