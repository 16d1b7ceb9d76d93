"""The figures behind the bars: `python -m tests.attacks.measure drain|overload|...`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import tempfile
from pathlib import Path

SCENARIOS = {
    "drain": "drains",
    "overload": "overload",
    "refusals": "refusals",
    "leavers": "leavers",
    "large_body": "large_bodies",
    "malformed": "malformed",
    "swaps": "swaps",
    "slow_clients": "slow_clients",
    "soak": "soak",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    scenario = importlib.import_module(f"tests.attacks.{SCENARIOS[parser.parse_args().scenario]}")
    with tempfile.TemporaryDirectory() as directory:
        figures = asyncio.run(scenario.measure(Path(directory)))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
