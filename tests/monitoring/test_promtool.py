"""Prometheus' own linter finds no fault in the metrics and the rules."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart import rendering
from tests.monitoring import shipped_queries
from tests.monitoring.prometheus import program
from tests.monitoring.scene import BUSY, Scene


def promtool(*arguments: str, text: str | None = None) -> str:
    """Its output; fails the test when it reports a problem."""
    command = [program("promtool"), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_metrics_of_a_server_under_load_follow_the_naming_rules(scene: Scene):
    status, text = scene.servers[BUSY].management("/metrics")

    assert status == 200
    assert promtool("check", "metrics", text=text.decode()) == ""


@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_the_rules_of_every_example_are_valid(values: Path, tmp_path: Path):
    shown = rendering.ci_values(values)
    shown["metrics"] = {"prometheusRule": {"enabled": True}}
    model = shown.pop("model")
    file = tmp_path / "rules.yaml"
    groups = shipped_queries.alert_groups("release", **shown, model=model)
    file.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")

    said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(file))

    assert "SUCCESS" in said
