"""`longshore versions`: what lies on a claim, and what each pod serves of it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from longshore.commands.command import Command, Purpose
from longshore_k8s.push.command import add_target_arguments, on_the_claim

if TYPE_CHECKING:
    from longshore_k8s.api import Json
    from longshore_k8s.push.cluster import Cluster
    from longshore_k8s.push.display import Display
    from longshore_k8s.push.pod_manifest import PodOptions
    from longshore_k8s.push.serving_pods import ServingPod
    from longshore_k8s.push.target import Target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    parser.add_argument(
        "--verify", action="store_true", help="read every file there and compare its digest"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def run(options: argparse.Namespace) -> int:
    from longshore_k8s.push.display import display
    from longshore_k8s.push.versions_report import to_json, to_text

    shown = display(sys.stderr)

    def look(cluster: Cluster, target: Target, pod: PodOptions) -> None:
        found = _listing(cluster, target, pod, options, shown)
        pods = _pods(cluster, target)
        report = to_json if options.output == "json" else to_text
        sys.stdout.write(report(target, found, pods))

    return on_the_claim(options, shown, look, writes=False, interrupted="nothing was changed")


def _listing(
    cluster: Cluster,
    target: Target,
    pod: PodOptions,
    options: argparse.Namespace,
    shown: Display,
) -> Json:
    """By a pod of its own, which mounts the claim for reading alone."""
    from longshore_k8s.push.conversation import conversation
    from longshore_k8s.push.errors import PushBroke, PushFailed
    from longshore_k8s.push.pod import running_pod
    from longshore_k8s.push.pod_manifest import MOUNT

    words = ["list", MOUNT, target.path or ".", *(["--verify"] if options.verify else [])]
    running = running_pod(
        cluster, target, pod, writes=False, wait_seconds=options.timeout, say=shown.say
    )
    try:
        with (
            running as path,
            conversation(cluster, path, words, image=pod.image) as talk,
        ):
            while "verified" in (line := talk.next()):
                pass
    except PushBroke as error:
        raise PushFailed(f"{error}; ask again") from error
    if "failed" in line:
        raise PushFailed(f"{target} cannot be read: {line['reason']}")
    found: Json = line["listing"]
    return found


def _pods(cluster: Cluster, target: Target) -> list[ServingPod] | str:
    from longshore_k8s.doctor.objects import MissingRight, Objects
    from longshore_k8s.push.serving_pods import serving_pods

    try:
        return serving_pods(target, Objects(cluster, target.namespace), cluster)
    except MissingRight as error:
        return f"what the pods serve is not told without the right to {error}"


COMMAND = Command(
    Purpose.OPERATE,
    "list the versions that lie on a claim, and what each pod serves",
    add_arguments,
    run,
)
