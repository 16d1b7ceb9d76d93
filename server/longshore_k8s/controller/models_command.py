"""`longshore models`: a table of the LongshoreModels, and why each is as it is."""

from __future__ import annotations

import argparse
import json
import sys

from longshore.commands.command import Command, Purpose
from longshore.errors import SettingsError
from longshore.exit_code import ExitCode
from longshore_k8s.access import add_cluster_options, add_namespace_option, namespace_of
from longshore_k8s.api import Json

_COLUMNS = (
    "NAMESPACE", "NAME", "READY", "PODS", "VERSION",
    "CANDIDATE", "STAGE", "SHARE", "REQUESTS", "BAD", "EVIDENCE", "VERDICT",
    "CAPACITY", "REASON", "MESSAGE",
)  # fmt: skip
_OF_A_ROLLOUT = _COLUMNS[5:12]
"""Left out of the table where no model has one."""
_WIDE = frozenset({"CAPACITY"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    scope = parser.add_mutually_exclusive_group()
    add_namespace_option(scope, "look in this one")
    scope.add_argument("-A", "--all-namespaces", action="store_true", help="look in all of them")
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "wide", "json"),
        default="text",
        help="wide: with the rows a second that a pod computes",
    )
    add_cluster_options(parser)


def run(options: argparse.Namespace) -> int:
    from longshore_k8s.api import ClusterUnreachable
    from longshore_k8s.client import ClusterClient
    from longshore_k8s.controller.kinds import MODEL

    client = ClusterClient(options.kubeconfig, options.context)
    namespace = None if options.all_namespaces else namespace_of(options)
    try:
        reply = client.get(MODEL.path(namespace))
    except ClusterUnreachable as error:
        raise SettingsError(f"no answer from {error}") from error
    if reply.status != 200:
        raise SettingsError(_refusal(reply.status, reply.json()))
    rows = [row_of(document) for document in reply.json().get("items") or ()]
    if options.output == "json":
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        sys.stdout.write(table(rows, is_wide=options.output == "wide"))
    return ExitCode.OK


def row_of(document: Json) -> Json:
    """What the table says of one resource, by the columns' names in lower case."""
    metadata, status = document["metadata"], document.get("status") or {}
    conditions = {entry["type"]: entry for entry in status.get("conditions") or ()}
    rollout = status.get("rollout") or {}
    reason, message = _why(document)
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "ready": conditions.get("Ready", {}).get("status", "Unknown"),
        "pods": status.get("replicas", 0),
        "version": status.get("servedVersion") or _asked_version(document),
        "candidate": status.get("candidateVersion"),
        "stage": rollout.get("stage"),
        "step": rollout.get("step"),
        "steps": rollout.get("steps"),
        "share": rollout.get("share"),
        "requests": rollout.get("requests"),
        "bad": rollout.get("bad"),
        "evidence": rollout.get("evidence"),
        "verdict": rollout.get("verdict"),
        "capacity": status.get("capacityPerPod"),
        "reason": reason,
        "message": message,
    }


def table(rows: list[Json], *, is_wide: bool = False) -> str:
    """For a terminal, under a line of headings; a line with a sentence where there is no row."""
    if not rows:
        return "There is no LongshoreModel here.\n"
    has_rollout = any(row["stage"] is not None for row in rows)
    left_out = {*(() if has_rollout else _OF_A_ROLLOUT), *(() if is_wide else _WIDE)}
    columns = [name for name in _COLUMNS if name not in left_out]
    texts = [columns, *([_cell(row, name) for name in columns] for row in rows)]
    widths = [max(len(line[column]) for line in texts) for column in range(len(columns))]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in texts
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _why(document: Json) -> tuple[str, str]:
    """A reason and a sentence: what keeps it from going on, such as a pause, else what its rollout
    waits for, else how it is."""
    status = document.get("status") or {}
    if status.get("observedGeneration") != document["metadata"].get("generation"):
        return "NotSeen", "No controller has seen its newest spec."
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
    rollout = status.get("rollout") or {}
    is_kept = conditions.get("Stalled") == "True" or status.get("reason") == "Paused"
    shown = rollout if rollout.get("reason") and not is_kept else status
    return shown.get("reason", ""), shown.get("message", "")


def _asked_version(document: Json) -> object:
    spec = document.get("spec") or {}
    return spec.get("version") or ((spec.get("values") or {}).get("model") or {}).get("version")


def _cell(row: Json, column: str) -> str:
    value = row[column.lower()]
    if value is None:
        return "-"
    if column == "STAGE" and row["step"] and row["steps"] and value == "Step":
        return f"{value} {row['step']}/{row['steps']}"
    if column == "SHARE":
        return f"{value:g}%"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _refusal(status: int, document: Json) -> str:
    if status == 404:
        return "this cluster has no LongshoreModels: install chart/controller"
    return f"the API server said {status}: {document.get('message', '')}"


COMMAND = Command(
    Purpose.OPERATE,
    "list the LongshoreModels of a cluster, the rollouts of versions, and why each is as it is",
    add_arguments,
    run,
)
