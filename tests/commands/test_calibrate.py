"""`longshore calibrate` measures a model for all its servers."""

from __future__ import annotations

import logging
import math

import pytest

from longshore.cli import main
from longshore.loading.measurement import disturbance


@pytest.fixture(autouse=True)
def _calm(monkeypatch):
    monkeypatch.setattr(disturbance, "MOST_TAKEN", math.inf)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def model(tmp_path):
    for version in ("1", "2"):
        (tmp_path / "echo" / version).mkdir(parents=True)
        (tmp_path / "echo" / version / "model.identity").write_text("delay_seconds: 0.001")
    return tmp_path / "echo"


OPTIONS = ("--calibration-budget-seconds", "2")


def test_what_would_be_served_is_measured_and_written(model, capsys):
    assert main(["calibrate", str(model), *OPTIONS]) == 0

    (record,) = (model / "calibration").iterdir()
    assert record.name.startswith("2-")
    printed = capsys.readouterr().out
    assert "version 2: " in printed
    assert f"  written: {record}" in printed


def test_a_disturbed_measurement_fails_and_writes_nothing(model, capsys, monkeypatch):
    monkeypatch.setattr(disturbance, "MOST_TAKEN", -1.0)

    assert main(["calibrate", str(model), *OPTIONS]) == 1
    assert "  not written: others had the CPU for " in capsys.readouterr().out
    assert not (model / "calibration").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "as in `longshore calibrate models/digits`"),
        (["absent"], 1, "absent: no such file or directory"),
        ([".", "--instances", "0"], 2, "--instances"),
    ],
)
def test_a_mistake_in_the_call_is_said(capsys, arguments, code, message):
    assert main(["calibrate", *arguments]) == code
    assert message in capsys.readouterr().err


def test_settings_that_measure_nothing_are_no_options(capsys):
    with pytest.raises(SystemExit):
        main(["calibrate", "--help"])

    printed = capsys.readouterr().out
    assert "--instances" in printed
    assert "--port" not in printed
