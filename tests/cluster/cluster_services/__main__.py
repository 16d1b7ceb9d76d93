"""What a cluster runs beside its nodes: service proxy, DNS, volumes and pod discovery."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from tests.cluster.cluster_services.dns import DnsServer
from tests.cluster.cluster_services.pod_discovery import PodDiscovery
from tests.cluster.cluster_services.service_proxy import ServiceProxy
from tests.cluster.cluster_services.services import Services
from tests.cluster.cluster_services.volume_provisioner import VolumeProvisioner
from tests.cluster.node_agent.api import Api


def main(arguments: list[str]) -> int:
    """Serve the cluster that the kubeconfig names, from this network namespace."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    api, services, discovery = Api(options.kubeconfig), Services(), PodDiscovery()
    services.follow(api, stopped)
    discovery.follow(api, stopped)
    VolumeProvisioner(api, options.volumes).follow(stopped)
    proxy = ServiceProxy(services, options.dns_address, (options.address, 53))
    for target, values in (
        (proxy.run, (stopped,)),
        (DnsServer(services, options.address).run, (stopped,)),
        (discovery.serve, (options.address, options.discovery_port)),
    ):
        threading.Thread(target=target, args=values, daemon=True).start()
    stopped.wait()
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_services")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--address", required=True, help="where DNS and discovery listen")
    parser.add_argument("--dns-address", required=True, help="the DNS Service's ClusterIP")
    parser.add_argument("--discovery-port", type=int, required=True)
    parser.add_argument("--volumes", type=Path, required=True, help="folder for the claims' data")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
