"""`python -m tests.exercises`: let a person or an assistant do them, and check what was done."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from attrs import asdict, frozen

from tests.exercises.exercise import Exercise
from tests.exercises.onboarding import ONBOARDING
from tests.exercises.repairing import REPAIRING
from tests.exercises.workbench import NotDone, Workbench, workbench

EXERCISES: dict[str, type[Exercise]] = {one.name: one for one in (*ONBOARDING, *REPAIRING)}
BUILD = Path(__file__).parents[2] / "build"


@frozen(kw_only=True)
class Result:
    """How an exercise went. `seen` says what was there instead; empty where it was done."""

    name: str
    done: bool
    seen: str


def main() -> int:
    """Return the exit code: 0 if everything was done."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.exercises",
        description="Do exercises with asyncevents, and check what was done by running it.",
        epilog="""Examples: `python -m tests.exercises first-delivery` opens a shell in a folder;
        leave it when you are done. `python -m tests.exercises --command 'assistant "$INSTRUCTION"'`
        lets an assistant do all of them, and writes build/exercises.json.""",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all if none is named")
    parser.add_argument("--list", action="store_true", help="say what there is, and end")
    parser.add_argument(
        "--command",
        help="what does an exercise, run by a shell in its folder: $INSTRUCTION is what is to be "
        "done, as in the file INSTRUCTION.md; by default your shell",
    )
    parser.add_argument(
        "--minutes", type=float, default=15, help="that the command may take (default: 15)"
    )
    wanted = parser.parse_args()
    if wanted.list:
        for name, kind in EXERCISES.items():
            print(f"{name:16} {(kind.__doc__ or '').splitlines()[0]}")
        return 0
    unknown = [name for name in wanted.names if name not in EXERCISES]
    if unknown:
        parser.error(f"there is no exercise {unknown[0]!r}; --list shows them")
    results = []
    for name in wanted.names or EXERCISES:
        result = _do(EXERCISES[name], wanted.command, wanted.minutes * 60)
        results.append(result)
        print(f"{name:16} {'done' if result.done else 'NOT DONE: ' + result.seen}", flush=True)
    done = sum(one.done for one in results)
    print(f"{done} of {len(results)} done")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "exercises.json").write_text(json.dumps([asdict(one) for one in results], indent=2))
    return 0 if done == len(results) else 1


def _do(kind: type[Exercise], command: str | None, seconds: float) -> Result:
    if missing := kind.missing():
        return Result(name=kind.name, done=False, seen=f"not possible here: {missing}")
    with (
        tempfile.TemporaryDirectory(prefix=f"{kind.name}-") as folder,
        workbench(Path(folder)) as bench,
    ):
        exercise = kind(bench)
        try:
            exercise.prepare()
            bench.write("INSTRUCTION.md", exercise.told() + "\n")
            _work(bench, exercise.told(), command, seconds)
            exercise.check()
        except NotDone as error:
            return Result(name=kind.name, done=False, seen=str(error))
        finally:
            exercise.clean()
    return Result(name=kind.name, done=True, seen="")


def _work(bench: Workbench, told: str, command: str | None, seconds: float) -> None:
    environment = {**bench.environment, "INSTRUCTION": told}
    if command is None:
        print(f"\n{told}\n\nThe folder is {bench.folder}. Leave this shell when you are done.")
        subprocess.run([os.environ.get("SHELL", "sh")], cwd=bench.folder, env=environment)
        return
    try:
        subprocess.run(
            command, shell=True, cwd=bench.folder, env=environment, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotDone(f"the command took longer than {seconds / 60:g} minutes") from error


if __name__ == "__main__":
    sys.exit(main())
