"""The commands of docs/capacity.md, as they stand there, in what a fresh clone has."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import helm_python
import pytest
import yaml

from longshore_k8s.capacity import command as capacity
from longshore_k8s.capacity import options
from longshore_k8s.capacity.in_cluster.place import place_of
from longshore_k8s.replay import command as replay
from longshore_k8s.replay import synthetic
from longshore_k8s.replay.trace import Trace
from tests.capacity.test_local_measurement import SHORT as SHORT_LOADS
from tests.chart import rendering
from tests.chart.engines import merged

ROOT = Path(__file__).parents[2]
COMMANDS = {"capacity": capacity.COMMAND, "replay": replay.COMMAND}
SHORT = {
    "capacity": "--quick --starts 1 --noisy --slo p99=30s --errors 50%",
    "replay": "--seeds 2",
}
"""Options over those of the document, for a machine that has other things to do."""
DAY, SHORT_DAY = 86_400, 7_200


@pytest.fixture
def short(monkeypatch) -> None:
    """Loads of half a second, and days of two hours."""
    whole = synthetic.synthetic

    def in_short(shape: str, **between: float) -> Trace:
        trace = whole(shape, **between)
        assert trace.seconds == DAY
        step = DAY // SHORT_DAY
        return Trace(trace.times[::step] / step, trace.rates[::step])

    monkeypatch.setattr(options, "QUICK", SHORT_LOADS)
    monkeypatch.setattr(synthetic, "synthetic", in_short)


def blocks() -> list[list[list[str]]]:
    """The commands of each console block of the section, as words."""
    text = (ROOT / "docs/capacity.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text.partition("## How big, how many\n")[2], flags=re.M)[0]
    return [
        [shlex.split(line) for line in re.findall(r"^\$ (.*)$", _joined(block), re.M)]
        for block in re.findall(r"```console\n(.*?)```", section, re.S)
    ]


def _joined(block: str) -> str:
    """With each command on one line."""
    return re.sub(r"\\\n\s*", "", block)


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """The files of models and chart that are in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "models", "chart"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("no repository to ask for its files")
    for name in listed.stdout.splitlines():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(words: list[str]) -> None:
    assert words[0] == "longshore"
    command, arguments = COMMANDS[words[1]], [*words[2:], *SHORT[words[1]].split()]
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(arguments)) == 0


def rendered(words: list[str]) -> list[rendering.Object]:
    """What `helm install NAME CHART --set ... --values FILE` makes."""
    parser = argparse.ArgumentParser()
    for name in ("verb", "name", "chart"):
        parser.add_argument(name)
    parser.add_argument("--set", action="append")
    parser.add_argument("--values")
    options = parser.parse_args(words[1:])
    assert (options.verb, Path(options.chart).resolve().name) == ("install", "chart")
    given = helm_python.parse_set_string(",".join(options.set))
    assert given["image"]["repository"]  # without which the chart refuses
    values = yaml.safe_load(Path(options.values).read_text(encoding="utf-8"))
    return rendering.render(merged(values, given), name=options.name)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs a core for the client")
@pytest.mark.usefixtures("short")
def test_the_commands_run_one_after_the_other(clone, capsys):
    install, measure, simulate, deploy, push, watch = blocks()[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert install[:2] == ["pip", "install"]
    extras = re.fullmatch(r"\.\[(.*)\]", install[2])
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])

    run(measure)
    run(simulate)

    assert "suggested" in capsys.readouterr().out
    assert Path(measure[measure.index("--plot") + 1]).stat().st_size > 1000
    made = {entry["kind"]: entry for entry in rendered(deploy) if not rendering.is_hook(entry)}
    values = yaml.safe_load(Path("capacity.yaml").read_text(encoding="utf-8"))
    [server] = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert server["resources"] == values["resources"]
    assert push[:4] == ["longshore", "push", measure[2], deploy[2]]
    assert watch[:3] == ["kubectl", "get", "hpa"]
    assert made["HorizontalPodAutoscaler"]["metadata"]["name"] == watch[3]


def test_the_command_for_a_release_is_one():
    [[words]] = blocks()[1:]
    parser = argparse.ArgumentParser()
    capacity.COMMAND.add_arguments(parser)

    place = place_of(parser.parse_args([*words[2:], "-n", "prod"]))

    assert place is not None
    assert (ROOT / place.chart / "Chart.yaml").is_file()
