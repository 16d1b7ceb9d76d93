"""The counters of a pod, as its management port exports them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from longshore_k8s.controller.judging.look import Counts

ERRORS = ("error", "timeout", "unavailable", "rejected")
INVALID = ("invalid", "not_found")
SUCCESS, CANCELLED = "success", "cancelled"
_RESPONSES = "longshore_responses_total"
_BUCKET = "longshore_request_duration_seconds_bucket"
_WANTED = (f"{_RESPONSES}{{", f"{_BUCKET}{{")
_ALL = float("inf")


@dataclass(slots=True)
class Page:
    """What one page says, summed over models and versions."""

    outcomes: Counter[str] = field(default_factory=Counter)
    within: dict[str, Counter[float]] = field(
        default_factory=lambda: {SUCCESS: Counter(), CANCELLED: Counter()}
    )
    """By outcome: the requests that took at most so many seconds, by the bound of each bucket."""

    @classmethod
    def read(cls, text: str) -> Page:
        """Raises ValueError where it is no page of a server that has a model."""
        page = cls()
        for name, labels, value in _samples(text):
            outcome = labels.get("outcome", "")
            if name == _RESPONSES:
                page.outcomes[outcome] += int(value)
            elif outcome in page.within:
                page.within[outcome][float(labels["le"])] += int(value)
        if not page.outcomes:
            raise ValueError(f"it exports no {_RESPONSES}")
        return page

    def counts(self, slow_seconds: float | None) -> Counts:
        """With those as slow that were answered after `slow_seconds`, or given up by their clients
        after it: beyond the least bound of a bucket that is not below it, and so without doubt.
        """
        errors = sum(self.outcomes[outcome] for outcome in ERRORS)
        given_up = self._slower(CANCELLED, slow_seconds)
        return Counts(
            requests=self.within[SUCCESS][_ALL] + errors + given_up,
            errors=errors,
            slow=self._slower(SUCCESS, slow_seconds) + given_up,
            invalid=sum(self.outcomes[outcome] for outcome in INVALID),
        )

    def _slower(self, outcome: str, seconds: float | None) -> int:
        within = self.within[outcome]
        if seconds is None:
            return 0
        return within[_ALL] - within[min((b for b in within if b >= seconds), default=_ALL)]


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Of the few lines that matter: the page has hundreds."""
    wanted = [line for line in text.splitlines() if line.startswith(_WANTED)]
    for family in text_string_to_metric_families("\n".join([*wanted, ""])):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
