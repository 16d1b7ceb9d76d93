"""`longshore doctor`: which link between a release and its clients is broken, and what mends it."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

from longshore.commands.command import Command, Purpose
from longshore_k8s.api import ClusterUnreachable
from longshore_k8s.doctor.examination import Examination, Verdict, examine
from longshore_k8s.doctor.objects import Asks, MissingRight, Objects
from longshore_k8s.doctor.release import NoRelease, Release

_POLL_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE", help="name of the Helm release")
    parser.add_argument("-n", "--namespace", default="default", help="its namespace")
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
    parser.add_argument("--kubeconfig", metavar="FILE")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig")


def run(options: argparse.Namespace) -> int:
    from longshore_k8s.client import ClusterClient
    from longshore_k8s.doctor.report import to_json, to_text

    client = ClusterClient(options.kubeconfig, options.context)
    try:
        found = _examine_until_sound(client, options)
    except NoRelease as error:
        return _fail(str(error), Verdict.USAGE)
    except MissingRight as error:
        return _fail(f"could not be told without the right to {error}", Verdict.UNKNOWN)
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
    from longshore_k8s.doctor.advice import advise
    from longshore_k8s.doctor.count_reason import explain
    from longshore_k8s.doctor.links import LINKS, PLANNED
    from longshore_k8s.doctor.planned import render

    objects = Objects(asks, options.namespace)
    if options.values:
        release = render(
            options.release, options.namespace,
            chart=options.chart, values=options.values, helm=options.helm,
        )  # fmt: skip
        return examine(release, objects, PLANNED, asks_all=options.all)
    release = Release.find(options.release, objects)
    found = examine(release, objects, LINKS, asks_all=options.all)
    if found.broken and not options.all:
        return found
    try:
        notes = (*explain(release, objects), *advise(release, objects))
        return replace(found, notes=notes)
    except MissingRight:
        return found


def _fail(sentence: str, verdict: Verdict) -> int:
    print(f"longshore: {sentence}", file=sys.stderr)
    return verdict


COMMAND = Command(
    Purpose.OPERATE,
    "find the first broken link of a release in a cluster, and what mends it",
    add_arguments,
    run,
)
