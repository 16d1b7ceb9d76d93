"""What the oracle plays.

Random worlds seldom come near a boundary. Targets here are small numbers, and readings lie on, just
under and just over what a tolerance, a floor or a ceiling turns on; windows and periods are whole
syncs, so that recommendations and rescales are often exactly as old as one of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

SECOND = 1_000_000_000
UNBOUND: dict[str, Any] = {
    "stabilizationWindowSeconds": 0,
    "policies": [{"type": "Pods", "value": 100000, "periodSeconds": 15}],
}
"""Rules that let every proposal through: what a metric asks for is what is set."""
Json = dict[str, Any]


def scenarios(salt: str = "", times: int = 1) -> Iterator[Json]:
    """All of them, by family: one family has the same kinds of metrics and equally many steps."""
    for family, count, make in FAMILIES:
        for index in range(count * times):
            name = f"{family} {index}"
            yield {"name": name, **make(random.Random(salt + name))}


def _scenario(
    rng: random.Random, metrics: list[Json], behavior: Json | None, steps: list[Json]
) -> Json:
    minimum = rng.choice([1, 1, 2, 3])
    return {
        "min": minimum,
        "max": minimum + rng.choice([0, 1, 5, 20, 60]),
        "start": minimum + rng.randrange(4),
        "request": 500,
        "behavior": behavior,
        "metrics": metrics,
        "steps": steps,
    }


def _free(tolerances: list[str | None], rng: random.Random) -> Json:
    """No window, no limit; a tolerance of its own in each direction."""
    up, down = ({**UNBOUND} for _ in range(2))
    for rules in (up, down):
        if (tolerance := rng.choice(tolerances)) is not None:
            rules["tolerance"] = tolerance
    return {"scaleUp": up, "scaleDown": down}


TOLERANCES = [None, None, "0", "50m", "100m", "333m"]


def _pods(rng: random.Random, most: int) -> list[Json]:
    phases = rng.choice(
        [
            ["Running"],
            ["Running", "Running", "Pending"],
            ["Running", "Pending", "Failed", "Succeeded"],
        ]
    )
    deleted = rng.choice([0.0, 0.0, 0.2])
    return [
        {
            "name": f"p{index}",
            "phase": rng.choice(phases),
            "deleted": rng.random() < deleted,
            "ready": rng.random() < 0.8,
            "started": 0,
            "transition": 0,
        }
        for index in range(rng.randrange(most + 1))
    ]


def _near(rng: random.Random, target: int) -> int:
    """A value at which something changes: about the target, its tolerance, its multiples."""
    factor = rng.choice([0, 0.5, 0.667, 0.9, 0.95, 1.0, 1.05, 1.1, 1.333, 1.5, 2.0, 3.0, 10.0])
    return max(0, round(target * factor) + rng.choice([-1, 0, 0, 0, 1]))


def _values(rng: random.Random, pods: list[Json], target: int, given: float) -> Json | None:
    base = _near(rng, target)
    spread = rng.choice([0, 0, 1, 3])
    values = {
        pod["name"]: max(0, base + rng.randint(-spread, spread))
        for pod in pods
        if pod["phase"] != "Pending" and rng.random() < given
    }
    return {"pods": values} if values else None


def pods_metric(rng: random.Random) -> Json:
    target = rng.choice([10, 20, 30, 100, 1000, 700, 7, 3])
    steps = []
    for _ in range(150):
        pods = _pods(rng, rng.choice([1, 3, 6, 12]))
        reading = _values(rng, pods, target, rng.choice([1.0, 1.0, 0.7, 0.3]))
        steps.append(
            {
                "spec": rng.choice([None, 1, 2, 3, 5, 8]),
                "status": 0,
                "pods": pods,
                "readings": [reading],
            }
        )
    metric = {"source": "Pods", "kind": "AverageValue", "target": target}
    return _scenario(rng, [metric], _free(TOLERANCES, rng), steps) | {"min": 1, "max": 200}


def _series(rng: random.Random, target: int, count: int) -> Json:
    total = _near(rng, target * count)
    part = rng.choice([0, 0, total // 3])
    return {"series": [total - part, part] if part else [total]}


def external_metric(kind: str) -> Callable[[random.Random], Json]:
    def make(rng: random.Random) -> Json:
        target = rng.choice([10, 30, 1000, 700, 7, 1])
        steps = []
        for _ in range(100):
            status = rng.choice([0, 1, 1, 2, 3, 7, 10])
            reading = None if rng.random() < 0.05 else _series(rng, target, max(status, 1))
            if rng.random() < 0.02:
                reading = {"series": [2**62]}
            pods = _pods(rng, 8)
            spec = rng.choice([None, 1, 2, 3, 7, 0]) if rng.random() < 0.5 else None
            steps.append({"spec": spec, "status": status, "pods": pods, "readings": [reading]})
        metric = {"source": "External", "kind": kind, "target": target}
        return _scenario(rng, [metric], _free(TOLERANCES, rng), steps) | {"min": 1, "max": 200}

    return make


def cpu_metric(rng: random.Random) -> Json:
    target = rng.choice([10, 30, 50, 80, 120])
    steps = []
    for _ in range(100):
        pods = _pods(rng, rng.choice([1, 3, 6]))
        window = rng.choice([0, 15, 30])
        age = rng.choice([0, 10, 30])
        for pod in pods:
            started = rng.choice([10, 29, 30, 31, 100, 299, 300, 301, 400, None])
            changed = rng.choice([0, window + age, window + age, 5, 20, 60, started or 0])
            early = rng.choice(
                [(started or 0) - 30, (started or 0) - 29, (started or 0) - 31, changed]
            )
            pod["transition"] = (early if rng.random() < 0.3 else changed) * SECOND
            pod["started"] = None if started is None else started * SECOND
            if rng.random() < 0.1:
                pod["ready"] = None
        milli = 500 * target // 100
        reading = _values(rng, pods, milli, rng.choice([1.0, 1.0, 0.6]))
        if reading:
            reading |= {"age": age * SECOND, "window": window * SECOND}
        spec = rng.choice([None, 1, 2, 3, 5])
        steps.append({"spec": spec, "status": 0, "pods": pods, "readings": [reading]})
    metric = {"source": "Resource", "kind": "Utilization", "target": target}
    return _scenario(rng, [metric], _free(TOLERANCES, rng), steps) | {"min": 1, "max": 200}


def _rules(rng: random.Random) -> Json | None:
    if rng.random() < 0.15:
        return None
    rules: Json = {"tolerance": "0"}
    if rng.random() < 0.8:
        rules["stabilizationWindowSeconds"] = rng.choice([0, 0, 5, 15, 30, 45, 60, 120, 300])
    rules["selectPolicy"] = rng.choice(
        ["Max", "Max", "Min", "Min", "Disabled"] if rng.random() < 0.2 else ["Max", "Min"]
    )
    rules["policies"] = [
        {
            "type": (kind := rng.choice(["Pods", "Percent"])),
            "value": rng.choice([1, 2, 3, 5] if kind == "Pods" else [5, 10, 33, 50, 90, 100, 150]),
            "periodSeconds": rng.choice([5, 15, 15, 20, 30, 45, 60, 120]),
        }
        for _ in range(rng.choice([0, 1, 1, 2, 3]))
    ]
    return rules


def _walk(rng: random.Random, steps: int, most: int) -> Iterator[int]:
    """Counts that are asked for: plateaus, ramps, spikes of one sync, and back."""
    count = rng.randint(1, most)
    while steps > 0:
        length = min(steps, rng.choice([1, 1, 2, 3, 4, 8, 20]))
        slope = rng.choice([0, 0, 0, 1, -1])
        for _ in range(length):
            yield max(0, min(most, count))
            count += slope
        count = rng.choice([rng.randint(0, most), count + 1, count - 1, count * 2, count // 2])
        steps -= length


def _asking(rng: random.Random, behavior: Json | None, most: int, steps: int = 140) -> Json:
    """One External metric whose sum is the count that is asked for."""
    told = [
        {
            "spec": rng.choice([1, most // 2, most + 3, 0]) if rng.random() < 0.02 else None,
            "status": 0,
            "pods": [],
            "readings": [
                None
                if rng.random() < 0.02
                else {"series": [count * 1000 - rng.choice([0, 0, 1, 999])]}
            ],
        }
        for count in _walk(rng, steps, most)
    ]
    for step in told:
        if step["readings"][0]:
            step["readings"][0]["series"] = [
                max(0, value) for value in step["readings"][0]["series"]
            ]
    metric = {"source": "External", "kind": "AverageValue", "target": 1000}
    return _scenario(rng, [metric], behavior, told)


def behavior(rng: random.Random) -> Json:
    told = {"scaleUp": _rules(rng), "scaleDown": _rules(rng)}
    return _asking(
        rng, {key: rules for key, rules in told.items() if rules}, rng.choice([8, 25, 70])
    )


def legacy(rng: random.Random) -> Json:
    return _asking(rng, None, rng.choice([6, 20, 60]))


def several(rng: random.Random) -> Json:
    """Two Pods metrics and an External one, each of which may fail."""
    targets = [rng.choice([10, 100, 700]) for _ in range(3)]
    steps = []
    for _ in range(100):
        pods = _pods(rng, 6)
        fails = rng.choice([0.0, 0.1, 0.4])
        readings: list[Json | None] = [
            None if rng.random() < fails else _values(rng, pods, target, 0.95)
            for target in targets[:2]
        ]
        status = rng.randint(1, 6)
        readings.append(None if rng.random() < fails else _series(rng, targets[2], status))
        steps.append({"spec": None, "status": status, "pods": pods, "readings": readings})
    metrics = [
        {"source": source, "kind": "AverageValue", "target": target}
        for source, target in zip(("Pods", "Pods", "External"), targets, strict=True)
    ]
    told = {"scaleUp": _rules(rng) or UNBOUND, "scaleDown": _rules(rng) or UNBOUND}
    return _scenario(rng, metrics, told, steps)


def from_zero(kind: str) -> Callable[[random.Random], Json]:
    """Down to nothing and back; now and then somebody else sets the count, or the minimum."""

    def make(rng: random.Random) -> Json:
        told = rng.choice([None, _free(TOLERANCES, rng), {"scaleUp": _rules(rng) or UNBOUND}])
        made = _asking(rng, told, rng.choice([3, 8, 25]), steps=120)
        made["metrics"][0]["kind"] = kind
        for step in made["steps"]:
            reading = step["readings"][0]
            if reading and rng.random() < 0.3:
                reading["series"] = [0]
            step["spec"] = rng.choice([0, 0, 2]) if rng.random() < 0.03 else None
            step["min"] = rng.choice([0, 0, 0, 1, 3]) if rng.random() < 0.04 else None
            step["pods"] = _pods(rng, 5) if kind == "Value" else []
        return made | {"min": 0, "max": max(3, made["max"]), "start": rng.choice([0, 1, 2])}

    return make


def pods_to_zero(rng: random.Random) -> Json:
    """A metric of pods has no reading once there are none."""
    made = pods_metric(rng)
    for step in made["steps"]:
        step["spec"] = rng.choice([1, 2]) if rng.random() < 0.1 else None
        for reading in filter(None, step["readings"]):
            if rng.random() < 0.2:
                reading["pods"] = dict.fromkeys(reading["pods"], 0)
    return made | {"min": 0, "steps": made["steps"][:80]}


FAMILIES: tuple[tuple[str, int, Callable[[random.Random], Json]], ...] = (
    ("pods", 24, pods_metric),
    ("external average", 14, external_metric("AverageValue")),
    ("external value", 14, external_metric("Value")),
    ("cpu", 16, cpu_metric),
    ("behavior", 70, behavior),
    ("legacy", 16, legacy),
    ("several", 20, several),
    ("from zero", 24, from_zero("AverageValue")),
    ("from zero by value", 12, from_zero("Value")),
    ("pods to zero", 6, pods_to_zero),
)
