"""`python -m tests.cluster.node_agent SETTINGS.json`: be one node until SIGTERM.

Run it as root in the cluster's network namespace with `nsenter --net`: `ip netns exec` would hide
the mounts that it makes.
"""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

from tests.cluster.node_agent import settings
from tests.cluster.node_agent.agent import NodeAgent


def main(arguments: list[str]) -> int:
    """Run the node that the settings file describes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    agent = NodeAgent(settings.load(Path(arguments[0])))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stopped.set())
    agent.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
