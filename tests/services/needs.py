"""The services that tests need, each with the programs it is made of and how to get them."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

# Debian keeps these off the path.
_MORE_FOLDERS: Final = ("/usr/sbin", "/usr/lib/postgresql/*/bin", "/usr/lib/rabbitmq/lib/*/sbin")


def find_program(name: str) -> str | None:
    """Return the path of a program, also where Debian hides it; the newest version of it."""
    for pattern in reversed(_MORE_FOLDERS):
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            if os.access(folder / name, os.X_OK) and pattern != "/usr/sbin":
                return str(folder / name)
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


@frozen(kw_only=True)
class Service:
    """A service: there if all of `programs` are found, installed by Debian `packages`."""

    name: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]

    @property
    def present(self) -> bool:
        return all(find_program(program) for program in self.programs)

    @property
    def advice(self) -> str:
        return f"{self.name} is not here: apt install {' '.join(self.packages)}"


REDIS: Final = Service(name="Redis", programs=("redis-server",), packages=("redis-server",))
POSTGRESQL: Final = Service(
    name="PostgreSQL", programs=("initdb", "postgres"), packages=("postgresql",)
)
PGBOUNCER_PROGRAM: Final = "ASYNCEVENTS_TEST_PGBOUNCER"
"""The variable that names a PgBouncer to use in place of the installed one."""
PGBOUNCER: Final = Service(name="PgBouncer", programs=("pgbouncer",), packages=("pgbouncer",))
SPIN: Final = Service(name="Spin", programs=("spin",), packages=("spin",))
"""No service: the model checker. It needs the compiler, too."""
SYSTEMD: Final = Service(name="systemd", programs=("systemd-analyze",), packages=("systemd",))
"""No service either: what reads units."""
MARIADB: Final = Service(
    name="MariaDB", programs=("mariadbd", "mariadb-install-db"), packages=("mariadb-server",)
)
RABBITMQ: Final = Service(
    name="RabbitMQ", programs=("rabbitmq-server", "epmd"), packages=("rabbitmq-server",)
)
COMPILER: Final = Service(name="A C compiler", programs=("gcc",), packages=("gcc", "libc6-dev"))


class _PubSubService(Service):
    """One that runs somewhere, Google's emulator, or Google's `pstest` built with Go."""

    @property
    def present(self) -> bool:
        return bool(os.environ.get(PUBSUB_HOST)) or self.emulator() is not None or super().present

    @property
    def advice(self) -> str:
        return (
            f"{super().advice} (1.19 or newer); or gcloud components install pubsub-emulator, with"
            f" a Java; or {PUBSUB_HOST}=HOST:PORT of one that runs"
        )

    def emulator(self) -> tuple[str, str] | None:
        """Return the paths of a Java and of the emulator's archive, the newest one."""
        java, gcloud = find_program("java"), shutil.which("gcloud")
        folders = [Path(folder).expanduser() for folder in _CLOUD_SDKS]
        if gcloud is not None:
            folders.insert(0, Path(gcloud).resolve().parents[1])
        found = [path for folder in folders for path in sorted(folder.glob(_EMULATOR))]
        return (java, str(found[-1])) if java and found else None


PUBSUB_HOST: Final = "ASYNCEVENTS_TEST_PUBSUB_HOST"
_EMULATOR: Final = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
_CLOUD_SDKS: Final = (
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/snap/google-cloud-cli/current",
    "~/google-cloud-sdk",
)
PUBSUB: Final = _PubSubService(name="PubSub", programs=("go",), packages=("golang-go",))


class _ElasticsearchService(Service):
    """One that runs, the server's archive on Maven Central with a fitting Java, or Docker's image.

    The client's major version must not be above the server's, so it decides.
    """

    @property
    def present(self) -> bool:
        return bool(os.environ.get(ELASTICSEARCH_URL)) or self.unpackable or self.contained

    @property
    def unpackable(self) -> bool:
        """Whether Maven and a Java are here."""
        return super().present and self.java_home() is not None

    @property
    def contained(self) -> bool:
        """Whether Docker's engine answers."""
        if shutil.which("docker") is None:
            return False
        return subprocess.run(["docker", "info"], capture_output=True).returncode == 0

    @property
    def advice(self) -> str:
        return (
            f"{super().advice} (Java {self._release[1]} or newer); or start Docker; or "
            f"{ELASTICSEARCH_URL}=URL of one that runs, {self.version.partition('.')[0]}.x"
        )

    @property
    def version(self) -> str:
        """The server's version."""
        return self._release[0]

    def java_home(self) -> Path | None:
        """Return the folder of the oldest Java that is new enough."""
        homes = [Path(home) for home in (os.environ.get("JAVA_HOME"),) if home]
        homes += sorted(Path("/usr/lib/jvm").glob("*"))
        found = [(_java_version(home), home) for home in homes if (home / "bin/java").exists()]
        fitting = [one for one in found if one[0] >= self._release[1]]
        return min(fitting)[1] if fitting else None

    @property
    def _release(self) -> tuple[str, int]:
        try:
            major = int(importlib.metadata.version("elasticsearch").partition(".")[0])
        except importlib.metadata.PackageNotFoundError:
            major = 8
        return _ELASTICSEARCHES.get(major, _ELASTICSEARCHES[8])


def _java_version(home: Path) -> int:
    release = home / "release"
    found = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.exists() else None
    return 0 if found is None else int(found[1])


ELASTICSEARCH_URL: Final = "ASYNCEVENTS_TEST_ELASTICSEARCH_URL"
# By the major version of the client: a server, and the oldest Java that it runs on.
_ELASTICSEARCHES: Final[Mapping[int, tuple[str, int]]] = {8: ("8.19.3", 17), 9: ("9.2.0", 21)}
ELASTICSEARCH: Final = _ElasticsearchService(
    name="Elasticsearch", programs=("mvn",), packages=("maven", "openjdk-17-jre-headless")
)

CHROMIUM: Final = Service(
    name="Chromium", programs=("chromium",), packages=("chromium", "fonts-dejavu-core")
)
PHP: Final = Service(name="PHP", programs=("php",), packages=("php-cli",))
NGINX: Final = Service(name="nginx", programs=("nginx",), packages=("nginx-light",))
PROMTOOL: Final = Service(name="promtool", programs=("promtool",), packages=("prometheus",))
NPM: Final = Service(name="npm", programs=("node", "npm"), packages=("nodejs", "npm"))
OPENID: Final = Service(name="OpenID", programs=("node", "npm"), packages=("nodejs", "npm"))

# SQLite, the webhook receivers and Django come with Python and the virtual environment.
SERVICES: Final = (
    REDIS,
    POSTGRESQL,
    PGBOUNCER,
    MARIADB,
    RABBITMQ,
    PUBSUB,
    ELASTICSEARCH,
    OPENID,
    PHP,
    NGINX,
    PROMTOOL,
    CHROMIUM,
    COMPILER,
    SPIN,
    SYSTEMD,
)


def install_missing(services: Sequence[Service]) -> list[Service]:
    """As root on Debian install what is missing; return what is missing still."""
    missing = [service for service in services if not service.present]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        packages = sorted({package for service in missing for package in service.packages})
        print(f"installing {' '.join(packages)}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        quietly = {"check": False, "stdout": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], **quietly)
        # A service that the package would start is not ours: the tests start their own.
        subprocess.run(["apt-get", "install", "-y", "-qq", *packages], env=environment, **quietly)
    return [service for service in services if not service.present]
