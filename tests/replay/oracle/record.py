"""Builds the real controller of each minor and records what it decides: `make hpa-oracle`.

`python -m tests.replay.oracle.record [--fresh N]` plays the scenarios, writes the recordings beside
this module, and compares our own controller with them. With `--fresh N` it makes N times as many
new scenarios, compares, and keeps nothing. Go fetches the controller's source from its proxy.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path

from tests.cluster.tools.build import CACHE
from tests.replay.oracle.playing import FOLDER, MINORS, Json, family, play
from tests.replay.oracle.scenarios import scenarios

RECORDINGS = FOLDER / "recordings"


def main() -> int:
    """The exit status is 1 where a decision of ours differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", type=int, default=0, metavar="N")
    options = parser.parse_args()
    told = list(scenarios(salt=f"fresh {os.urandom(4).hex()}", times=options.fresh or 1)
                if options.fresh else scenarios())  # fmt: skip
    if not options.fresh:
        _write("scenarios.jsonl.gz", told)
    differences = 0
    for minor in MINORS:
        recorded = record(minor, told)
        if not options.fresh:
            _write(f"kubernetes-1.{minor}.jsonl.gz", recorded)
        differences += _compare(minor, told, recorded)
    return 1 if differences else 0


def record(minor: int, told: list[Json]) -> list[Json]:
    """What the controller of one minor decides in `told`, in the same order."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for path in (*(FOLDER / f"kubernetes-1.{minor}").iterdir(), FOLDER / "oracle_test.go"):
            shutil.copy(path, folder)
        given, taken = folder / "scenarios.jsonl", folder / "recordings.jsonl"
        given.write_text("".join(json.dumps(one) + "\n" for one in told), encoding="utf-8")
        _go(folder, "test", "-c", "-p", "2", "-o", "oracle.test", ".")
        settings = {"ORACLE_SCENARIOS": str(given), "ORACLE_RECORDINGS": str(taken)}
        with (folder / "log").open("w") as log:  # the controller's own words, at each rescale
            subprocess.run(
                [str(folder / "oracle.test"), "-test.run", "TestOracle", "-test.timeout", "0"],
                env={**os.environ, **settings}, check=True, stdout=log, stderr=log,
            )  # fmt: skip
        return [json.loads(line) for line in taken.read_text(encoding="utf-8").splitlines()]


def _go(folder: Path, *arguments: str) -> None:
    settings = {
        "CGO_ENABLED": "0",
        "GOCACHE": str(CACHE / "go-build"),
        "GOFLAGS": "-buildvcs=false",
    }
    subprocess.run(
        ["nice", "-n", "19", "go", *arguments],
        cwd=folder, env={**os.environ, **settings}, check=True,
    )  # fmt: skip


def _compare(minor: int, told: list[Json], recorded: list[Json]) -> int:
    decisions = {line["name"]: line["decisions"] for line in recorded}
    syncs = rescales = differences = 0
    for _, members in groupby(told, key=family):
        rows = list(members)
        theirs = [decisions[row["name"]] for row in rows]
        times = [[decision["time"] for decision in row] for row in theirs]
        for index, played in enumerate(play(rows, times, minor)):
            for row, decided in enumerate(theirs):
                count = decided[index]["count"]
                changed = bool(played.decision.is_rescale[row])
                ours = int(played.decision.count[row]) if changed else None
                syncs += 1
                rescales += count is not None
                if ours != count:
                    differences += 1
                    print(f"{rows[row]['name']}, sync {index}: {ours}, recorded {count}")
    print(f"1.{minor}: {syncs} syncs, {rescales} rescales, {differences} differences", flush=True)
    return differences


def _write(name: str, lines: list[Json]) -> None:
    RECORDINGS.mkdir(exist_ok=True)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (RECORDINGS / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    sys.exit(main())
