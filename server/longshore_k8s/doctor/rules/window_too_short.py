"""LS32: a rate over a window that holds too few scrapes."""

from __future__ import annotations

import re

from longshore_k8s.doctor.autoscaler import RULES_FILE, triggers
from longshore_k8s.doctor.metrics_api import pods_without_value
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule
from longshore_k8s.doctor.shipped_queries import WINDOW_SECONDS
from longshore_k8s.doctor.targets import of_management_port, seconds, targets

FEWEST_SCRAPES = 2
"""Without which there is no rate."""
SCRAPES = 4
"""So that two remain when one fails."""
_WINDOW = re.compile(r"\[([0-9a-z]+)\]")


def check(release: Release, objects: Objects) -> Finding | None:
    pods = pods_without_value(release, objects)
    found = targets(release, objects) if pods else None
    windows = [window for one in triggers(release, objects) if pods for window in _windows(one)]
    # What rules the adapter has is not known: with the shipped ones there can be no value.
    window, least = (min(windows), SCRAPES) if windows else (WINDOW_SECONDS, FEWEST_SCRAPES)
    for pod in pods if found else ():
        own = of_management_port(release, found or [], pod)
        interval = min((one.interval for one in own if one.health != "down"), default=0.0)
        if least * interval > window:
            return _finding(pod, interval, window, is_of_keda=bool(windows))
    return None


def _windows(trigger: dict[str, str]) -> list[float]:
    return [seconds(text) for text in _WINDOW.findall(str(trigger.get("query", "")))]


def _finding(pod: str, interval: float, window: float, *, is_of_keda: bool) -> Finding:
    needed = SCRAPES * interval
    whose = "the query of the trigger has" if is_of_keda else "the shipped rules have"
    fix = (
        f"scrape every {window / SCRAPES:g} s (metrics.podMonitor.interval), or a window of "
        f"{needed:g} s"
    )
    more = "" if is_of_keda else f": sed 's/\\[1m\\]/[{needed:g}s]/' {RULES_FILE}"
    return Finding(
        f"pod {pod} is scraped every {interval:g} s, and {whose} a window of {window:g} s, which "
        f"needs {SCRAPES} scrapes",
        fix + more,
        (f"/api/v1/targets: scrapeInterval {interval:g} s of {pod}",),
    )


RULE = Rule(
    "LS32", "monitoring", "the window of a rate holds four scrapes",
    "A rate takes two scrapes within its window; with four, it survives one that fails.",
    "The interval of the targets in Prometheus that are not down, where a ready pod has no value, "
    "against the windows of KEDA's queries. Which rules the adapter has is not known: those that "
    "the chart ships give no value where two intervals are longer than their window.",
    "Scrape more often (`metrics.podMonitor.interval`), or give the rules a longer window.",
    check,
)  # fmt: skip
