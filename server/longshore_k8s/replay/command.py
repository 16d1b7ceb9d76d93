"""`longshore replay`: what an autoscaler would have done under a load."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from longshore.commands.command import Command, Purpose
from longshore.errors import SettingsError
from longshore.exit_code import ExitCode

if TYPE_CHECKING:
    from longshore_k8s.replay.autoscaler import Autoscaler
    from longshore_k8s.replay.simulation import Conditions
    from longshore_k8s.replay.trace import Trace

EXPLAIN = "explain"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="*",
        metavar="[explain] TRACE",
        help="CSV with the header time,requests_per_second; `explain` shows one sync instead",
    )
    parser.add_argument(
        "--values", action="append", type=Path, default=[], metavar="FILE",
        help="values of the chart; may be repeated, later ones win",
    )  # fmt: skip
    parser.add_argument("--suggest", action="store_true", help="search target, minimum, behavior")
    parser.add_argument("--cost-per-pod-hour", type=float, metavar="X")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="load and pods, with bands")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--at", metavar="TIME", help="explain this sync: HH:MM:SS, or seconds")
    _add_loads(parser)
    _add_pods(parser)


def _add_loads(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("loads other than a file")
    group.add_argument("--synthetic", choices=("step", "spike", "diurnal"))
    group.add_argument("--low", type=float, metavar="RPS", help="default: half a pod's knee")
    group.add_argument(
        "--high", type=float, metavar="RPS", help="default: half of maxReplicas' knee"
    )
    group.add_argument("--from-prometheus", metavar="URL")
    group.add_argument("--query", help="one series of requests per second")
    group.add_argument("--hours", type=float, default=24.0, help="until now; default: 24")


def _add_pods(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "one pod", "By default what `longshore capacity` wrote beside the values."
    )
    group.add_argument("--knee", type=float, metavar="RPS", help="what it carries within the SLO")
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="find it by the cost of batches instead; HTTP is not in that",
    )
    group.add_argument("--highest", type=float, metavar="RPS", help="at most; default: 1.1 x knee")
    group.add_argument("--slo", metavar="PERCENTILE=LATENCY", help="such as p99=100ms")
    group.add_argument("--idle-seconds", type=float, metavar="S", help="latency without load")
    group.add_argument("--queue-seconds", type=float, default=10.0, metavar="S", help="default: 10")
    group.add_argument("--pending-seconds", type=float, default=3.0, metavar="S", help="default: 3")
    group.add_argument("--ready-seconds", type=float, metavar="S", help="from Running; default: 10")
    group.add_argument("--drain-seconds", type=float, default=10.0, metavar="S", help="default: 10")
    group.add_argument(
        "--connection-seconds", type=float, default=300.0, metavar="S",
        help="how long clients keep one (300); 0 balances each request",
    )  # fmt: skip
    group.add_argument(
        "--sync-seconds", type=float, default=15.0, metavar="S",
        help="of the HPA controller (--horizontal-pod-autoscaler-sync-period); default: 15",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Replay and report, or explain one sync."""
    from longshore_k8s.picture import check_picture
    from longshore_k8s.replay.explain import explained

    is_explain = options.what[:1] == [EXPLAIN]
    _check(options)
    if options.plot is not None:
        check_picture(options.plot)
    conditions, plan = _prepare(options, options.what[1:] if is_explain else options.what)
    if is_explain:
        found = explained(conditions, plan, _moment(options.at, conditions.trace))
        print(f"sync at {conditions.trace.label(found.seconds)}")
        print("\n".join(f"  {line}" for line in found.lines))
        return ExitCode.OK
    return _replay(options, conditions, plan)


def _replay(options: argparse.Namespace, conditions: Conditions, plan: Autoscaler) -> int:
    import json

    from longshore_k8s.replay.explain import explained
    from longshore_k8s.replay.plot import plot
    from longshore_k8s.replay.report import Replay, document, lines
    from longshore_k8s.replay.simulation import simulate
    from longshore_k8s.replay.suggest import suggest

    [outcome] = simulate(conditions, [plan], options.seeds)
    why = explained(conditions, plan, _moment(options.at, conditions.trace))
    candidates = suggest(conditions, plan, options.seeds) if options.suggest else []
    replay = Replay(conditions, plan, outcome, why, candidates, options.cost_per_pod_hour)
    if options.plot is not None:
        plot(replay, options.plot)
    print(json.dumps(document(replay)) if options.output == "json" else "\n".join(lines(replay)))
    return ExitCode.OK


def _check(options: argparse.Namespace) -> None:
    if not 1 <= options.seeds <= 10_000:
        raise SettingsError(f"--seeds is {options.seeds}; 1 to 10000 are allowed")
    for name in (
        "cost_per_pod_hour",
        "connection_seconds",
        "queue_seconds",
        "hours",
        "knee",
        "low",
    ):
        value = getattr(options, name)
        if value is not None and not 0 <= value < float("inf"):
            raise SettingsError(f"--{name.replace('_', '-')} is {value:g}; at least 0 is needed")


def _prepare(options: argparse.Namespace, paths: list[str]) -> tuple[Conditions, Autoscaler]:
    from longshore_k8s.replay import pod_profile, values_file
    from longshore_k8s.replay.simulation import Conditions
    from longshore_k8s.replay.trace import check_against

    values = values_file.read_values(options.values)
    plan = values_file.autoscaler(values)
    measured = values_file.measured_beside(options.values)
    capacity = pod_profile.pod_capacity(options, measured)
    trace, name = _trace(options, paths, capacity.knee, plan.maximum)
    check_against(trace, name, knee=capacity.knee, most_pods=plan.maximum)
    is_keda = values["autoscaling"]["mode"] == "keda"
    polling_seconds = values_file.polling_seconds(values) if is_keda else None
    scrape_ms = values_file.scrape_interval_ms(values)
    least = 20_000 if is_keda else 60_000
    return (
        Conditions(
            trace,
            capacity,
            pod_profile.life(options, measured),
            is_keda,
            scrape_ms,
            max(least, 4 * scrape_ms),
            options.connection_seconds,
            polling_seconds,
            _sync_ms(options.sync_seconds),
        ),
        plan,
    )


def _sync_ms(seconds: float) -> int:
    if not 1 <= seconds <= 600:
        raise SettingsError(f"--sync-seconds is {seconds:g}; 1 to 600 are allowed")
    return 5 * round(200 * seconds)


def _trace(
    options: argparse.Namespace, paths: list[str], knee: float, most: int
) -> tuple[Trace, str]:
    from longshore_k8s.replay.prometheus import query_range
    from longshore_k8s.replay.synthetic import synthetic
    from longshore_k8s.replay.trace import read_trace

    given = [*paths, *filter(None, (options.synthetic, options.from_prometheus))]
    if len(given) != 1:
        raise SettingsError(
            f"{len(given)} loads are given; one is needed: TRACE, --synthetic or --from-prometheus"
        )
    if paths:
        return read_trace(Path(paths[0])), paths[0]
    if options.synthetic:
        low = knee / 2 if options.low is None else options.low
        high = knee * most / 2 if options.high is None else options.high
        if not 0 <= low < high:
            raise SettingsError(f"--low {low:g} and --high {high:g}: 0 <= low < high is needed")
        return synthetic(options.synthetic, low=low, high=high), "--synthetic"
    if not options.query:
        raise SettingsError("--from-prometheus: give the --query too")
    return query_range(options.from_prometheus, options.query, hours=options.hours), "--query"


def _moment(text: str | None, trace: Trace) -> float | None:
    """Seconds since the trace began."""
    if text is None:
        return None
    parts = text.split(":")
    try:
        seconds = sum(float(part) * 60**place for place, part in enumerate(reversed(parts)))
    except ValueError:
        seconds = -1.0
    if len(parts) == 3 and trace.is_dated:
        seconds = (seconds - trace.begin) % 86_400
    if not 0 <= seconds < trace.seconds:
        raise SettingsError(f"--at is {text!r}; a time of the trace, as HH:MM:SS or seconds")
    return float(seconds)


COMMAND = Command(
    Purpose.PLAN, "say what an autoscaler would have done under a load", add_arguments, run
)
