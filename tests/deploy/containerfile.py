"""A Containerfile, read and carried out in a folder where there is no engine for containers.

No image: the machine's own Python takes the place of the base, and the folders that the steps name
are in a temporary one. What the steps do, in their order and with their arguments, is the same.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from attrs import define, field, frozen


@frozen
class Instruction:
    """One instruction: `RUN`, `COPY`, …, and what follows it."""

    name: str
    text: str


def read_stages(path: Path) -> list[list[Instruction]]:
    """Return the instructions of each stage; what is before the first `FROM` belongs to none."""
    lines = [one for one in path.read_text().splitlines() if not one.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stages: list[list[Instruction]] = []
    for line in filter(str.strip, joined.splitlines()):
        name, _, text = line.partition(" ")
        if name == "FROM":
            stages.append([])
        if stages:
            stages[-1].append(Instruction(name, text.strip()))
    return stages


@define
class Root:
    """A folder that stands for the root of a container."""

    folder: Path
    context: Path
    python: str
    """What takes the place of the base's Python."""
    arguments: dict[str, str]
    """Of the build: those that are given go before the defaults."""
    environment: dict[str, str] = field(factory=dict)
    workdir: str = "/"
    user: str = ""
    entrypoint: str = ""
    command: str = ""

    def inside(self, path: str) -> Path:
        """Return where an absolute path of the container is."""
        return self.folder / path.lstrip("/")

    def carry_out(self, one: Instruction) -> None:
        match one.name:
            case "ARG":
                name, _, default = one.text.partition("=")
                self.arguments.setdefault(name, default)
            case "ENV":
                for pair in shlex.split(one.text):
                    name, _, value = pair.partition("=")
                    self.environment[name] = value
            case "WORKDIR":
                self.workdir = one.text
                self.inside(one.text).mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(shlex.split(one.text))
            case "RUN":
                self._run(one.text)
            case "USER":
                self.user = one.text
            case "ENTRYPOINT":
                self.entrypoint = one.text
            case "CMD":
                self.command = one.text
            case "FROM" | "LABEL" | "STOPSIGNAL":
                pass
            case _:
                raise AssertionError(f"{one.name} cannot be carried out here")

    def _copy(self, words: list[str]) -> None:
        # From another stage: it has the same root here.
        if words[0].startswith("--from="):
            assert self.inside(words[1]).exists(), words
            return
        *sources, into = words
        for source in sources:
            target = self.inside(os.path.join(self.workdir, into))
            if (self.context / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".*", "tests")
                shutil.copytree(self.context / source, target, ignore=ignored)
            else:
                shutil.copy(self.context / source, target)

    def _run(self, text: str) -> None:
        if text.startswith("groupadd"):
            # It would change the accounts of this machine.
            return
        # Absolute folders of the container, and its Python, where they are here.
        text = re.sub(r"(?<![\w./])/(opt|wheels|source)\b", rf"{self.folder}/\1", text)
        text = re.sub(r"(^|&& )python ", rf"\1{shlex.quote(self.python)} ", text)
        done = subprocess.run(
            ["sh", "-ec", text],
            cwd=self.inside(self.workdir),
            env={**os.environ, **self.arguments},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
