"""The figures behind the bars: `python -m tests.attacks.measure drain overload ...`."""

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
    "abandonment": "abandonment",
    "deadlines": "deadlines",
    "large_body": "large_bodies",
    "large_answer": "large_answers",
    "bombs": "bombs",
    "malformed": "malformed",
    "swaps": "swaps",
    "slow_clients": "slow_clients",
    "slow_readers": "slow_readers",
    "handshakes": "handshakes",
    "fuzz": "fuzz",
    "soak": "soak",
}
LONG = ("fuzz", "soak")
"""Only when they are named."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO",
        help=f"of {', '.join(SCENARIOS)}; without any, all but {' and '.join(LONG)}",
    )  # fmt: skip
    names = parser.parse_args().scenarios
    for name in names or [name for name in SCENARIOS if name not in LONG]:
        if name not in SCENARIOS:
            parser.error(f"{name!r} is none of {', '.join(SCENARIOS)}")
        scenario = importlib.import_module(f"tests.attacks.{SCENARIOS[name]}")
        with tempfile.TemporaryDirectory() as directory:
            figures = asyncio.run(scenario.measure(Path(directory)))
        print(name, json.dumps(figures, indent=2), flush=True)


if __name__ == "__main__":
    main()
