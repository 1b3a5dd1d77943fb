"""Runs the model checker Spin: https://spinroot.com/spin/Man/Manual.html"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from tests.services.needs import COMPILER, SPIN, find_program

MODELS: Final = Path(__file__).parent
ASSERTIONS: Final = "assertions"
"""In place of the name of a property: only what the model asserts on its way."""
_DEEPEST: Final = 1_000_000
_LONGEST: Final = 600


@frozen(kw_only=True)
class Check:
    """One property of a model, in a world of a certain size."""

    model: str
    """`delivery` or `suspects`."""
    prop: str
    """The name of an `ltl` formula, or `ASSERTIONS`."""
    world: Mapping[str, int] = field(factory=dict)
    """What may go wrong, and how often: the names are explained in the model."""


@frozen(kw_only=True)
class Verdict:
    """What Spin found."""

    holds: bool
    states: int
    seconds: float


def check(wanted: Check, *, mutant: int = 0) -> Verdict:
    """Visit every state that the model can be in. `mutant` is the rule that is broken, 0: none.

    Raises `RuntimeError` where Spin does not finish, or says something unexpected.
    """
    spin, compiler = find_program("spin"), find_program("gcc")
    assert spin is not None, SPIN.advice
    assert compiler is not None, COMPILER.advice
    world = {**wanted.world, "MUTANT": mutant}
    defined = [f"-D{name}={value}" for name, value in world.items()]
    with tempfile.TemporaryDirectory(prefix="asyncevents-model-") as folder:
        _run([spin, "-a", *defined, str(MODELS / f"{wanted.model}.pml")], folder)
        # -O0: to compile it well takes far longer than the search that it would speed up.
        # NFAIR: for so many processes at a time it sees to it that each has its turn.
        _run([compiler, "-O0", "-w", "-DNFAIR=3", "-DCOLLAPSE", "-o", "pan", "pan.c"], folder)
        how = ["-noclaim"] if wanted.prop == ASSERTIONS else ["-a", "-f", "-N", wanted.prop]
        said = _run(["./pan", f"-m{_DEEPEST}", *how], folder)
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\d+) states, stored", said) or re.search(
        r"([\d.e+]+) states, stored", said
    )
    took = re.search(r"elapsed time ([\d.e+-]+)", said)
    if errors is None or states is None or "max search depth too small" in said:
        raise RuntimeError(f"Spin did not look everywhere:\n{said}")
    return Verdict(
        holds=errors[1] == "0",
        states=int(float(states[1])),
        seconds=float(took[1]) if took else 0.0,
    )


def _run(command: list[str], folder: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_LONGEST, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
