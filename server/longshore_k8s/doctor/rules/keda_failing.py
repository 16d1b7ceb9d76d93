"""LS33: a trigger that KEDA cannot read."""

from __future__ import annotations

from longshore_k8s.doctor.autoscaler import scaled_objects
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, condition, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for one in scaled_objects(release, objects):
        found = condition(one, "Ready")
        if found.get("status") == "False":
            return Finding(
                f"KEDA cannot scale by the ScaledObject {name_of(one)} ({found.get('reason')})",
                "see the proof: mostly `autoscaling.keda.serverAddress`, or its authentication",
                (
                    f"scaledobject {name_of(one)}: Ready=False {found.get('reason')}",
                    str(found.get("message", "")),
                ),
            )
        failing = {
            name: health
            for name, health in ((one.get("status") or {}).get("health") or {}).items()
            if health.get("status") == "Failing"
        }
        if failing:
            return Finding(
                f"KEDA gets no value of {', '.join(sorted(failing))} from Prometheus",
                "open the query of the trigger in Prometheus; mostly the pods are not scraped, or "
                "`autoscaling.keda.serverAddress` leads elsewhere",
                tuple(
                    f"scaledobject {name_of(one)}: status.health.{name}: Failing, "
                    f"{health.get('numberOfFailures', '?')} times"
                    for name, health in sorted(failing.items())
                ),
            )
    return None


RULE = Rule(
    "LS33", "autoscaler", "KEDA reads its triggers",
    "KEDA makes the HPA and answers for its metrics.",
    "The ScaledObject's condition Ready=False, and `status.health`.",
    "Mend the trigger: `autoscaling.keda.serverAddress`, its authentication, the query.",
    check,
)  # fmt: skip
