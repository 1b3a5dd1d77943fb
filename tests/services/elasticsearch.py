"""Elasticsearch for the tests: a running one, or the server that Maven Central has."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
import urllib.request
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from tests.services.needs import ELASTICSEARCH, ELASTICSEARCH_URL, find_program
from tests.services.servers import Server, free_port


class Elasticsearch(Server):
    """One node. One that `ASYNCEVENTS_TEST_ELASTICSEARCH_URL` names is used, and left running.

    It is the core server: without `GET /`, delete-by-query, lifecycles and scripts.
    """

    needs = ELASTICSEARCH
    user = "nobody"

    @property
    def url(self) -> str:
        return os.environ.get(ELASTICSEARCH_URL) or f"http://127.0.0.1:{self.port}"

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

    @property
    def command(self) -> Sequence[str]:
        settings = {
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": self.port,
            "transport.port": self._transport_port,
            "xpack.security.enabled": "false",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "cluster.max_shards_per_node": 5000,
        }
        options = [f"-E{name}={value}" for name, value in settings.items()]
        return ["bash", str(self._home / "bin" / "elasticsearch"), *options]

    def start(self) -> None:
        if os.environ.get(ELASTICSEARCH_URL):
            self.answers()
        else:
            super().start()

    def remove(self) -> None:
        if os.environ.get(ELASTICSEARCH_URL):
            for prefix in self._prefixes:
                self.forget(prefix)
        super().remove()

    def answers(self) -> None:
        self._call("/_cluster/health?wait_for_status=yellow&timeout=5s")

    @cached_property
    def _prefixes(self) -> list[str]:
        return []

    @cached_property
    def _transport_port(self) -> int:
        return free_port()

    @property
    def _home(self) -> Path:
        return next(self.folder.glob("elasticsearch-*"))

    def _prepare(self) -> None:
        if os.environ.get(ELASTICSEARCH_URL):
            return
        with zipfile.ZipFile(fetched()) as archive:
            archive.extractall(self.folder)
        for path in (self._home / "bin").iterdir():
            path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        for folder, folders, files in os.walk(self.folder):
            for name in (*folders, *files):
                self._own(Path(folder) / name)

    def _environment(self) -> Mapping[str, str]:
        return {
            "ES_JAVA_HOME": str(ELASTICSEARCH.java_home()),
            "ES_JAVA_OPTS": "-Xms512m -Xmx512m",
            "HOME": str(self.folder),
        }

    def _names(self, path: str) -> list[str]:
        return self._call(path).decode().split()

    def _call(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())


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
