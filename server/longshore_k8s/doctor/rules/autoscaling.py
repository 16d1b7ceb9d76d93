"""LS23 to LS27, LS33 and LS34: the chain from the pods' metrics to the count of pods."""

from __future__ import annotations

from collections.abc import Iterator

from longshore_k8s.api import Json
from longshore_k8s.doctor.autoscaler import (
    GROUPS,
    Metric,
    api_path,
    api_services,
    autoscalers,
    metrics,
    pods_values,
    reasons,
    scaled_objects,
)
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, condition, name_of
from longshore_k8s.doctor.rule import Finding, Rule

_TARGET = {"FailedGetScale", "InvalidSelector", "AmbiguousSelector"}
_RULES_FILE = "chart/files/prometheus-adapter-values.yaml"


def _shown(autoscaler: Json, kind: str) -> str:
    status, reason = reasons(autoscaler)[kind]
    return f"horizontalpodautoscaler {name_of(autoscaler)}: {kind}={status} {reason}"


def _metrics(release: Release, objects: Objects, kind: str) -> Iterator[tuple[Json, Metric]]:
    for autoscaler in autoscalers(release, objects):
        for metric in metrics(autoscaler):
            if metric.kind == kind:
                yield autoscaler, metric


def check_target(release: Release, objects: Objects) -> Finding | None:
    found = autoscalers(release, objects)
    if len(found) > 1:
        names = sorted(map(name_of, found))
        return Finding(
            f"the autoscalers {' and '.join(names)} change the count of the same Deployment",
            f"keep one: kubectl -n {release.namespace} delete hpa NAME",
            tuple(f"horizontalpodautoscaler {name}: spec.scaleTargetRef" for name in names),
        )
    for autoscaler in found:
        for kind in ("AbleToScale", "ScalingActive"):
            status, reason = reasons(autoscaler)[kind]
            if status == "False" and reason in _TARGET:
                return _target_finding(release, objects, autoscaler, kind, reason)
    return None


def _target_finding(
    release: Release, objects: Objects, autoscaler: Json, kind: str, reason: str
) -> Finding:
    wanted = release.deployment["spec"]["selector"].get("matchLabels") or {}
    others = [
        name_of(one) for one in objects.listed("horizontalpodautoscalers") if one is not autoscaler
    ]
    because = {
        "FailedGetScale": "it cannot read the count of its target",
        "InvalidSelector": "the selector of its target is none",
        "AmbiguousSelector": f"its pods ({wanted}) are those of another autoscaler, too; the "
        f"namespace has {', '.join(others) or 'no other'}",
    }[reason]
    return Finding(
        f"the autoscaler {name_of(autoscaler)} does nothing: {because}",
        "let each Deployment have labels of its own and one autoscaler",
        (_shown(autoscaler, kind),),
    )


def check_metrics_api(release: Release, objects: Objects) -> Finding | None:
    for kind, group in GROUPS.items():
        for autoscaler, metric in _metrics(release, objects, kind):
            found = api_services(objects, group)
            install = "KEDA" if kind == "External" else "prometheus-adapter"
            if not found:
                return Finding(
                    f"nothing answers for {metric.name}: the cluster has no API {group}",
                    f"install {install}" + (f" with {_RULES_FILE}" if kind == "Pods" else ""),
                    (_shown(autoscaler, "ScalingActive"), f"apiservices: none of {group}"),
                )
            down = _down(objects, group)
            if down:
                return Finding(
                    f"the API {group} does not answer",
                    f"see whether {install} runs, and whether the control plane reaches it: a "
                    f"firewall (port 6443), or `hostNetwork: true`",
                    down,
                )
    return None


def _down(objects: Objects, group: str) -> tuple[str, ...]:
    """What shows that no server of the API answers; empty while one does."""
    found = api_services(objects, group)
    states = [(one, condition(one, "Available")) for one in found]
    if not any(state.get("status") == "True" for _, state in states):
        service, state = states[0]
        seen = f"{state.get('status')} {state.get('reason')}"
        return f"apiservice {name_of(service)}: Available={seen}", str(state.get("message", ""))
    path = api_path(objects, group)
    reply = objects.ask(f"{path}", right=f"get {path}")
    # Who serves the API says 500 where it fails itself; the API server, in its place, says these.
    return (f"{path}: status {reply.status}",) if reply.status in (502, 503, 504) else ()


def check_adapter_rules(release: Release, objects: Objects) -> Finding | None:
    for autoscaler, metric in _metrics(release, objects, "Pods"):
        path = api_path(objects, GROUPS["Pods"])
        if path is None:
            return None
        reply = objects.ask(path, right=f"get {path}")
        if reply.status != 200:
            continue
        known = {one.get("name", "") for one in reply.json().get("resources") or []}
        if f"pods/{metric.name}" in known:
            continue
        ours = sorted(name for name in known if "longshore" in name)
        reply, _ = pods_values(release, objects, metric.name)
        if reply.status == 200:
            continue  # asked for by name it is there: the list is behind
        return Finding(
            f"the metrics API does not know {metric.name}: the adapter "
            f"has no rule for it, or found "
            f"no series of any pod",
            f"give prometheus-adapter the rules of {_RULES_FILE} and restart it; then see that "
            f"Prometheus scrapes the pods",
            (
                _shown(autoscaler, "ScalingActive"),
                f"{path}: no pods/{metric.name}; of this chart: {', '.join(ours) or 'none'}",
            ),
        )
    return None


def check_adapter(release: Release, objects: Objects) -> Finding | None:
    for autoscaler, metric in _metrics(release, objects, "Pods"):
        reply, _ = pods_values(release, objects, metric.name)
        if reply.status == 500:
            return Finding(
                f"prometheus-adapter cannot read {metric.name} from Prometheus",
                "its value prometheus.url must lead to the Prometheus that scrapes the pods",
                (
                    _shown(autoscaler, "ScalingActive"),
                    f"status {reply.status}: {reply.json().get('message', '')}",
                ),
            )
    return None


def check_series(release: Release, objects: Objects) -> Finding | None:
    for autoscaler, metric in _metrics(release, objects, "Pods"):
        reply, values = pods_values(release, objects, metric.name)
        if reply.status < 500 and not values and _ready(release):
            return Finding(
                f"{metric.name} has no value for any pod of this release: Prometheus does not "
                f"scrape them, their series lack the labels `namespace` and "
                f"`pod`, or the window of "
                f"the rule holds fewer than two scrapes",
                "look at Prometheus' targets: the monitor must be selected "
                "(--set metrics.podMonitor.enabled=true, metrics.podMonitor.labels), and a window "
                "is 4 x the scrape interval",
                (_shown(autoscaler, "ScalingActive"), f"status {reply.status}, no items"),
            )
    return None


def check_every_pod(release: Release, objects: Objects) -> Finding | None:
    for autoscaler, metric in _metrics(release, objects, "Pods"):
        reply, values = pods_values(release, objects, metric.name)
        missing = sorted(set(_ready(release)) - set(values))
        if reply.status == 200 and values and missing:
            return Finding(
                f"{', '.join(missing)} {'has' if len(missing) == 1 else 'have'} no value of "
                f"{metric.name}; the autoscaler counts them at the target, and does not scale down "
                f"below what they might need",
                "a pod has a value after two scrapes; if it stays without, look at its target in "
                "Prometheus",
                (_shown(autoscaler, "ScalingActive"), f"values of {', '.join(sorted(values))}"),
            )
    return None


def _ready(release: Release) -> list[str]:
    return [name_of(p) for p in release.pods if condition(p, "Ready").get("status") == "True"]


def check_keda(release: Release, objects: Objects) -> Finding | None:
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


RULES = (
    Rule(
        "LS23", "autoscaler", "one autoscaler has the release for its target",
        "An HPA finds its pods by the Deployment's selector; two "
        "that find the same pods both stop.",
        "The HPAs that name the Deployment, and their conditions "
        "AbleToScale and ScalingActive with "
        "the reasons FailedGetScale, InvalidSelector and AmbiguousSelector.",
        "Remove the other autoscaler.",
        check_target,
    ),
    Rule(
        "LS24", "autoscaler", "the API of the metrics answers",
        "An HPA asks an API for its metrics that prometheus-adapter or KEDA serves through the API "
        "server.",
        "The APIServices of `custom.metrics.k8s.io` and `external.metrics.k8s.io`, and their "
        "condition Available; then a status of 502 to 504 for the list of the API.",
        "Install the adapter or KEDA; see that the control plane reaches it.",
        check_metrics_api,
    ),
    Rule(
        "LS25", "autoscaler", "the adapter has a rule for the metric",
        "prometheus-adapter knows the metrics of its rules alone, "
        "reads them once at its start, and "
        "lists those that it found series for.",
        "The list of the API `custom.metrics.k8s.io`, and the answer for the metric by name.",
        "Give it the rules of `chart/files/prometheus-adapter-values.yaml`, and restart it.",
        check_adapter_rules,
    ),
    Rule(
        "LS26", "autoscaler", "the adapter reaches Prometheus",
        "The adapter is asked and asks Prometheus in turn.",
        "The answer for the pods' metric has the status 500.",
        "Mend `prometheus.url` of the adapter.",
        check_adapter,
    ),
    Rule(
        "LS27", "autoscaler", "the pods have values",
        "A value takes two scrapes of a pod within the rule's window, with the labels `namespace` "
        "and `pod`.",
        "The answer for the pods' metric names no pod of the release although some are ready.",
        "Let Prometheus select the monitor; see its targets; give the window 4 scrapes.",
        check_series,
    ),
    Rule(
        "LS33", "autoscaler", "KEDA reads its triggers",
        "KEDA makes the HPA and answers for its metrics.",
        "The ScaledObject's condition Ready=False, and `status.health`.",
        "Mend the trigger: `autoscaling.keda.serverAddress`, its authentication, the query.",
        check_keda,
    ),
    Rule(
        "LS34", "autoscaler", "every ready pod has a value",
        "On the way down, an HPA counts a pod without a value at the target: the count is held.",
        "Ready pods that the answer for the metric does not name.",
        "Wait for two scrapes; then look at the pod's target in Prometheus.",
        check_every_pod,
    ),
)  # fmt: skip
