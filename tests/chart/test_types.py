"""What Kubernetes wants as a text is a text, null is empty, and blocks passed on are checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest

from tests.chart import rendering
from tests.chart.engines import Engine, RefusedError, merged
from tests.chart.rendering import CHART, Object, Values
from tests.chart.test_set import nested

TYPES = json.loads((CHART / "files/value-types.json").read_text("utf-8"))["values"]
FOREIGN = {"keda.sh", "gateway.networking.k8s.io", "monitoring.coreos.com"}
TEMPLATES = [*sorted((CHART / "templates").rglob("*.yaml")), CHART / "templates/NOTES.txt"]
SHOWN: dict[str, Values] = {
    "auth": {"auth": {"existingSecret": "s"}},
    "model": {"model": {"existingClaim": "", "claim": {"create": True}}},
    "service": {"service": {"type": "LoadBalancer"}},
    "ingress": {"ingress": {"enabled": True, "hosts": ["example.com"]}},
}
"""What has to be on for the texts of a block to be rendered."""
ELSEWHERE = {"model.existingClaim", "fullnameOverride", "kubeVersion", "model.name", "model.path"}
"""Texts that have a form of their own, or exclude another one."""


def texts(block: Values, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of the chart's own texts."""
    for key, kind in block.items():
        if "text" in kind:
            yield ".".join((*path, key))
        yield from texts(kind.get("block", {}), (*path, key))


def empty_ones(block: Values, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of the maps and lists that have a default."""
    for key, kind in block.items():
        if "default" in kind:
            yield ".".join((*path, key))
        yield from empty_ones(kind.get("block", {}), (*path, key))


def deployment(objects: list[Object]) -> Object:
    (found,) = [entry for entry in objects if entry["kind"] == "Deployment"]
    return found


def at(found: Any, path: str) -> Any:
    """The value at a path of keys and indices."""
    for key in path.split("/"):
        found = found[int(key) if key.lstrip("-").isdigit() else key.replace("~", "/")]
    return found


def refused(engine: Engine, values: Values, expression: str = "") -> str:
    with pytest.raises(RefusedError) as caught:
        engine(values, expression)
    return str(caught.value)


def node_affinity(**expression: object) -> Values:
    terms = [{"matchExpressions": [expression]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"affinity": {"nodeAffinity": required}}


POD = "spec/template/spec"


@pytest.mark.parametrize(
    ("expression", "path", "text"),
    [
        ("podAnnotations.build=123", "spec/template/metadata/annotations/build", "123"),
        ("nodeSelector.gpu=true", f"{POD}/nodeSelector/gpu", "true"),
        ("image.tag=20261128", f"{POD}/containers/0/image", "longshore:20261128"),
        ("podLabels.team=7", "spec/template/metadata/labels/team", "7"),
        ("commonLabels.team=7", "metadata/labels/team", "7"),
        ("tolerations[0].key=spot,tolerations[0].value=true", f"{POD}/tolerations/0/value", "true"),
        ("extraEnv[0].name=OMP,extraEnv[0].value=4", f"{POD}/containers/0/env/-1/value", "4"),
        ("nodeSelector.exponent=1e5", f"{POD}/nodeSelector/exponent", "1e5"),
        ("nodeSelector.octal=010", f"{POD}/nodeSelector/octal", "010"),
        ("nodeSelector.hex=0x1f", f"{POD}/nodeSelector/hex", "0x1f"),
        ("nodeSelector.long=12345678901234567890", f"{POD}/nodeSelector/long",
         "12345678901234567890"),
        ("podAnnotations.long=9007199254740991", "spec/template/metadata/annotations/long",
         "9007199254740991"),
    ],
)  # fmt: skip
def test_a_number_given_by_set_stays_what_was_written(
    engine: Engine, expression: str, path: str, text: str
):
    assert at(deployment(engine({}, expression)), path) == text


def test_a_number_in_a_file_is_the_integer_that_it_was(engine: Engine):
    terms = [{"matchExpressions": [{"key": "zone", "operator": "In",
              "values": [20261128, True, "1e5", "010", "0x1f"]}]}]  # fmt: skip
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    values: Values = {
        "image": {"tag": 20261128},
        "podAnnotations": {"build": 123, "is": True, "long": 9007199254740991},
        "affinity": {"nodeAffinity": required},
        "extraContainers": [
            {"name": "side", "image": "i", "env": [{"name": "COUNT", "value": 1000000}]}
        ],
        "commonLabels": {"week": 48},
    }
    found = deployment(engine(values, ""))
    pod = found["spec"]["template"]["spec"]
    annotations = found["spec"]["template"]["metadata"]["annotations"]
    selected = at(pod, "affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution")

    kubernetes_validate.validate(found, "1.36.0", strict=True)
    assert pod["containers"][0]["image"] == "longshore:20261128"
    assert pod["containers"][1]["env"] == [{"name": "COUNT", "value": "1000000"}]
    assert [annotations[key] for key in ("build", "is", "long")] == [
        "123", "true", "9007199254740991"]  # fmt: skip
    assert at(selected, "nodeSelectorTerms/0/matchExpressions/0/values") == [
        "20261128", "true", "1e5", "010", "0x1f"]  # fmt: skip
    assert found["metadata"]["labels"]["week"] == "48"


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"image": {"tag": 1.10}}, "image.tag: 1.1 "),
        ({"podAnnotations": {"a": 1.5}}, "podAnnotations.a: 1.5 "),
        ({"nodeSelector": {"id": 12345678901234567890}}, "nodeSelector.id: 12345678901234567"),
        ({"extraEnv": [{"name": "A", "value": "1"}, {"name": "B", "value": 0.1}]},
         "extraEnv[1].value: 0.1 "),
    ],
)  # fmt: skip
def test_a_number_whose_text_is_lost_is_to_be_quoted(engine: Engine, values: Values, path: str):
    said = refused(engine, values)

    assert path in said
    assert "put it in quotes" in said


@pytest.mark.parametrize("path", sorted({*texts(TYPES)} - ELSEWHERE))
def test_every_text_is_rendered_so_that_it_stays_one(path: str):
    """Unquoted, YAML reads the text as a number."""
    values = merged(SHOWN.get(path.split(".")[0], {}), nested(path, "0x1f"))
    objects = rendering.render({"autoscaling": {"mode": "hpa"}, **values})

    for entry in objects:
        if entry["apiVersion"].split("/")[0] not in FOREIGN:
            kubernetes_validate.validate(entry, "1.36.0", strict=True)


@pytest.mark.parametrize("namespace", ["123", "0x1f"])
def test_a_namespace_that_reads_as_a_number_stays_a_text(namespace: str):
    values = rendering.ci_values(CHART / "ci/everything-values.yaml")
    printed = rendering.chart().render(values, name="release", namespace=namespace)
    lines = [line.strip() for text in printed.values() for line in text.splitlines()]
    named = [line for line in lines if line.startswith("namespace:")]

    assert len(named) > 10
    assert {*named} <= {f'namespace: "{namespace}"', f"namespace: '{namespace}'",
                        "namespace: gateways", 'namespace: "monitoring"'}  # fmt: skip


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_null_for_a_map_or_a_list_is_an_empty_one(engine: Engine, depth: int):
    paths = [path for path in empty_ones(TYPES) if path.count(".") + 1 == depth]
    nulls: Values = reduce(merged, (nested(path, None) for path in paths), {})
    model = {"model": {**(nulls.get("model") or {}), "existingClaim": "models"}}

    assert len(paths) > 1
    assert engine({**nulls, **model}, "") == engine({}, "")


def test_null_in_a_block_of_kubernetes_is_a_field_that_is_not_there(engine: Engine):
    route: Values = {"enabled": True, "parentRefs": [{"name": "edge"}]}
    keda: Values = {"mode": "keda", "keda": {"serverAddress": "http://prometheus"}}
    values: Values = {"httpRoute": {**route, "rules": [{}]}, "autoscaling": keda}
    nulls: Values = {
        "global": None,
        "httpRoute": {**route, "rules": [{"matches": None, "filters": None, "timeouts": None}]},
        "autoscaling": {**keda, "keda": {**keda["keda"], "spec": {"advanced": None}}},
        "podSpec": {"dnsConfig": None, "hostAliases": None},
        "containerSpec": {"lifecycle": None},
    }

    assert engine(nulls, "") == engine(values, "")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": {"existingClaim": "", "claim": {"create": True, "accessModes": None}}},
         "model.claim.accessModes: a claim needs one"),
        ({"ingress": {"enabled": True, "hosts": None}}, "ingress.hosts: an Ingress needs one"),
        ({"httpRoute": {"enabled": True, "parentRefs": None}}, "httpRoute.parentRefs: an HTTP"),
    ],
)  # fmt: skip
def test_an_empty_list_is_refused_where_one_is_needed(engine: Engine, values: Values, said: str):
    assert said in refused(engine, values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tolerations": [{"key": "a", "opertor": "Exists"}]}, ["tolerations", "opertor"]),
        ({"tolerations": [{"key": "a", "operator": "In"}]}, ["tolerations", "operator", "Exists"]),
        ({"tolerations": [{"key": "a", "effect": "noSchedule"}]}, ["effect", "NoSchedule"]),
        ({"tolerations": [{"tolerationSeconds": "60"}]}, ["tolerationSeconds"]),
        ({"tolerations": {"key": "a"}}, ["tolerations"]),
        ({"affinity": {"nodeAffinty": {}}}, ["nodeAffinty"]),
        ({"affinity": {"podAntiAffinity": {
         "requiredDuringSchedulingIgnoredDuringExecution": [{}]}}}, ["topologyKey"]),
        ({"topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 1}]},
         ["whenUnsatisfiable"]),
        ({"topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 0,
         "whenUnsatisfiable": "DoNotSchedule"}]}, ["maxSkew"]),
        ({"extraEnv": [{"value": "1"}]}, ["extraEnv", "name"]),
        ({"extraEnv": [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "k"}}}]}, ["name"]),
        ({"extraEnv": [{"name": "A", "val": "1"}]}, ["val"]),
        ({"extraEnvFrom": [{"configMap": {"name": "x"}}]}, ["configMap"]),
        ({"extraVolumes": [{"name": "Up", "emptyDir": {}}]}, ["extraVolumes", "name"]),
        ({"extraVolumes": [{"name": "v", "emptyDirectory": {}}]}, ["emptyDirectory"]),
        ({"extraVolumeMounts": [{"name": "v"}]}, ["mountPath"]),
        ({"extraContainers": [{"name": "side"}]}, ["extraContainers", "image"]),
        ({"initContainers": [{"name": "a", "image": "i", "commands": []}]}, ["commands"]),
        ({"podSecurityContext": {"runAsUser": "root"}}, ["runAsUser"]),
        ({"podSecurityContext": {"privileged": False}}, ["privileged"]),
        ({"securityContext": {"capabilities": {"drop": "ALL"}}}, ["drop"]),
        ({"podLabels": {"a": "not a label"}}, ["podLabels"]),
        ({"nodeSelector": {"zone": "a/b"}}, ["nodeSelector"]),
        ({"podLabels": {"team": -5}}, ["podLabels.team: -5 is not allowed"]),
        ({"resources": {"limits": {"memory": "4GB"}}}, ["resources", "memory"]),
        ({"shmSize": "1 Gi"}, ["shmSize"]),
        ({"strategy": {"type": "Rolling"}}, ["strategy", "RollingUpdate"]),
        ({"model": {"existingClaim": "", "volume": {"nfs": {"path": "/"}}}}, ["nfs", "server"]),
        ({"networkPolicy": {"from": [{"podSelecter": {}}]}}, ["podSelecter"]),
        ({"autoscaling": {"behavior": {"scaleUp": {"policies": [{"type": "Pod", "value": 1,
         "periodSeconds": 15}]}}}}, ["policies", "Percent"]),
        ({"metrics": {"podMonitor": {"relabelings": [{"sourceLabel": "a"}]}}}, ["sourceLabel"]),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": True}]},
         ["tolerations[0]: operator Exists takes no value"]),
        ({"gpu": {"tolerations": [{"value": "b"}]}},
         ["gpu.tolerations[0]: a toleration without a key needs operator Exists"]),
        ({"tolerations": [{"key": "a", "tolerationSeconds": 60}]}, ["needs effect NoExecute"]),
        ({"extraEnv": [{"name": "A", "value": "1",
         "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
         ["extraEnv[0]: value and valueFrom are both set"]),
        ({"extraVolumes": [{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]},
         ["extraVolumes[0]: a volume has one source", "found emptyDir and secret"]),
        ({"extraVolumes": [{"name": "v"}]}, ["found none"]),
        ({"extraEnvFrom": [{"prefix": "A_"}]}, ["extraEnvFrom[0]: set one of configMapRef"]),
        (node_affinity(key="a", operator="In"), ["matchExpressions[0]: operator In needs values"]),
        (node_affinity(key="a", operator="Exists", values=[1]), ["takes no values"]),
        (node_affinity(key="a", operator="Gt", values=["x"]), ["one value, an integer"]),
    ],
)  # fmt: skip
def test_what_the_api_server_would_refuse_is_refused_before(
    engine: Engine, values: Values, words: list[str]
):
    said = refused(engine, values)

    assert all(word in said for word in words), said


def test_the_word_none_takes_a_default_away(engine: Engine):
    """For a platform that gives the ids itself."""
    ids = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), "none")
    context = at(deployment(engine({"podSecurityContext": ids}, "")), f"{POD}/securityContext")
    scaled = {"mode": "hpa", "metrics": {"utilization": "none", "concurrency": 4}}
    hpas = [o for o in engine({"autoscaling": scaled}, "") if o["kind"].startswith("Horizontal")]

    assert set(context) == {"runAsNonRoot", "fsGroupChangePolicy", "seccompProfile"}
    assert [metric["pods"]["metric"]["name"] for metric in hpas[0]["spec"]["metrics"]] == [
        "longshore_concurrency"
    ]


def test_a_parents_own_values_can_say_none(tmp_path: Path):
    """Null in them deletes nothing under Helm 4."""
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts/longshore").symlink_to(CHART)
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    (tmp_path / "values.yaml").write_text(
        "longshore: {image: {repository: r}, model: {existingClaim: m}, "
        "podSecurityContext: {runAsUser: none}}\n"
    )
    printed = helm_python.Chart.load(tmp_path).render({}, name="release")

    assert "runAsUser" not in printed["shop/charts/longshore/templates/deployment.yaml"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_template_reads_values_that_are_made_ready(template: Path):
    first = template.read_text("utf-8").splitlines()[0]

    assert first == '{{- include "longshore.values" . }}'
