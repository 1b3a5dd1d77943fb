"""The services that tests need, each with the programs it is made of and how to get them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from attrs import frozen


@frozen(kw_only=True)
class Service:
    """A service: there if all of `programs` are on the path, installed by Debian `packages`."""

    name: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def present(self) -> bool:
        return all(shutil.which(program) for program in self.programs)

    @property
    def advice(self) -> str:
        return f"{self.name}: apt install {' '.join(self.packages)}"


# SQLite, the webhook receivers and Django come with Python and the virtual environment.
SERVICES: tuple[Service, ...] = ()


def install_missing(services: Sequence[Service]) -> list[Service]:
    """As root on Debian install what is missing; return what is missing still."""
    missing = [service for service in services if not service.present]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        packages = sorted({package for service in missing for package in service.packages})
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", *packages], check=False, env=environment)
    return [service for service in services if not service.present]
