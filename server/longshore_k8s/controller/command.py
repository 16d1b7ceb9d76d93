"""`longshore controller`: keeps the LongshoreModels of a cluster as their specs say."""

from __future__ import annotations

import argparse
from pathlib import Path

from longshore.commands.command import Command, Purpose
from longshore.errors import SettingsError
from longshore.exit_code import ExitCode

_CHART = Path("/opt/longshore/chart")
"""Where the image has it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--chart", type=Path, default=_CHART, metavar="DIR",
        help="the chart that each LongshoreModel is rendered by (default: %(default)s)",
    )  # fmt: skip
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument(
        "-n", "--namespace", action="append", metavar="NAMESPACE", dest="namespaces",
        help="work in this namespace; may be repeated (default: the one that this runs in)",
    )  # fmt: skip
    scope.add_argument("-A", "--all-namespaces", action="store_true", help="work in all of them")
    parser.add_argument(
        "--port", type=int, default=8080, help="of /metrics, /livez and /readyz (default: 8080)"
    )
    parser.add_argument("--log-format", choices=("text", "json"), default="text")
    parser.add_argument("--kubeconfig", metavar="FILE")


def run(options: argparse.Namespace) -> int:
    import signal

    from prometheus_client import CollectorRegistry

    from longshore.logs import configure_logging
    from longshore_k8s.api import ClusterUnreachable
    from longshore_k8s.controller import monitoring_server
    from longshore_k8s.controller.connection import ApiRefused, Connection
    from longshore_k8s.controller.controller import Controller
    from longshore_k8s.controller.endpoint import find_endpoint
    from longshore_k8s.controller.metrics import ControllerMetrics
    from longshore_k8s.controller.renderer import Renderer

    configure_logging("info", options.log_format)
    endpoint = find_endpoint(options.kubeconfig)
    namespaces = [None] if options.all_namespaces else options.namespaces or [endpoint.namespace]
    metrics = ControllerMetrics(CollectorRegistry())
    try:
        renderer = Renderer(options.chart)
        controller = Controller(Connection(endpoint), renderer, namespaces, metrics)
    except (ApiRefused, ClusterUnreachable) as error:
        raise SettingsError(f"no answer from {error}") from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: controller.stopped.set())
    monitoring_server.start(options.port, metrics.registry, controller.is_ready)
    return ExitCode.OK if controller.run() else ExitCode.FAILED


COMMAND = Command(
    Purpose.OPERATE,
    "keep the LongshoreModels of a cluster as their specs say",
    add_arguments,
    run,
)
