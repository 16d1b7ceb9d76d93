"""The commands of docs/troubleshooting, from the text, at a release that is sound and scales."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from longshore.cli import main
from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.node_agent.commands import CommandFailed
from tests.cluster.serving import Serving
from tests.contracts.documented_commands import where, words
from tests.guides.document import Command, commands

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

FOLDER = Path(__file__).parents[2] / "docs/troubleshooting"
OWN = os.path.relpath(__file__, FOLDER.parents[1])


SAID_OF_A_SOUND_RELEASE = {"--previous": "previous terminated container"}
"""Options that ask for what such a release does not have, and the answer."""


def own(document: Path) -> list[Command]:
    """Those that the table of documented commands leaves to this test."""
    name = os.path.relpath(document, FOLDER.parents[1])
    return [
        command
        for command in commands(document)
        if (row := where(name, command)) is not None and row.test == OWN
    ]


@pytest.fixture
def serving(
    cluster: Cluster, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Serving:
    found = Serving(cluster, namespace, "sentiment")
    example_models.write_version(found.create_claim() / example_models.NAME, 1)
    cluster.api.post(
        f"/api/v1/namespaces/{namespace}/resourcequotas",
        {"metadata": {"name": "team"}, "spec": {"hard": {"pods": "20"}}},
    )
    values = chart_values.autoscaled(utilization=0.7, maximum=2)
    found.release.install(values)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chart").symlink_to(found.chart)
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    return found


@pytest.mark.parametrize(
    "document",
    [path for path in sorted(FOLDER.glob("*.md")) if own(path)],
    ids=lambda path: path.stem,
)
def test_each_command_is_answered(
    document: Path, serving: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in own(document):
        program, *rest = (word.replace("shop", serving.namespace) for word in words(command))
        if program == "longshore":
            run_of_ours(serving, rest)
            assert capsys.readouterr().out
        else:
            run_kubectl(serving.cluster, rest)


def run_of_ours(serving: Serving, given: list[str]) -> None:
    """0, or for the doctor also 1 and 3: it told what it found."""
    options = ["--kubeconfig", str(serving.cluster.kubeconfig)]
    if given[0] == "doctor":
        options += ["--helm", serving.cluster.programs["helm"]]
    code = main([*given, *options])

    assert code in ((0, 1, 3) if given[0] == "doctor" else (0,))


def run_kubectl(cluster: Cluster, given: list[str]) -> None:
    """Also what has to be there for it first, such as the adapter's values."""
    for option, said in SAID_OF_A_SOUND_RELEASE.items():
        if option in given:
            with pytest.raises(CommandFailed, match=said):
                cluster.kubectl(*given)
            return

    def is_answered() -> bool:
        try:
            return bool(cluster.kubectl(*given))
        except CommandFailed:
            return False

    cluster.wait_until(is_answered, f"an answer to kubectl {' '.join(given)}")
