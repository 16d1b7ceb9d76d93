"""The controller's own chart: what it may do, where, and that it fits the command and the code."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from longshore_k8s.controller import command, kinds
from tests.chart import rendering
from tests.cluster.tools import helm3
from tests.contracts.chart_schema import without_schema
from tests.contracts.chart_values import described_values, undescribed
from tests.contracts.crd import CRD

CHART = rendering.CHART / "controller"
EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))
VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
IMAGE = {"repository": "registry.example/longshore"}
NAMESPACE = "ops"


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def render(**values: Any) -> list[dict[str, Any]]:
    printed = chart().render({"image": IMAGE, **values}, name="keeper", namespace=NAMESPACE)
    texts = (text for path, text in sorted(printed.items()) if not path.endswith("NOTES.txt"))
    return [entry for text in texts for entry in rendering.documents(text)]


def of_kind(kind: str, **values: Any) -> list[dict[str, Any]]:
    return [entry for entry in render(**values) if entry["kind"] == kind]


def container(**values: Any) -> dict[str, Any]:
    (deployment,) = of_kind("Deployment", **values)
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_passes_the_strict_linter(file: Path):
    report = helm_python.lint(CHART, yaml.safe_load(file.read_text("utf-8")), strict=True)

    assert [message for message in report["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda path: path.stem)
def test_helm_3_renders_every_example(file: Path):
    helm = helm3.find()
    if helm is None:
        pytest.skip("needs Helm 3: `make cluster-tools`, or python -m tests.cluster.tools.helm3")
    command = [str(helm), "template", "keeper", str(CHART), "--kube-version", "1.36.0"]
    done = subprocess.run([*command, "-f", str(file)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "kind: Deployment" in done.stdout


def test_every_value_is_described_has_a_schema_and_is_read():
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    templates = "".join(path.read_text("utf-8") for path in (CHART / "templates").iterdir())
    words = set(re.findall(r"\w+", templates))

    assert undescribed(VALUES) == []
    assert without_schema(schema, yaml.safe_load(VALUES)) == []
    assert [v.path for v in described_values(VALUES) if v.path.split(".")[-1] not in words] == []


def test_it_has_the_versions_of_the_chart_that_it_renders():
    ours, theirs = (
        yaml.safe_load((folder / "Chart.yaml").read_text("utf-8"))
        for folder in (CHART, rendering.CHART)
    )

    assert ours["appVersion"] == theirs["appVersion"]


def test_the_package_of_the_chart_of_models_does_not_hold_it():
    names = {file["name"] for file in rendering.chart().files}

    assert {name for name in names if name.startswith("controller/")} == set()


def test_an_image_has_to_be_named():
    with pytest.raises(
        helm_python.HelmRenderError, match=r"image\.repository: .*EXTRAS=controller"
    ):
        render(image={"repository": ""})


def test_it_may_do_what_it_does_to_the_kinds_that_a_model_has_and_nothing_else():
    (role,) = of_kind("Role")
    groups = {(kind.api_version.rpartition("/")[0], kind.plural) for kind in kinds.OWNED}
    own = {("longshore.dev", "longshoremodels"), ("longshore.dev", "longshoremodels/status")}
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }

    assert granted.keys() == groups | own | {("", "events"), ("", "pods")}
    assert granted["", "pods"] == {"list"}
    assert "*" not in json.dumps(role)
    assert "delete" not in granted["", "persistentvolumeclaims"]
    assert granted["longshore.dev", "longshoremodels"] == {"get", "list", "watch"}


def test_roles_are_of_the_releases_namespace_by_default_of_those_named_or_of_the_cluster():
    def places(**values: Any) -> set[tuple[str, str | None]]:
        rights = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
        return {
            (entry["kind"], entry["metadata"].get("namespace"))
            for entry in render(**values)
            if entry["kind"] in rights
        }

    assert places() == {("Role", NAMESPACE), ("RoleBinding", NAMESPACE)}
    assert {place for _, place in places(namespaces=["a", "b"])} == {"a", "b"}
    assert places(clusterWide=True) == {("ClusterRole", None), ("ClusterRoleBinding", None)}


@pytest.mark.parametrize(
    ("values", "namespaces", "is_cluster_wide"),
    [
        ({}, [NAMESPACE], False),
        ({"namespaces": ["a", "b"]}, ["a", "b"], False),
        ({"clusterWide": True}, None, True),
    ],
)
def test_the_command_takes_the_arguments(values, namespaces, is_cluster_wide):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    first, *arguments = container(**values)["args"]
    options = parser.parse_args(arguments)

    assert first == "controller"
    assert (options.namespaces, options.all_namespaces) == (namespaces, is_cluster_wide)
    assert [port["containerPort"] for port in container()["ports"]] == [options.port]


def test_the_definition_is_the_made_one_and_outlives_the_release():
    (definition,) = of_kind("CustomResourceDefinition")
    made = yaml.safe_load(CRD.read_text(encoding="utf-8"))

    assert definition["spec"] == made["spec"]
    assert definition["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert of_kind("CustomResourceDefinition", crd={"create": False}) == []


def test_one_pod_at_a_time_meets_the_restricted_standard():
    (deployment,) = of_kind("Deployment")
    pod = deployment["spec"]["template"]["spec"]

    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (
        1,
        {"type": "Recreate"},
    )
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_a_label_of_ones_own_changes_no_selector():
    (deployment,) = of_kind("Deployment", podLabels={"app.kubernetes.io/name": "x", "team": "y"})
    labels = deployment["spec"]["template"]["metadata"]["labels"]

    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels["team"] == "y"


def test_the_policy_holds_where_the_controller_works():
    def places(**values: Any) -> list[str] | None:
        (binding,) = of_kind("ValidatingAdmissionPolicyBinding", **values)
        (policy,) = of_kind("ValidatingAdmissionPolicy", **values)
        assert binding["spec"]["policyName"] == policy["metadata"]["name"]
        if "matchResources" not in binding["spec"]:
            return None
        (expression,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        return expression["values"]

    assert places() == [NAMESPACE]
    assert places(namespaces=["a", "b"]) == ["a", "b"]
    assert places(clusterWide=True) is None
    assert of_kind("ValidatingAdmissionPolicy", admissionPolicy={"create": False}) == []


def test_the_policy_asks_for_the_right_to_every_kind_that_a_model_has():
    (policy,) = of_kind("ValidatingAdmissionPolicy")
    asked = "".join(one["expression"] for one in policy["spec"]["validations"])

    for kind in kinds.OWNED:
        assert f"group('{kind.api_version.rpartition('/')[0]}').resource('{kind.plural}')" in asked
