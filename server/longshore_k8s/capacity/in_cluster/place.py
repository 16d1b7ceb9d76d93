"""Which release is measured, and how its cluster and its chart are reached."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from longshore.errors import SettingsError
from longshore_k8s.access import add_cluster_options, add_namespace_option, namespace_of

WAIT_SECONDS = 60.0
"""For which a link may be broken while pods start."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the options say."""

    release: str
    namespace: str
    values: tuple[Path, ...] = ()
    """Files over what the release was given; all that there is of one not yet installed."""
    chart: str = "chart"
    helm: str = "helm"
    kubeconfig: str | None = None
    context: str | None = None
    wait_seconds: float = WAIT_SECONDS


def add_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--release", metavar="RELEASE", help="measure it in its cluster, in place of MODEL_DIR")
    add_namespace_option(group, "of the release")
    add(
        "-f", "--values", action="append", type=Path, default=[], metavar="FILE",
        help="over what it was given; all there is of one not installed; may be repeated",
    )  # fmt: skip
    add("--chart", default="chart", metavar="DIR", help="the chart (default chart)")
    add("--helm", default="helm", metavar="PROGRAM", help="Helm (default helm)")
    add(
        "--wait", type=float, default=WAIT_SECONDS, metavar="SECONDS",
        help="for which a pod may be held up, as while a node is added (default 60)",
    )  # fmt: skip
    add_cluster_options(group)


def place_of(options: argparse.Namespace) -> Place | None:
    """`None` where a model's directory is to be measured.

    Raises:
        SettingsError: both are given, or neither.
    """
    if (options.release is None) == (options.target is None):
        raise SettingsError("give either MODEL_DIR or --release RELEASE")
    if options.release is None:
        return None
    if options.wait < 0:
        raise SettingsError(f"--wait: {options.wait:g}; at least 0")
    return Place(
        options.release, namespace_of(options), tuple(options.values), options.chart, options.helm,
        options.kubeconfig, options.context, options.wait,
    )  # fmt: skip
