"""Elasticsearch for the tests: a running one, Maven Central's server, or Docker's image."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import urllib.request
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import pytest

from tests.services.needs import ELASTICSEARCH, ELASTICSEARCH_URL, find_program
from tests.services.ports import free_port
from tests.services.server import Server


class Elasticsearch(Server):
    """One node; `what_is_here()` says of which kind."""

    needs = ELASTICSEARCH

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_prefix(self) -> str:
        """Return a name that no index begins with; what is made with it goes with the tests."""
        self._prefixes.append(f"test-{uuid.uuid4().hex[:12]}")
        return self._prefixes[-1]

    def bytes_of(self, prefix: str) -> int:
        """Return what all indices that begin with a name take on disk."""
        sizes = self._names(f"/_cat/indices/{prefix}*?h=store.size&bytes=b")
        return sum(map(int, sizes))

    def forget(self, prefix: str) -> None:
        """Delete all indices that begin with a name, and their template."""
        for index in self._names(f"/_cat/indices/{prefix}*?h=index"):
            self._call(f"/{index}", "DELETE")
        for template in self._names(f"/_cat/templates/{prefix}*?h=name"):
            self._call(f"/_index_template/{template}", "DELETE")

    def answers(self) -> None:
        self._call("/_cluster/health?wait_for_status=yellow&timeout=5s")

    @cached_property
    def _prefixes(self) -> list[str]:
        return []

    def _names(self, path: str) -> list[str]:
        return self._call(path).decode().split()

    def _call(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())


class RunningElasticsearch(Elasticsearch):
    """The one that `ASYNCEVENTS_TEST_ELASTICSEARCH_URL` names: used, and left running."""

    command = ()

    @property
    def url(self) -> str:
        return os.environ[ELASTICSEARCH_URL].rstrip("/")

    def start(self) -> None:
        self.answers()

    def kill(self) -> None:
        pytest.skip(f"{ELASTICSEARCH_URL} names a server that is not ours to kill")

    def remove(self) -> None:
        for prefix in self._prefixes:
            self.forget(prefix)
        shutil.rmtree(self.folder, ignore_errors=True)


class UnpackedElasticsearch(Elasticsearch):
    """The core server, without `GET /`, delete-by-query, lifecycles and scripts."""

    user = "nobody"

    @property
    def command(self) -> Sequence[str]:
        addresses = {
            "network.host": "127.0.0.1",
            "http.port": self.port,
            "transport.port": self._transport_port,
        }
        options = [f"-E{name}={value}" for name, value in (_SETTINGS | addresses).items()]
        return ["bash", str(self._home / "bin" / "elasticsearch"), *options]

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self._transport_port = free_port()

    @property
    def _home(self) -> Path:
        return next(self.folder.glob("elasticsearch-*"))

    def _prepare(self) -> None:
        with zipfile.ZipFile(fetched()) as archive:
            archive.extractall(self.folder)
        for path in (self._home / "bin").iterdir():
            path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        (self.folder / "tmp").mkdir()
        for folder, folders, files in os.walk(self.folder):
            for name in (*folders, *files):
                self._own(Path(folder) / name)

    def _environment(self) -> Mapping[str, str]:
        return {
            "ES_JAVA_HOME": str(ELASTICSEARCH.java_home()),
            "ES_JAVA_OPTS": _HEAP,
            # Both the server and what starts it leave files behind when they are killed.
            "ES_TMPDIR": str(self.folder / "tmp"),
            "CLI_JAVA_OPTS": f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            "HOME": str(self.folder),
        }


class ContainedElasticsearch(Elasticsearch):
    """Docker's official image, in a container that keeps its data while it is killed."""

    @property
    def command(self) -> Sequence[str]:
        return ["docker", "start", "--attach", self._name]

    def kill(self) -> None:
        self._docker("kill", self._name, check=False)
        super().kill()

    def stop(self) -> None:
        self._docker("stop", self._name)
        super().stop()

    def pause(self) -> None:
        self._docker("pause", self._name)

    def resume(self) -> None:
        self._docker("unpause", self._name)

    def remove(self) -> None:
        super().remove()
        self._docker("rm", "--force", "--volumes", self._name)

    @property
    def _name(self) -> str:
        return self.folder.name

    def _choose_other_ports(self) -> None:
        """The container was made with its port."""

    def _prepare(self) -> None:
        settings = {**_SETTINGS, "ES_JAVA_OPTS": _HEAP}
        options = [f"--env={name}={value}" for name, value in settings.items()]
        address = f"--publish=127.0.0.1:{self.port}:9200"
        image = f"docker.elastic.co/elasticsearch/elasticsearch:{ELASTICSEARCH.version}"
        self._docker("create", "--name", self._name, address, *options, image)

    def _docker(self, *words: str, check: bool = True) -> None:
        done = subprocess.run(["docker", *words], capture_output=True, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(f"docker {' '.join(words)}: {done.stderr.strip()}")


_HEAP: Final = "-Xms512m -Xmx512m"
_SETTINGS: Final[Mapping[str, object]] = {
    "discovery.type": "single-node",
    "xpack.security.enabled": "false",
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    "cluster.max_shards_per_node": 5000,
}


def what_is_here() -> type[Elasticsearch]:
    """Return the kind of node to start: the first of the three that can be had."""
    if os.environ.get(ELASTICSEARCH_URL):
        return RunningElasticsearch
    return UnpackedElasticsearch if ELASTICSEARCH.unpackable else ContainedElasticsearch


def fetched() -> Path:
    """Return the server's archive, fetched once and kept in the user's cache."""
    version = ELASTICSEARCH.version
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "asyncevents-tests"
    archive = cache / f"elasticsearch-{version}.zip"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            artifact = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip"
            done = subprocess.run(
                [
                    find_program("mvn") or "mvn", "-B", "-q", "dependency:copy",
                    f"-Dartifact={artifact}", f"-DoutputDirectory={folder}",
                ],
                capture_output=True,
                text=True,
                cwd=folder,
            )  # fmt: skip
            if done.returncode != 0:
                raise RuntimeError(f"cannot fetch Elasticsearch {version}:\n{done.stdout[-3000:]}")
            (Path(folder) / archive.name).replace(archive)
    return archive
