"""The release of a fork: nothing of it names an owner, and what it calls is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/release.yaml"


@pytest.fixture(scope="module")
def text():
    return WORKFLOW.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def jobs(text):
    return yaml.safe_load(text)["jobs"]


def steps(jobs):
    return [step for job in jobs.values() for step in job["steps"]]


def test_every_action_is_pinned_by_its_whole_version(jobs):
    used = [step["uses"] for step in steps(jobs) if "uses" in step]

    assert used
    assert [one for one in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+\.\d+\.\d+", one)] == []
    assert len({one.split("@")[0] for one in used}) == len(set(used)), "one version of each"


def test_the_owner_comes_from_the_context_alone(text):
    named = re.findall(r"ghcr\.io/\S*", text)

    assert named == [], "the registry and then the owner, from GITHUB_REPOSITORY_OWNER"
    assert "GITHUB_REPOSITORY_OWNER" in text
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"GITHUB_TOKEN"}, "which every fork has"


def test_everything_waits_for_the_tests_and_may_do_no_more_than_it_has_to(jobs, text):
    assert yaml.safe_load(text)["permissions"] == {}
    assert jobs["test"]["permissions"] == {"contents": "read"}
    for name, job in jobs.items():
        assert name == "test" or "test" in job["needs"]
        signs = any("cosign sign" in step.get("run", "") for step in job["steps"])
        assert (job["permissions"].get("id-token") == "write") is signs
        assert signs is (name != "test"), "all that is published is signed"


def test_every_make_target_that_it_calls_exists(jobs):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = " ".join(step.get("run", "") for step in steps(jobs))
    called = set(re.findall(r"\bmake (?:--no-print-directory )?([a-z-]+)", words))

    assert {"check", "test", "version", "chart-image", "chart-package"} <= called
    assert called - targets == set()


def test_the_build_arguments_are_those_of_the_images(jobs):
    (build,) = [s["with"] for s in steps(jobs) if "build-push-action" in s.get("uses", "")]
    given = set(re.findall(r"^(\w+)=", build["build-args"], re.MULTILINE))

    assert build["sbom"] is True
    assert build["provenance"] == "mode=max"
    for image in images(jobs):
        declared = re.findall(r"^ARG (\w+)", (ROOT / image["file"]).read_text(), re.M)
        assert given <= set(declared)


def test_every_image_that_the_charts_name_is_published_with_extras_that_there_are(jobs):
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    published = {image["image"] for image in images(jobs)}
    helpers = (ROOT / "chart/controller/templates/_helpers.tpl").read_text("utf-8")

    assert published == {"cpu", "gpu", "controller"}
    assert 'printf "%s-controller"' in helpers
    for image in images(jobs):
        assert set(image["extras"].split(",")) <= set(known["optional-dependencies"])


def test_both_charts_are_packed_pushed_and_signed(jobs):
    (push,) = [s["run"] for s in jobs["charts"]["steps"] if "helm push" in s.get("run", "")]
    pushed = re.search(r"for chart in ([\w -]+);", push)
    assert pushed is not None
    names = {
        yaml.safe_load((ROOT / folder / "Chart.yaml").read_text("utf-8"))["name"]
        for folder in ("chart", "chart/controller")
    }

    assert set(pushed[1].split()) == names
    assert "charts/$chart@$digest" in push


def images(jobs):
    return jobs["images"]["strategy"]["matrix"]["include"]


def test_actionlint_finds_nothing():
    program = shutil.which("actionlint")
    if program is None:
        pytest.skip("go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 for this test")
    done = subprocess.run([program, str(WORKFLOW)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
