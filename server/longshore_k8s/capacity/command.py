"""`longshore capacity`: what one pod can do, and values of the chart that follow from it."""

from __future__ import annotations

import argparse
from pathlib import Path

from longshore.commands.command import Command, Purpose
from longshore.exit_code import ExitCode
from longshore_k8s.capacity.in_cluster import place

INTERRUPTED = 130
"""What a shell reports for a program that SIGINT ended."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("target", nargs="?", metavar="MODEL_DIR", help="a model's directory, or a lone artifact")
    add("--slo", help="a percentile of the latency, as in p99=100ms")
    add("--errors", default="0.1%", help="share of requests without a result (default 0.1%%)")
    add("--cpus", default="1", help="CPUs of the pod, or several sizes to rank, as in 1,2,4")
    add("--out", default="capacity.yaml", help="values file to write (default capacity.yaml)")
    add("--plot", help="picture to write, such as knee.png")
    add("-o", "--output", choices=("text", "json"), default="text", help="what goes to stdout")
    payload = parser.add_argument_group("what is sent")
    payload.add_argument("--rows", type=int, default=1, help="rows of each request (default 1)")
    payload.add_argument("--encoding", choices=("json", "binary"), default="json")
    payload.add_argument(
        "--payload", help="JSON file with a body of /infer, or a list of them, in place of random"
    )
    payload.add_argument(
        "--header", action="append", default=[], help="'Name: value', sent with each request"
    )
    load = parser.add_argument_group("what is expected of the load")
    load.add_argument("--growth", help="its fastest growth, as a share per second: 0.5%%")
    load.add_argument("--peak", type=float, help="its highest rate, of which maxReplicas follows")
    load.add_argument("--cost-per-cpu-hour", type=float, default=1.0)
    load.add_argument("--cost-per-gib-hour", type=float, default=0.12)
    how = parser.add_argument_group("how it is measured")
    how.add_argument("--seed", type=int, default=1, help="of the arrivals (default 1)")
    how.add_argument("--starts", type=int, default=3, help="of each kind (default 3)")
    how.add_argument(
        "--quick", action="store_true", help="short loads: a first look, in a fourth of the time"
    )
    how.add_argument(
        "--noisy", action="store_true", help="tell the numbers of a busy machine all the same"
    )

    place.add_arguments(parser.add_argument_group("a release in its cluster"))
    add("--task", type=Path, help=argparse.SUPPRESS)  # what the client in the cluster is given


def run(options: argparse.Namespace) -> int:
    """Fails without a values file where no number can be trusted; what was measured is kept."""
    from longshore_k8s.capacity.options import run_of
    from longshore_k8s.capacity.signals import ended_by_signals
    from longshore_k8s.capacity.unsound import UnsoundError

    if options.task is not None:
        from longshore_k8s.capacity.in_cluster.client import run_task

        return run_task(options.task)
    measuring = run_of(options)
    try:
        with ended_by_signals():
            measuring.measure()
    except KeyboardInterrupt:
        measuring.keep(interrupted="by the user")
        return INTERRUPTED
    except (UnsoundError, OSError) as error:
        measuring.keep(interrupted=str(error))
        raise
    measuring.finish()
    return ExitCode.OK


COMMAND = Command(
    Purpose.PLAN, "measure one pod, and write resources and scaling targets", add_arguments, run
)
