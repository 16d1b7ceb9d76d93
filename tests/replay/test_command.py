from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from longshore import cli
from longshore.commands.command import Purpose

ROOT = Path(__file__).parents[2]
POD = ("--knee", "30", "--slo", "p99=300ms", "--seeds", "3")
STEP = ("--synthetic", "step", "--low", "19", "--high", "95", *POD)


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    """The entry points of pyproject.toml, as an installation of this tree has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["longshore.commands"]
    info = tmp_path / "site/longshore_commands-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: longshore\nVersion: 1.0\n")
    listed = "".join(f"{name} = {where}\n" for name, where in points.items())
    (info / "entry_points.txt").write_text(f"[longshore.commands]\n{listed}")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def values(tmp_path) -> Path:
    path = tmp_path / "values.yaml"
    metrics = {"utilization": "none", "requestsPerSecond": 20}
    block = {"mode": "hpa", "maxReplicas": 10, "metrics": metrics}
    path.write_text(yaml.safe_dump({"autoscaling": block}), encoding="utf-8")
    return path


def replay(*arguments: object) -> int:
    return cli.main(["replay", *map(str, arguments)])


def test_a_replay_says_what_it_costs_and_why(values, capsys):
    assert replay(*STEP, "--values", values, "--cost-per-pod-hour", "0.9") == 0

    out = capsys.readouterr().out
    found = re.search(r"([\d.]+) pod-hours \(([\d.]+)\), ([\d.]+) x perfect", out)
    assert found is not None
    assert float(found[2]) == pytest.approx(0.9 * float(found[1]), abs=0.02)
    assert re.search(r"% over the SLO, .* % refused; \d+ rescales, \d reversals", out)
    assert re.search(r"why 00:1\d:\d\d\n  scale ", out)
    assert "assumed       a pod carries 30 requests/s" in out


def test_json_has_bands_and_plans_that_are_values(values, capsys):
    assert replay(*STEP, "--values", values, "-o", "json", "--suggest") == 0

    document = json.loads(capsys.readouterr().out)
    bands = document["replicas"]
    assert len(bands["seconds"]) == len(bands["p5"]) == len(bands["p95"])
    assert all(low <= high for low, high in zip(bands["p5"], bands["p95"], strict=True))
    assert sum(candidate["suggested"] for candidate in document["candidates"]) == 1
    for candidate in document["candidates"]:
        values.write_text(yaml.safe_dump(candidate["plan"] | {}), encoding="utf-8")
        block = candidate["plan"]["autoscaling"]
        assert block["minReplicas"] >= 1
        assert block["metrics"]["requestsPerSecond"] > 0


def test_a_suggested_plan_can_be_replayed_and_costs_what_was_said(values, tmp_path, capsys):
    assert replay(*STEP, "--values", values, "-o", "json", "--suggest") == 0
    best = next(c for c in json.loads(capsys.readouterr().out)["candidates"] if c["suggested"])
    (tmp_path / "best.yaml").write_text(yaml.safe_dump(best["plan"]), encoding="utf-8")

    both = ("--values", values, "--values", tmp_path / "best.yaml")
    assert replay(*STEP, *both, "-o", "json") == 0
    again = json.loads(capsys.readouterr().out)["as_written"]
    assert again["missed_share"] == pytest.approx(best["missed_share"])


def test_explain_shows_a_sync_in_the_controllers_own_order(values, capsys):
    assert replay("explain", *STEP, "--values", values, "--at", "0:10:45") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sync at 00:10:")
    order = [
        "scale",
        "pods",
        "requestsPerSecond",
        "wanted",
        "stabilization",
        "policies",
        "decision",
    ]
    found = [line.split()[0] for line in lines[1:] if line[2] != " "]
    assert [name for name in found if name in order] == order


def test_explain_knows_keda_and_no_behavior(values, capsys):
    told = yaml.safe_load(values.read_text())
    told["autoscaling"] |= {"mode": "keda", "behavior": None}
    values.write_text(yaml.safe_dump(told))

    assert replay("explain", *STEP, "--values", values) == 0
    out = capsys.readouterr().out
    assert "the sum is" in out
    assert "the highest of 300 s" in out
    assert "twice the count, at least 4" in out


@pytest.mark.parametrize(("mode", "is_told"), [("keda", True), ("hpa", False)])
def test_a_polling_interval_that_changes_nothing_is_said_to_change_nothing(
    values, capsys, mode, is_told
):
    told = yaml.safe_load(values.read_text())
    told["autoscaling"] |= {"mode": mode, "keda": {"pollingInterval": 45}}
    values.write_text(yaml.safe_dump(told))

    assert replay(*STEP, "--values", values) == 0
    said = "the pollingInterval of 45 s is KEDA's own" in capsys.readouterr().out
    assert said == is_told


@pytest.mark.parametrize("name", ["replay.png", "replay.svg"])
def test_a_plot_is_written(values, tmp_path, name):
    assert replay(*STEP, "--values", values, "--plot", tmp_path / name) == 0

    assert (tmp_path / name).stat().st_size > 10_000


def test_a_picture_that_cannot_be_drawn_names_the_extra_before_anything_is_replayed(
    values, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert replay(*STEP, "--values", values, "--plot", tmp_path / "replay.png") == 2

    captured = capsys.readouterr()
    assert "replay needs the extra 'plan' (no module matplotlib)" in captured.err
    assert captured.out == ""


def test_what_was_measured_beside_the_values_needs_no_options(values, tmp_path, capsys):
    measured = {"knee": 30.0, "burst_rate": 33.0, "idle_seconds": 0.05, "utilization": 0.9,
                "kept_seconds": [0.8, 0.9, 1.4], "cold_seconds": [3.0]}  # fmt: skip
    objective = {"percentile": 99.0, "seconds": 0.3, "error_share": 0.001}
    beside = measured | {"objective": objective}
    values.with_suffix(".json").write_text(json.dumps(beside), encoding="utf-8")

    assert replay("--synthetic", "spike", "--seeds", "1", "--values", values) == 0
    assert "30 requests/s (at most 33), is Pending for 3 s and Ready 0.9 s later" in (
        capsys.readouterr().out
    )


def test_a_calibration_gives_what_a_pod_carries_by_the_cost_of_its_batches(
    values, tmp_path, capsys
):
    plan = {"is_batched": True, "max_batch_size": 4, "instances": 1, "threads": 1,
            "is_inline": False, "cost": {"points": [[1, 0.1], [4, 0.125]]}, "wide": None,
            "notes": [], "source": "measured"}  # fmt: skip
    record = {"plan": plan, "dimension": 16, "integer_bound": 100, "padded_outputs": None,
              "device_name": "", "cuda": {"precision": "float32", "graphs": "auto",
              "compiles": False, "memory_limit_bytes": None}}  # fmt: skip
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps({"format": 2, "conditions": {}, "record": record}))
    load = ("--synthetic", "spike", "--low", "19", "--high", "95", "--seeds", "1")

    assert replay(*load, "--calibration", file, "--slo", "p99=500ms", "--values", values) == 0
    found = re.search(r"a pod carries ([\d.]+) requests/s \(at most 32\)", capsys.readouterr().out)
    assert found is not None
    assert 20 < float(found[1]) < 32

    assert replay(*load, "--calibration", file, "--slo", "p99=50ms", "--values", values) == 2
    assert "cannot be kept: an execution of one row takes 0.1 s" in capsys.readouterr().err


def test_a_trace_of_coarse_points_says_what_it_cannot_show(values, tmp_path, capsys):
    rows = [f"{300 * index},{20 + index}" for index in range(8)]
    trace = tmp_path / "load.csv"
    trace.write_text("\n".join(["time,requests_per_second", *rows]), encoding="utf-8")

    assert replay(trace, *POD, "--values", values) == 0
    assert "points are 300 s apart" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*POD,), "0 loads are given"),
        (("a.csv", *STEP), "2 loads are given"),
        (("absent.csv", *POD), "absent.csv: cannot be read"),
        (("--synthetic", "step", "--slo", "p99=1s"), "--knee: what one pod carries is unknown"),
        (("--synthetic", "step", "--knee", "30"), "--slo: the objective is unknown"),
        (("--synthetic", "step", "--knee", "30", "--slo", "fast"), "--slo: 'fast'"),
        ((*STEP, "--calibration", "absent.json"), "--calibration: absent.json is no calibration"),
        ((*STEP, "--highest", "20"), "--knee 30 and --highest 20"),
        ((*STEP, "--idle-seconds", "2"), "--idle-seconds 2"),
        ((*STEP, "--seeds", "0"), "--seeds is 0"),
        ((*STEP, "--cost-per-pod-hour", "-1"), "--cost-per-pod-hour is -1"),
        ((*STEP, "--ready-seconds", "-1"), "--ready-seconds"),
        ((*STEP, "--sync-seconds", "0"), "--sync-seconds is 0"),
        ((*STEP, "--low", "200"), "--low 200 and --high 95"),
        ((*STEP, "--plot", "x.txt"), "--plot: x.txt ends in none of"),
        ((*STEP, "--plot", "absent/x.png"), "there is no folder absent"),
        (("explain", *STEP, "--at", "noon"), "--at is 'noon'"),
        (("explain", *STEP, "--at", "9:00:00"), "--at is '9:00:00'"),
        (("--from-prometheus", "http://x", *POD), "give the --query too"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_exit_code_2(values, capsys, arguments, says):
    assert replay(*arguments, "--values", values) == 2

    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""


def test_help_lists_it_as_a_command_to_plan_with(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])

    assert re.search(rf"{Purpose.PLAN}:(\n  .*)*\n  replay ", capsys.readouterr().out)


def test_the_documented_commands_on_a_trace_run_as_shown(values, tmp_path):
    """Those on a synthetic load are run by tests/capacity/test_documented_commands.py."""
    text = (ROOT / "docs/capacity.md").read_text(encoding="utf-8")
    pattern = r"^\$ longshore replay (.*\bload\.csv\b.*?)(?:  +#.*)?$"
    commands = re.findall(pattern, text, re.MULTILINE)
    rows = [f"2026-03-01T{11 + m // 60:02}:{m % 60:02}:00Z,{20 + m}" for m in range(60)]
    (tmp_path / "load.csv").write_text("\n".join(["time,requests_per_second", *rows]))
    objective = {"percentile": 99.0, "seconds": 0.3, "error_share": 0.001}
    measured = {"objective": objective, "knee": 30.0, "burst_rate": 33.0}
    values.rename(tmp_path / "capacity.yaml")
    (tmp_path / "capacity.json").write_text(json.dumps(measured))

    assert len(commands) >= 2
    for command in commands:
        assert replay(*shlex.split(command), "--seeds", 2) == 0, command
    assert (tmp_path / "replay.png").exists()
