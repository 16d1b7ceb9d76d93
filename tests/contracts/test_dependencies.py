"""What a fresh clone installs: ranges in pyproject.toml, one pin for each in constraints.txt."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def ranges() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for group in (project["dependencies"], *extras) for line in group]


def test_every_package_is_pinned_once():
    names = [canonicalize_name(pin.name) for pin in pins()]

    assert {name for name in names if names.count(name) > 1} == set()
    assert [str(pin) for pin in pins() if not str(pin.specifier).startswith("==")] == []


def test_every_dependency_has_a_pin_within_its_range():
    found = {canonicalize_name(pin.name): pin.specifier for pin in pins()}

    for wanted in ranges():
        pin = found.get(canonicalize_name(wanted.name))
        assert pin is not None, f"{wanted.name} is not in constraints.txt"
        version = str(pin).removeprefix("==")
        assert wanted.specifier.contains(version, prereleases=True), f"{wanted}: pinned {pin}"
