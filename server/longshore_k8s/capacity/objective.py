"""What a pod has to keep: a percentile of the latency, and a share of errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

from longshore.errors import SettingsError

_SLO = re.compile(r"p(\d{1,2}(?:\.\d+)?)=(\d+(?:\.\d+)?)(us|ms|s)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)(%?)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective of one pod."""

    percentile: float
    """Above 0 and below 100."""
    seconds: float
    """The latency that this percentile may have."""
    error_share: float
    """The share of requests that may go without a result."""

    @property
    def late_share(self) -> float:
        """The share of requests that may take longer; those without a result count as such."""
        return 1 - self.percentile / 100

    def __str__(self) -> str:
        return (
            f"p{self.percentile:g} of {1000 * self.seconds:g} ms, {100 * self.error_share:g} % "
            "errors"
        )


def parse_objective(slo: str, errors: str) -> Objective:
    """From `p99=100ms` and `0.1%`.

    Raises:
        SettingsError: one of them is written otherwise, or is out of bounds.
    """
    found = _SLO.fullmatch(slo)
    if found is None or not float(found[1]) or not float(found[2]):
        raise SettingsError(
            f"--slo: {slo!r} is no objective; a percentile above 0 and below 100, and a latency, "
            "as in 'p99=100ms'"
        )
    share = parse_share("--errors", errors)
    return Objective(float(found[1]), float(found[2]) * _SECONDS[found[3]], share)


def parse_share(option: str, text: str) -> float:
    """From `0.1%` or `0.001`.

    Raises:
        SettingsError: it is none, or not below 1.
    """
    found = _SHARE.fullmatch(text)
    share = float(found[1]) / (100 if found[2] else 1) if found else 1.0
    if share >= 1:
        raise SettingsError(f"{option}: {text!r} is no share below 1; write '0.1%' or '0.001'")
    return share
