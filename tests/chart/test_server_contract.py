"""The server, as a real process, understands the settings that the chart renders."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import longshore
from longshore.settings.groups import Settings
from longshore.settings.reading import load_settings
from tests.attacks.served_process import ServedProcess
from tests.chart import rendering

EXAMPLES = pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
DIGITS = rendering.CHART.parent / "models/digits"
PREDICT = rendering.CHART / "files/predict.py"


def received(values: dict[str, Any], directory: Path) -> Settings:
    """The settings as the server reads them from the rendered file."""
    file = directory / "longshore.yaml"
    file.write_text(yaml.safe_dump(rendering.server_config(values)), encoding="utf-8")
    return load_settings({}, {}, file)


@EXAMPLES
def test_the_server_takes_the_rendered_settings(values: Path, tmp_path: Path):
    example = rendering.ci_values(values)
    settings = received(example, tmp_path)
    ports = {port["name"]: port["containerPort"] for port in rendering.server(example)["ports"]}

    assert settings.http.port == ports["http"]
    assert settings.metrics.management_port == ports["management"]
    assert settings.model.model_version == example["model"].get("version")
    assert settings.model.device == ("cuda" if example.get("device") == "gpu" else "cpu")
    assert settings.model.model_path.startswith("/models")


@pytest.mark.parametrize(("given", "word"), [(False, "off"), (True, "on"), ("auto", "auto")])
def test_a_switch_that_yaml_made_a_boolean_reaches_the_server_as_its_word(
    given: object, word: str, tmp_path: Path
):
    values = {"model": {"existingClaim": "models"}, "config": {"console": given}}

    assert received(values, tmp_path).http.console == word


@EXAMPLES
@pytest.mark.parametrize("version", ["1.29.0", "1.36.0"])
def test_the_grace_period_holds_the_drain_that_the_server_received(
    values: Path, version: str, tmp_path: Path
):
    example = {**rendering.ci_values(values), "kubeVersion": version}
    settings = received(example, tmp_path)
    pod, server = rendering.pod_spec(example), rendering.server(example)
    hook = server.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    drain = settings.lifecycle.drain_delay_seconds + settings.lifecycle.drain_timeout_seconds

    assert pod["terminationGracePeriodSeconds"] >= hook + drain + 5
    assert settings.lifecycle.drain_timeout_seconds >= settings.batching.request_timeout_seconds


def test_the_budgets_count_on_the_servers_own_defaults(tmp_path: Path):
    """A default that is set explicitly changes nothing."""
    own = Settings()
    said = {
        "drain_delay_seconds": own.lifecycle.drain_delay_seconds,
        "request_timeout_seconds": own.batching.request_timeout_seconds,
        "calibration_budget_seconds": own.calibration.calibration_budget_seconds,
    }

    assert rendering.pod_spec({"config": said}) == rendering.pod_spec({})


def test_the_chart_asks_for_the_images_that_this_tree_builds():
    assert rendering.chart().metadata["appVersion"] == longshore.__version__
    for device in ("cpu", "gpu"):
        dockerfile = (rendering.CHART.parent / f"Dockerfile.{device}").read_text("utf-8")
        users = re.findall(r"^USER (\d+)", dockerfile, re.MULTILINE)
        assert int(users[-1]) == rendering.pod_spec({})["securityContext"]["runAsUser"]
        assert 'ENTRYPOINT ["longshore"]' in dockerfile
        image = rendering.server({"device": device})["image"]
        assert image == f"longshore:{longshore.__version__}-{device}"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedProcess, Path]]:
    """The example model behind a token, and the file with the token."""
    tokens = tmp_path_factory.mktemp("auth") / "tokens"
    tokens.write_text("first\nsecond\n", encoding="utf-8")
    with ServedProcess(DIGITS, auth_token_file=tokens) as server:
        yield server, tokens


def test_the_probes_paths_answer_on_the_management_port(guarded: tuple[ServedProcess, Path]):
    container = rendering.server({})
    for kind in ("startup", "readiness", "liveness"):
        assert guarded[0].management(container[f"{kind}Probe"]["httpGet"]["path"])[0] == 200


def test_the_path_that_a_load_balancer_probes_answers_without_a_token(
    guarded: tuple[ServedProcess, Path],
):
    service = rendering.only("Service", {"service": {"type": "LoadBalancer"}})
    (path,) = service["metadata"]["annotations"].values()
    url = f"http://127.0.0.1:{guarded[0].port}{path}"

    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200


def test_helm_test_obeys_no_proxy(
    guarded: tuple[ServedProcess, Path], monkeypatch: pytest.MonkeyPatch
):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # Nobody listens there.
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert predict(*guarded) == "{'logits': [1, 10]}\n"


def test_helm_test_predicts_for_real(guarded: tuple[ServedProcess, Path]):
    server, tokens = guarded

    assert predict(server, tokens) == "{'logits': [1, 10]}\n"


def test_helm_test_fails_where_the_server_refuses(guarded: tuple[ServedProcess, Path]):
    server, tokens = guarded

    with pytest.raises(subprocess.CalledProcessError) as caught:
        predict(server, tokens.with_name("none"))
    assert "401" in caught.value.stderr


def predict(server: ServedProcess, tokens: Path) -> str:
    """What the test pod's own script prints."""
    (pod,) = [entry for entry in rendering.render({}) if rendering.is_hook(entry)]
    (container,) = pod["spec"]["containers"]
    assert container["args"][0].strip() == PREDICT.read_text(encoding="utf-8").strip()
    environment = {"URL": f"http://127.0.0.1:{server.port}", "MODEL": "digits"}
    return subprocess.run(
        [sys.executable, *container["command"][1:], container["args"][0]],
        env={**os.environ, **environment, "TOKENS": str(tokens)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
