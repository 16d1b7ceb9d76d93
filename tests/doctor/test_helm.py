"""Helm as a program: what it is asked, and what is made of its answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longshore.errors import SettingsError
from longshore_k8s.helm import Helm

PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" > "{folder}/asked"
cat > "{folder}/stdin"
cat "{folder}/answer"
cat "{folder}/words" >&2
exit $(cat "{folder}/code")
"""


class Answers:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.program = folder / "helm"
        self.program.write_text(PROGRAM.format(folder=folder))
        self.program.chmod(0o755)
        self.set("")

    def set(self, answer: str, *, words: str = "", code: int = 0) -> None:
        for name, text in (("answer", answer), ("words", words), ("code", str(code))):
            (self._folder / name).write_text(text)

    @property
    def asked(self) -> list[str]:
        return (self._folder / "asked").read_text().split()

    @property
    def stdin(self) -> str:
        return (self._folder / "stdin").read_text()


@pytest.fixture
def answers(tmp_path) -> Answers:
    return Answers(tmp_path)


@pytest.fixture
def chart(tmp_path) -> str:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart/Chart.yaml").write_text("name: longshore\n")
    return str(tmp_path / "chart")


def test_the_chart_is_rendered_by_files_and_by_values_over_them(answers, chart):
    answers.set("---\nkind: A\n---\n# empty\n---\nkind: B\n")
    helm = Helm(str(answers.program), "prod")

    assert helm.template("cnn", chart, files=["a.yaml"], values={"x": 1}) == [
        {"kind": "A"}, {"kind": "B"},
    ]  # fmt: skip
    files = ["--values", "a.yaml", "--values", "-"]
    assert answers.asked == ["template", "cnn", chart, *files, "--namespace", "prod"]
    assert answers.stdin == "x: 1\n"


def test_what_a_release_was_given_is_asked_of_its_cluster(answers):
    answers.set(json.dumps({"model": {"path": "cnn"}}))
    helm = Helm(str(answers.program), "prod", "config", "here")

    assert helm.given_values("cnn") == {"model": {"path": "cnn"}}
    assert answers.asked == [
        "get", "values", "cnn", "--output", "json", "--kubeconfig", "config",
        "--kube-context", "here", "--namespace", "prod",
    ]  # fmt: skip

    answers.set("null")
    assert helm.given_values("cnn") == {}


def test_what_helm_refuses_is_told_in_its_words(answers, chart):
    answers.set("", words="Error: autoscaling.mode must be one of", code=1)
    helm = Helm(str(answers.program), "prod")

    with pytest.raises(SettingsError, match=r"refuses these values \(LS02\): Error: autoscaling"):
        helm.template("cnn", chart)
    with pytest.raises(SettingsError, match="give its values by -f: Error"):
        helm.given_values("cnn")


def test_without_helm_or_chart_the_option_is_named(answers, chart, tmp_path):
    with pytest.raises(SettingsError, match=r"'no-such-helm' is not there; --helm names"):
        Helm("no-such-helm", "prod").template("cnn", chart)
    with pytest.raises(SettingsError, match=r"--chart: .*absent is no chart"):
        Helm(str(answers.program), "prod").template("cnn", str(tmp_path / "absent"))
