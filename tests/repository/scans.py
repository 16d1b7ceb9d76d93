"""What a scan found, as a test compares it."""

from __future__ import annotations

from longshore.repository.layout import Scan


def served(scan: Scan) -> list[str]:
    """The versions to serve, in the order of the scan."""
    return [artifact.version for artifact in scan.artifacts]


def messages(scan: Scan) -> list[str]:
    """What is said of each problem."""
    return [problem.message for problem in scan.problems]
