"""The chart: what Helm makes of it is what Kubernetes takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.tools import DEPLOY, run

pytestmark = pytest.mark.helm

CHART = DEPLOY / "helm/asyncevents"
KUBERNETES = "1.31.0"
"""Said, since a Helm that was made by `go install` takes it for a very old one."""
EVERYTHING = """
settings: {environment: {ASYNCEVENTS_LOG_LIFETIME_DAYS: "7"}}
imagePullSecrets: [{name: registry}]
worker:
  consumers: trigger,retry,index
  autoscaling: {enabled: true}
  podAnnotations: {a: b}
  nodeSelector: {disk: fast}
  tolerations: [{key: events, operator: Exists}]
  volumes: [{name: index, persistentVolumeClaim: {claimName: index}}]
  volumeMounts: [{name: index, mountPath: /var/lib/asyncevents}]
  topologySpreadConstraints:
    - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}
server:
  trustedProxies: [10.0.0.0/8]
  pages: false
  autoscaling: {enabled: true}
  service: {annotations: {a: b}}
  ingress: {enabled: true, className: nginx, tlsSecret: certificate}
serviceAccount: {annotations: {role: events}}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
networkPolicy:
  enabled: true
  serverFrom: [{namespaceSelector: {matchLabels: {name: ingress}}}]
  healthFrom: [{namespaceSelector: {matchLabels: {name: monitoring}}}]
"""
LEAST = """
server: {enabled: false}
migration: {enabled: false}
serviceAccount: {create: false}
worker: {podDisruptionBudget: {enabled: false}}
secrets: []
"""
ALWAYS = {"ConfigMap", "Deployment", "Job", "PodDisruptionBudget", "Service", "ServiceAccount"}
KINDS = {
    "": ALWAYS,
    EVERYTHING: ALWAYS | {"HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "ServiceMonitor"},
    LEAST: {"ConfigMap", "Deployment"},
}


def made(values: str, tmp_path: Path, *, code: int = 0) -> list[dict[str, Any]]:
    """Return the objects that Helm makes with these values."""
    file = tmp_path / "values.yaml"
    file.write_text(values)
    options = ("--values", file, "--kube-version", KUBERNETES)
    done = run("helm", "template", "shop", CHART, *options, code=code)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


@pytest.fixture(params=KINDS, ids=["defaults", "everything", "least"])
def values(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_helm_finds_no_fault(values: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(values)
    run("helm", "lint", "--strict", CHART, "--values", file)


def test_kubernetes_takes_what_is_made(values: str, tmp_path: Path) -> None:
    found = made(values, tmp_path)
    assert {one["kind"] for one in found} == KINDS[values]
    # What the Prometheus operator adds to Kubernetes has no schema there.
    ours = [one for one in found if one["kind"] != "ServiceMonitor"]
    for number, one in enumerate(ours):
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(one))
    files = [tmp_path / f"{number}.yaml" for number in range(len(ours))]
    run("kubernetes-validate", "--strict", *files)


def test_the_schemas_would_find_a_slip(tmp_path: Path) -> None:
    (deployment, *_) = [one for one in made("", tmp_path) if one["kind"] == "Deployment"]
    deployment["spec"]["replcas"] = deployment["spec"].pop("replicas")
    file = tmp_path / "deployment.yaml"
    file.write_text(yaml.safe_dump(deployment))
    assert "replcas" in run("kubernetes-validate", "--strict", file, code=1).stdout


def pods(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in found if "template" in one.get("spec", {})]


def test_every_pod_is_restricted(values: str, tmp_path: Path) -> None:
    """As the Pod Security Standard of that name asks for."""
    for pod in pods(made(values, tmp_path)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for one in pod["containers"]:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert one["resources"]["limits"]["memory"]


def test_what_is_named_is_there(values: str, tmp_path: Path) -> None:
    """Volumes of pods, ports of probes and services, selectors."""
    found = made(values, tmp_path)
    maps = {one["metadata"]["name"] for one in found if one["kind"] == "ConfigMap"}
    for pod in pods(found):
        volumes = {one["name"] for one in pod["volumes"]}
        assert {one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one} <= maps
        for one in pod["containers"]:
            assert {mount["name"] for mount in one["volumeMounts"]} == volumes
            ports = {port["name"] for port in one.get("ports", [])}
            probes = [one[name] for name in one if name.endswith("Probe")]
            assert {probe["httpGet"]["port"] for probe in probes} <= ports
    deployments = [one for one in found if one["kind"] == "Deployment"]
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in deployments]
    for one in found:
        selector = one["spec"].get("selector", {}) if one["kind"] in SELECTING else None
        if selector is not None:
            wanted = selector.get("matchLabels", selector).items()
            assert any(wanted <= label.items() for label in labels), one["metadata"]["name"]


SELECTING = {"Deployment", "PodDisruptionBudget", "Service"}


def test_the_migration_brings_what_it_needs_and_runs_first(tmp_path: Path) -> None:
    hooks = [
        one
        for one in made("", tmp_path)
        if "helm.sh/hook" in one["metadata"].get("annotations", {})
    ]
    assert [one["kind"] for one in hooks] == ["ConfigMap", "Job"]
    for one in hooks:
        when = one["metadata"]["annotations"]["helm.sh/hook"].split(",")
        assert when == ["pre-install", "pre-upgrade", "pre-rollback"]
    (container,) = hooks[1]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["db", "upgrade"]


def test_other_settings_make_other_pods(tmp_path: Path) -> None:
    def sums(values: str) -> set[str]:
        found = [one for one in made(values, tmp_path) if one["kind"] == "Deployment"]
        return {
            one["spec"]["template"]["metadata"]["annotations"]["checksum/settings"] for one in found
        }

    assert len(sums("")) == 1
    assert sums("").isdisjoint(sums(json.dumps({"settings": {"module": "SOURCE = '/other'"}})))


def test_the_settings_module_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asyncevents_core.settings.loading import load_settings

    text = yaml.safe_load((CHART / "values.yaml").read_text())["settings"]["module"]
    (tmp_path / "settings_of_the_chart.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LEDGER_URL", "postgresql://shop@db/shop")
    monkeypatch.setenv("BROKER_URL", "amqp://shop@rabbit//")
    settings = load_settings("settings_of_the_chart", environ={})
    assert settings.ledger_url == "postgresql://shop@db/shop"
    assert settings.retry_schedule == "days"


@pytest.mark.parametrize(
    "values",
    [
        'worker: {consumers: "trigger retry"}',
        "worker: {processes: 0}",
        "settings: {modul: x}",
        "server: {logLevel: loud}",
    ],
)
def test_mistakes_in_values_are_refused(values: str, tmp_path: Path) -> None:
    assert made(values, tmp_path, code=1) == []
