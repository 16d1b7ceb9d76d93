"""LS02: values that the chart refuses."""

from __future__ import annotations

from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    """Sound: the release has been rendered. Values that are refused render none (`planned`)."""
    return None


RULE = Rule(
    "LS02", "values", "the chart takes the values",
    "The chart has a schema of its values and checks what belongs together.",
    "Before an install (`-f`), `helm template` with the values; it is a mistake of use, with the "
    "exit code 2.",
    "The chart's own words say which value, and what is allowed.",
    check,
    before_install=True,
)  # fmt: skip
