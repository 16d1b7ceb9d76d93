"""What `longshore versions` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from longshore_k8s.api import Json
from longshore_k8s.push.display import size
from longshore_k8s.push.serving_pods import ServingPod
from longshore_k8s.push.target import Target

_COLUMNS = "{:>8}  {:>9}  {:>5}  {:12}  {:12}  {}"


def to_json(target: Target, found: Json, pods: list[ServingPod] | str) -> str:
    where = {"claim": target.claim_name, "path": target.path, "release": target.release}
    shown = pods if isinstance(pods, str) else [asdict(pod) for pod in pods]
    return json.dumps({**where, **found, "pods": shown}, indent=2) + "\n"


def to_text(target: Target, found: Json, pods: list[ServingPod] | str) -> str:
    """`pods` is a sentence where they could not be asked."""
    lines = [str(target), *_versions(found), "", *_pods(pods)]
    return "\n".join(lines) + "\n"


def _versions(found: Json) -> Iterator[str]:
    if not found["is_there"]:
        yield "there is no such directory on the volume"
        return
    if found["versions"]:
        yield _COLUMNS.format("version", "size", "files", "manifest", "artifact", "state")
    for row in found["versions"]:
        yield _COLUMNS.format(
            row["version"], size(row["bytes"]), row["files"], row["manifest"] or "-",
            row["artifact"] or "-", row["state"],
        )  # fmt: skip
    if found["lone"]:
        yield f"{found['lone']} lies in the directory itself, and is served as version 1"
    elif not found["versions"]:
        yield "no version"
    for name in found["odd"]:
        yield f"{name}: not a version number, and never served"
    for row in found["interrupted"]:
        yield (
            f"an interrupted push of version {row['version']} holds {size(row['bytes'])}: the same "
            f"push goes on from there, one with --fresh removes it"
        )
    if found["free"] is not None:
        yield f"{size(found['free'])} are free"


def _pods(pods: list[ServingPod] | str) -> Iterator[str]:
    if isinstance(pods, str):
        yield pods
    elif not pods:
        yield "no pod serves from the claim"
    else:
        for pod in pods:
            states = ", ".join(f"{version} {state}" for version, state in pod.versions.items())
            yield f"pod {pod.name} ({pod.release}): {states or 'no version'}"
            yield from (f"  {problem}" for problem in pod.problems)
