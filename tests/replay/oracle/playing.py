"""Plays the oracle's scenarios against our own controller: a family at once, a row each."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from longshore_k8s.replay import proposals
from longshore_k8s.replay.autoscaler import DOWN_DEFAULTS, UP_DEFAULTS, Autoscaler, rules
from longshore_k8s.replay.controller import Controller, Decision
from longshore_k8s.replay.pods import Phase, Pods, ReadyConditions, group
from longshore_k8s.replay.proposals import Proposal

FOLDER = Path(__file__).parent
MINORS = (36, 37)
Json = dict[str, Any]


def read_lines(name: str) -> list[Json]:
    """One of the files that the oracle was given or has written."""
    with gzip.open(FOLDER / "recordings" / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def families() -> Iterator[tuple[str, list[Json]]]:
    """Scenarios with the same kinds of metrics and equally many steps."""
    for name, members in groupby(read_lines("scenarios.jsonl.gz"), key=family):
        yield name, list(members)


def family(scenario: Json) -> str:
    """Its members can be played at once."""
    name: str = scenario["name"].rpartition(" ")[0]
    return name


@dataclass(frozen=True, slots=True)
class Played:
    """What one sync of all rows was given and gave."""

    times: list[int]
    spec: np.ndarray
    minimum: np.ndarray
    decision: Decision
    controller: Controller
    proposals: list[Proposal]


def play(scenarios: list[Json], times: list[list[int]], minor: int) -> Iterator[Played]:
    """Each sync; `times` has those of each scenario, in nanoseconds."""
    controller = Controller([_autoscaler(scenario) for scenario in scenarios], minor)
    spec = np.array([scenario["start"] for scenario in scenarios], np.int64)
    everything = np.ones(len(scenarios), bool)
    for index in range(len(times[0])):
        steps = [scenario["steps"][index] for scenario in scenarios]
        spec = _changed(spec, [step["spec"] for step in steps])
        controller.minimum = _changed(controller.minimum, [step.get("min") for step in steps])
        now = np.array([when[index] for when in times])
        made = _proposals(controller, scenarios, steps, spec, now)
        decision = controller.sync(everything, now, spec, made)
        yield Played(
            [when[index] for when in times], spec, controller.minimum, decision, controller, made
        )
        spec = decision.count


def _changed(numbers: np.ndarray, given: list[int | None]) -> np.ndarray:
    """By what is given for this step."""
    return np.array([old if new is None else new for old, new in zip(numbers, given, strict=True)])


def _autoscaler(scenario: Json) -> Autoscaler:
    told = scenario["behavior"]
    return Autoscaler(
        scenario["min"],
        scenario["max"],
        rules((told or {}).get("scaleUp"), UP_DEFAULTS),
        rules((told or {}).get("scaleDown"), DOWN_DEFAULTS),
        has_behavior=told is not None,
        has_external_metric=any(one["source"] == "External" for one in scenario["metrics"]),
    )


def _proposals(
    controller: Controller,
    scenarios: list[Json],
    steps: list[Json],
    spec: np.ndarray,
    now: np.ndarray,
) -> list[Proposal]:
    names = sorted({pod["name"] for step in steps for pod in step["pods"]}) or ["none"]
    listed = [{pod["name"]: pod for pod in step["pods"]} for step in steps]
    table = [[own.get(name) for name in names] for own in listed]
    pods = Pods(
        exists=np.array([[pod is not None for pod in row] for row in table]),
        deleted=np.array([[bool(pod and pod["deleted"]) for pod in row] for row in table]),
        phase=np.array(
            [[Phase[pod["phase"].upper()] if pod else 0 for pod in row] for row in table]
        ),
        ready=np.array([[bool(pod and pod["ready"]) for pod in row] for row in table]),
    )
    status = np.array([step["status"] for step in steps], np.int64)
    made = []
    for index, metric in enumerate(scenarios[0]["metrics"]):
        readings = [step["readings"][index] for step in steps]
        target = np.array([scenario["metrics"][index]["target"] for scenario in scenarios])
        held = controller.tolerances
        if metric["source"] == "External":
            series = [[] if one is None else one["series"] for one in readings]
            usage = np.array([sum(one) for one in series], np.int64)
            failed = np.array([one is None for one in readings])
            if metric["kind"] == "Value":
                made.append(proposals.external_value(spec, target, usage, failed, pods, held))
            else:
                made.append(proposals.external_average(status, target, usage, failed, held))
            continue
        given = [(one or {}).get("pods", {}) for one in readings]
        values = np.array([[row.get(name, 0) for name in names] for row in given], np.int64)
        has = np.array([[name in row for name in names] for row in given])
        if metric["source"] == "Pods":
            groups = group(pods, has, None, now)
            made.append(proposals.average_value(spec, target, values, groups, has, pods, held))
        else:
            groups = group(pods, has, _conditions(table, readings, now), now)
            request = np.array([scenario["request"] for scenario in scenarios])
            made.append(
                proposals.utilization(spec, target, request, values, groups, has, pods, held)
            )
    return made


def _conditions(
    table: list[list[Json | None]], readings: list[Json | None], now: np.ndarray
) -> Any:
    def field(key: str) -> np.ndarray:
        return np.array([[(pod and pod[key]) or 0 for pod in row] for row in table], np.int64)

    is_known = [
        [bool(p) and p["ready"] is not None and p["started"] is not None for p in row]
        for row in table
    ]
    age = np.array([(one or {}).get("age", 0) for one in readings])
    window = np.array([(one or {}).get("window", 0) for one in readings])
    return ReadyConditions(
        is_known=np.array(is_known),
        started=now[:, None] - field("started"),
        changed=now[:, None] - field("transition"),
        sampled=np.broadcast_to((now - age)[:, None], field("started").shape),
        window=np.broadcast_to(window[:, None], field("started").shape),
    )
