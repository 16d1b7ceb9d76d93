"""A Gateway for the scenarios: divides requests by HTTPRoutes' weights, and says what it took."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import threading
from pathlib import Path

from tests.cluster.cluster_services.services import Services
from tests.cluster.gateway.proxy import Proxy
from tests.cluster.gateway.routes import Routes
from tests.cluster.node_agent.api import Api


def main(arguments: list[str]) -> int:
    """Serve the routes of a namespace until SIGTERM."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    api, services = Api(options.kubeconfig), Services()
    services.follow(api, stopped)
    routes = Routes(api, services, options.name, options.namespace)
    routes.follow(stopped)
    proxy = Proxy(routes, options.address, options.port)
    threading.Thread(target=lambda: asyncio.run(proxy.serve()), daemon=True).start()
    stopped.wait()
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gateway")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--name", required=True, help="by which routes name it as a parent")
    parser.add_argument("--namespace", required=True, help="of the routes and their backends")
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
