from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from longshore.commands.command import Command
from longshore.errors import SettingsError
from longshore_k8s.capacity import run as runs
from longshore_k8s.capacity.command import COMMAND, INTERRUPTED
from longshore_k8s.capacity.unsound import UnsoundError
from tests.capacity.results import measured

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run the command on a directory in place of a model, with the options given."""
    (tmp_path / "cnn").mkdir()
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> int:
        parser = argparse.ArgumentParser()
        COMMAND.add_arguments(parser)
        return COMMAND.run(parser.parse_args(["cnn", "--slo", "p99=100ms", *options]))

    return run


@pytest.fixture
def pods(monkeypatch):
    """What a measurement gives, by CPUs; an error is raised after a step."""
    found = {}

    def measure(directory, cpus, wanted, *, tell, record):
        record({"purpose": "fit", "rate": 10.0})
        if isinstance(found[cpus], BaseException):
            raise found[cpus]
        return found[cpus]

    monkeypatch.setattr(runs, "measure_locally", measure)
    return found


def test_every_command_of_this_package_is_an_entry_point_with_its_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["longshore.commands"]

    assert "capacity" in entries
    for name, value in entries.items():
        entry = EntryPoint(name, value, "longshore.commands")
        assert isinstance(entry.load(), Command)
        assert set(entry.extras) <= set(project["optional-dependencies"])


def test_one_size_gives_a_values_file_a_record_and_lines(call, pods, capsys):
    pods[2.0] = measured()

    assert call("--cpus", "2", "--plot", "knee.png") == 0

    out = capsys.readouterr().out
    assert "knee         402 req/s, 95 % CI 393..411; p99 at 390 req/s: 88 ms" in out
    assert "(7,100 requests, 41 late, none lost)" in out
    assert "wrote        capacity.yaml: requestsPerSecond 281, utilization 0.65" in out
    record = json.loads(Path("capacity.json").read_text())
    assert record["knee"] == 402
    assert record["every_step"] == [{"cpus": 2.0, "purpose": "fit", "rate": 10.0}]
    assert Path("knee.png").exists()


def test_a_machine_that_changed_its_speed_is_told_in_the_lines_and_in_the_file(call, pods, capsys):
    pods[2.0] = measured(burst_rate_after=300.0)

    assert call("--cpus", "2") == 0

    sentence = "a noisy machine: a closed load had 450 results/s before the search and 300 after it"
    assert f"             {sentence}" in capsys.readouterr().out
    assert f"# Beware of {sentence}" in Path("capacity.yaml").read_text()


def test_several_sizes_are_ranked_and_the_cheapest_is_written(call, pods, capsys):
    pods.update({1.0: measured(knee=150.0), 2.0: measured(), 4.0: UnsoundError("too few cores")})

    assert call("--cpus", "1,2,4", "-o", "json") == 0

    record = json.loads(capsys.readouterr().out)
    assert [size["cpus"] for size in record["sizes"]] == [2.0, 1.0]
    assert record["refused"] == ["4 CPUs: too few cores"]
    assert "cpu: '2'" in Path("capacity.yaml").read_text()


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), UnsoundError("a noisy machine"), ConnectionError("the pod is gone")],
)
def test_what_was_measured_is_kept_and_no_values_are_written(call, pods, error):
    pods[1.0] = error

    if isinstance(error, KeyboardInterrupt):
        assert call() == INTERRUPTED
    else:
        with pytest.raises(type(error)):
            call()

    record = json.loads(Path("capacity.json").read_text())
    assert record["every_step"][0]["rate"] == 10.0
    assert record["interrupted"]
    assert not Path("capacity.yaml").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "refused above 0.2 CPUs; others had up to 0.15 CPUs"),
        (["--noisy"], "allowed (--noisy); others had up to 0.15 CPUs"),
    ],
)
def test_the_values_say_what_was_made_of_noise(call, pods, options, said):
    steps = (
        {"purpose": "fit", "others_cpus": 0.15, "send_lag_p99_seconds": 0.0004},
        {"purpose": "check", "others_cpus": 0.02, "send_lag_p99_seconds": 0.0012},
    )
    pods[1.0] = measured(steps=steps)

    assert call(*options) == 0

    late = "of the pod's, and the client sent up to 1.2 ms late (p99)"
    assert f"# noise: {said} {late}\n" in Path("capacity.yaml").read_text()
    assert json.loads(Path("capacity.json").read_text())["provenance"]["noise"].startswith(said)


def test_a_picture_that_cannot_be_drawn_is_found_before_anything_is_measured(
    call, pods, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ModuleNotFoundError, match="matplotlib"):
        call("--plot", "knee.png")
    assert not pods


def test_a_quick_measurement_has_short_loads(call, pods, monkeypatch):
    wanted = []
    pods[1.0] = measured()
    inner = runs.measure_locally

    def measure(directory, cpus, asked, **options):
        wanted.append(asked)
        return inner(directory, cpus, asked, **options)

    monkeypatch.setattr(runs, "measure_locally", measure)
    call("--quick")
    call()

    quick, full = (asked.pace for asked in wanted)
    assert quick.confirmation(100.0) < full.confirmation(100.0) / 3
    assert quick.overload_seconds < full.overload_seconds / 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_program_is_an_interrupt(call, monkeypatch, number):
    def measure(directory, cpus, wanted, *, tell, record):
        record({"purpose": "fit", "rate": 10.0})
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.setattr(runs, "measure_locally", measure)

    assert call() == INTERRUPTED
    assert json.loads(Path("capacity.json").read_text())["interrupted"] == "by the user"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--slo", "p99=1s"], "give either MODEL_DIR or --release"),
        (["cnn", "--release", "cnn", "--slo", "p99=1s"], "give either MODEL_DIR or --release"),
        (["cnn"], "--slo: say what is to be kept"),
        (["--release", "cnn", "--slo", "p99=1s", "--wait", "-1"], "--wait: -1; at least 0"),
        (["cnn", "--slo", "p99=1s", "--plot", "knee"], "--plot: knee ends in none of .png"),
    ],
)
def test_a_call_that_says_too_little_or_too_much_is_refused(call, pods, arguments, message):
    parser = argparse.ArgumentParser()
    COMMAND.add_arguments(parser)

    with pytest.raises(SettingsError) as refused:
        COMMAND.run(parser.parse_args(arguments))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rows", "0"], "--rows: 0; 1 to"),
        (["--starts", "99"], "--starts: 99; 1 to 10"),
        (["--cpus", "1,none"], "--cpus: 'none' is not a number of CPUs"),
        (["--peak", "-3"], "--peak: -3; above 0"),
        (["--growth", "often"], "--growth: 'often' is no share"),
        (["--header", "token"], "--header: 'token' is not 'Name: value'"),
        (["--out", "nowhere/x.yaml"], "nowhere/x.yaml cannot be written"),
        (["--errors", "200%"], "--errors: '200%' is no share"),
    ],
)
def test_an_option_out_of_bounds_is_named_before_anything_is_measured(call, pods, options, message):
    with pytest.raises(SettingsError) as refused:
        call(*options)

    assert message in str(refused.value)
