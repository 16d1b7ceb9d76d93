"""`longshore doctor`: which link between a release and its clients is broken, and what mends it."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from longshore.commands.command import Command, Purpose
from longshore_k8s.access import add_cluster_options, add_namespace_option, namespace_of
from longshore_k8s.api import ClusterUnreachable
from longshore_k8s.doctor.examination import Examination, Verdict, examine
from longshore_k8s.doctor.objects import Asks, MissingRight, Objects
from longshore_k8s.doctor.release import NoRelease, Release

if TYPE_CHECKING:
    from longshore_k8s.doctor.capacity_file import Capacity

_POLL_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE", help="name of the Helm release")
    add_namespace_option(parser, "its namespace")
    parser.add_argument(
        "-f", "--values", action="append", default=[], metavar="FILE",
        help="judge an install of these values that is still to be made; may be repeated",
    )  # fmt: skip
    parser.add_argument("--chart", default="chart", metavar="DIR", help="the chart, for -f")
    parser.add_argument("--helm", default="helm", metavar="PROGRAM", help="Helm, for -f")
    parser.add_argument("--all", action="store_true", help="go on behind a broken link")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS",
        help="look again until no link is broken, for as long as this",
    )  # fmt: skip
    parser.add_argument(
        "--prometheus", metavar="NAMESPACE/SERVICE:PORT",
        help="the Prometheus that scrapes the pods, where no object of KEDA or the operator says",
    )  # fmt: skip
    parser.add_argument(
        "--capacity",
        metavar="FILE",
        help="compare with what `longshore capacity` measured and wrote to this values file",
    )
    add_cluster_options(parser)


def run(options: argparse.Namespace) -> int:
    from longshore_k8s.client import ClusterClient
    from longshore_k8s.doctor.report import to_json, to_text

    client = ClusterClient(options.kubeconfig, options.context)
    try:
        found = _examine_until_sound(client, options)
    except NoRelease as error:
        return _fail(str(error), Verdict.USAGE)
    except ClusterUnreachable as error:
        return _fail(f"no answer from {error}", Verdict.UNKNOWN)
    sys.stdout.write(to_json(found) if options.output == "json" else to_text(found))
    return found.verdict


def _examine_until_sound(asks: Asks, options: argparse.Namespace) -> Examination:
    until = time.monotonic() + options.wait
    while True:
        found = _examine_once(asks, options)
        left = until - time.monotonic()
        if found.verdict is not Verdict.BROKEN or left <= 0:
            return found
        time.sleep(min(_POLL_SECONDS, left))


def _examine_once(asks: Asks, options: argparse.Namespace) -> Examination:
    from longshore_k8s.doctor.capacity_file import read_capacity
    from longshore_k8s.doctor.links import LINKS, PLANNED
    from longshore_k8s.doctor.planned import of_documents
    from longshore_k8s.doctor.prometheus import parse_service
    from longshore_k8s.doctor.rules import rights_missing
    from longshore_k8s.helm import Helm

    capacity = None if options.capacity is None else read_capacity(Path(options.capacity))
    namespace = namespace_of(options)
    named = None if options.prometheus is None else parse_service(options.prometheus)
    objects = Objects(asks, namespace, named)
    if options.values:
        helm = Helm(options.helm, namespace)
        made = helm.template(options.release, options.chart, files=options.values)
        release = of_documents(options.release, namespace, made)
    else:
        try:
            release = Release.find(options.release, objects)
        except MissingRight as error:
            return Examination((), ((rights_missing.RULE, str(error)),), 0, len(LINKS) - 1)
    links = PLANNED if release.is_planned else LINKS
    found = examine(release, objects, links, asks_all=options.all)
    if found.broken and not options.all:
        return found
    return _with_notes(found, release, objects, capacity)


def _with_notes(
    found: Examination, release: Release, objects: Objects, capacity: Capacity | None
) -> Examination:
    """What is no link: the autoscaler's values of this moment, and advice."""
    from longshore_k8s.doctor.advice import advise
    from longshore_k8s.doctor.chain import readings
    from longshore_k8s.doctor.count_held import explain

    try:
        chain = [] if release.is_planned else readings(release, objects)
        held = [] if release.is_planned else explain(release, objects, chain, time.time())
        notes = (*held, *advise(release, objects, capacity))
    except MissingRight:  # to list autoscalers, which their links tell of
        return found
    return replace(found, notes=notes, chain=tuple(chain))


def _fail(sentence: str, verdict: Verdict) -> int:
    print(f"longshore: {sentence}", file=sys.stderr)
    return verdict


COMMAND = Command(
    Purpose.OPERATE,
    "find the first broken link of a release in a cluster, and what mends it",
    add_arguments,
    run,
)
