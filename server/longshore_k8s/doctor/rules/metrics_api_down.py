"""LS24: an API of metrics that is not there or does not answer."""

from __future__ import annotations

from longshore_k8s.doctor.autoscaler import GROUPS, RULES_FILE, metrics_of, shown_autoscaler
from longshore_k8s.doctor.metrics_api import FROM_THE_API_SERVER, api_path, api_services
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, condition, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for kind, group in GROUPS.items():
        for autoscaler, metric in metrics_of(release, objects, kind):
            found = api_services(objects, group)
            install = "KEDA" if kind == "External" else "prometheus-adapter"
            if not found:
                return Finding(
                    f"nothing answers for {metric.name}: the cluster has no API {group}",
                    f"install {install}" + (f" with {RULES_FILE}" if kind == "Pods" else ""),
                    (
                        shown_autoscaler(autoscaler, "ScalingActive"),
                        f"apiservices: none of {group}",
                    ),
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
    return (f"{path}: status {reply.status}",) if reply.status in FROM_THE_API_SERVER else ()


RULE = Rule(
    "LS24", "autoscaler", "the API of the metrics answers",
    "An HPA asks an API for its metrics that prometheus-adapter or KEDA serves through the "
    "API server.",
    "The APIServices of `custom.metrics.k8s.io` and `external.metrics.k8s.io`, and their "
    "condition Available; then a status of 502 to 504 for the list of the API.",
    "Install the adapter or KEDA; see that the control plane reaches it.",
    check,
    before_install=True,
)  # fmt: skip
