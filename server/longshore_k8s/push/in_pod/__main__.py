"""`python -m longshore_k8s.push.in_pod hold SECONDS`, `receive MOUNT`, `list MOUNT PATH`."""

from __future__ import annotations

import sys
from pathlib import Path

from longshore_k8s.push.in_pod.lines import PROTOCOL, Input, tell


def main(words: list[str]) -> int:
    match words:
        case ["hold", seconds]:
            from longshore_k8s.push.in_pod.hold import hold

            return hold(float(seconds))
        case ["receive", mount]:
            from longshore_k8s.push.in_pod.receive import receive

            return receive(Input(sys.stdin.fileno()), tell, Path(mount))
        case ["list", mount, path, *verify]:
            return _list(Path(mount) / path, verifies=verify == ["--verify"])
    return 2


def _list(root: Path, *, verifies: bool) -> int:
    from longshore_k8s.push.in_pod.listing import listing
    from longshore_k8s.push.in_pod.told import Told

    tell({"protocol": PROTOCOL})
    progress = Told(tell)
    progress.count("verified", 0)
    try:
        tell({"listing": listing(root, verifies=verifies, progress=progress)})
    except OSError as error:
        tell({"failed": "filesystem", "reason": str(error)})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
