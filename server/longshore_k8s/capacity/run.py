"""One call of `longshore capacity`, from its options to its files."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from longshore_k8s.capacity import report
from longshore_k8s.capacity.files import record_file, write_record, write_values
from longshore_k8s.capacity.in_cluster.cluster_measurement import measure_in_cluster
from longshore_k8s.capacity.in_cluster.place import Place
from longshore_k8s.capacity.local_measurement import measure_locally
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.provenance import noise, now, provenance
from longshore_k8s.capacity.recommendation import Expected, recommend
from longshore_k8s.capacity.report import ProgressLine, Result
from longshore_k8s.capacity.sizes import Prices, Size, rank
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.wanted import Wanted


@dataclass
class Run:
    """Keeps what was measured so far, however it ends."""

    target: str
    """A path, or the name of a release."""
    place: Place | None
    """In which cluster; `None` on this machine."""
    cpus: tuple[float, ...]
    wanted: Wanted
    expected: Expected
    prices: Prices
    values_file: Path
    plot_file: Path | None
    is_json: bool
    progress: ProgressLine = field(default_factory=ProgressLine)
    results: list[Result] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    """Of all sizes, as they ended."""
    refused: list[str] = field(default_factory=list)
    """Sizes without a result, as sentences."""
    origin: dict[str, Any] = field(default_factory=dict)

    def measure(self) -> None:
        """Every size; where there are several, those that cannot be measured are told and left out.

        Raises:
            UnsoundError: there is no result at all.
        """
        for cpus in self.cpus:
            self.progress.tell(f"{self.target} with {cpus:g} CPUs")
            try:
                measured = self._measure(cpus)
            except UnsoundError as error:
                if len(self.cpus) == 1:
                    raise
                self.refused.append(f"{cpus:g} CPUs: {error}")
                continue
            self.results.append(Result(cpus, measured, recommend(measured, cpus, self.expected)))
        if not self.results:
            raise UnsoundError("; ".join(self.refused))

    def keep(self, *, interrupted: str) -> None:
        """Write what there is beside the values file that will not be."""
        self.progress.end()
        if not self.steps and not self.results:
            return
        file = record_file(self.values_file)
        write_record(file, self._record() | {"interrupted": interrupted})
        print(f"kept what was measured: {file}", file=sys.stderr)

    def finish(self) -> None:
        """Files and report, of the cheapest size."""
        self.progress.end()
        sizes = self._sizes()
        best = next(result for result in self.results if result.cpus == sizes[0].cpus)
        objective = self.wanted.objective
        told = noise(best.measured.steps, is_allowed=self.wanted.is_noise_allowed)
        self.origin = origin = self.origin | {"cpus": best.cpus, "noise": told}
        record = self._record() | {"best": self._result_document(best)}
        write_values(self.values_file, best.measured, best.recommended, objective, origin)
        write_record(record_file(self.values_file), {**record, **record["best"]})
        if self.plot_file is not None:
            from longshore_k8s.capacity.plot import draw

            title = f"{Path(self.target).name}, {best.cpus:g} CPUs: {objective}"
            draw(best.measured, best.recommended, objective, self.plot_file, title=title)
        if self.is_json:
            print(json.dumps(record, allow_nan=False))
            return
        for line in self.refused:
            print(f"not measured {line}")
        if len(sizes) > 1:
            print(*report.ranking(sizes), sep="\n")
        print(*report.lines(best, objective), sep="\n")
        if "client" in origin:
            print(report.placed(origin["client"]))
        print(report.wrote(best, str(self.values_file)))

    def _measure(self, cpus: float) -> Measured:
        def record(step: dict[str, Any]) -> None:
            self.steps.append({"cpus": cpus} | step)

        if self.place is None:
            path = Path(self.target)
            self.origin = provenance(path, cpus, self.wanted.seed)
            return measure_locally(path, cpus, self.wanted, tell=self.progress.tell, record=record)
        from longshore_k8s.client import ClusterClient

        self.origin = {"cpus": cpus, "seed": self.wanted.seed, "measured": now()}
        api = ClusterClient(self.place.kubeconfig, self.place.context)
        return measure_in_cluster(
            api, self.place, cpus, self.wanted, tell=self.progress.tell, record=record,
            learn=self.origin.update, warn=self.progress.warn,
        )  # fmt: skip

    def _sizes(self) -> list[Size]:
        return rank(
            (
                (
                    result.cpus,
                    int(result.recommended.values["resources"]["limits"]["memory"][:-2]),
                    result.recommended.requests_per_second,
                )
                for result in self.results
            ),
            self.prices,
        )

    def _record(self) -> dict[str, Any]:
        return {
            "objective": asdict(self.wanted.objective),
            "provenance": self.origin,
            "sizes": [asdict(size) for size in self._sizes()],
            "refused": self.refused,
            "results": [self._result_document(result) for result in self.results],
            "every_step": self.steps,
        }

    def _result_document(self, result: Result) -> dict[str, Any]:
        return {
            "cpus_limit": result.cpus,
            **result.measured.document(),
            "values": result.recommended.values,
            "target_share": result.recommended.target_share,
        }
