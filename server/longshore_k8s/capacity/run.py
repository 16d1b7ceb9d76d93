"""One call of `longshore capacity`, from its options to its files."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from longshore.cpu.quantity import parse_cpus
from longshore.errors import SettingsError
from longshore_k8s.capacity import report
from longshore_k8s.capacity.files import record_file, write_record, write_values
from longshore_k8s.capacity.local_measurement import Wanted, measure_locally
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.objective import parse_objective, parse_share
from longshore_k8s.capacity.provenance import provenance, size
from longshore_k8s.capacity.recommendation import Expected, recommend
from longshore_k8s.capacity.report import ProgressLine, Result
from longshore_k8s.capacity.sizes import Prices, Size, rank
from longshore_k8s.capacity.unsound import UnsoundError

MOST_ROWS = 65536


@dataclass
class Run:
    """Keeps what was measured so far, however it ends."""

    target: str
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

    @classmethod
    def of(cls, options: argparse.Namespace) -> Run:
        """
        Raises:
            SettingsError: an option has a value that is not allowed.
        """
        for name, least, most in (("rows", 1, MOST_ROWS), ("starts", 1, 10)):
            if not least <= getattr(options, name) <= most:
                raise SettingsError(f"--{name}: {getattr(options, name)}; {least} to {most}")
        for name in ("peak", "cost_per_cpu_hour", "cost_per_gib_hour"):
            value = getattr(options, name)
            if value is not None and value <= 0:
                raise SettingsError(f"--{name.replace('_', '-')}: {value:g}; above 0")
        growth = None if options.growth is None else parse_share("--growth", options.growth)
        for header in options.header:
            if ": " not in header or "\n" in header or "\r" in header:
                raise SettingsError(f"--header: {header!r} is not 'Name: value'")
        wanted = Wanted(
            parse_objective(options.slo, options.errors), options.rows, options.encoding,
            Path(options.payload) if options.payload else None, options.seed, options.starts,
            options.noisy, headers=tuple(options.header),
        )  # fmt: skip
        if not Path(options.target).exists():
            raise SettingsError(f"{options.target}: no such directory of a model")
        return cls(
            options.target, _cpus(options.cpus), wanted,
            Expected(growth, options.peak, size(Path(options.target))),
            Prices(options.cost_per_cpu_hour, options.cost_per_gib_hour), _file(options.out),
            _file(options.plot) if options.plot else None, options.output == "json",
        )  # fmt: skip

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
        origin = self.origin | {"cpus": best.cpus}
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
        print(report.wrote(best, str(self.values_file)))

    def _measure(self, cpus: float) -> Measured:
        path = Path(self.target)
        self.origin = provenance(path, cpus, self.wanted.seed)
        return measure_locally(
            path, cpus, self.wanted, tell=self.progress.tell,
            record=lambda step: self.steps.append({"cpus": cpus} | step),
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


def _cpus(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(parse_cpus(part.strip())) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"--cpus: {error}; as in '1', '500m' or '1,2,4'") from error


def _file(name: str) -> Path:
    """
    Raises:
        SettingsError: its directory is not there.
    """
    path = Path(name)
    if not path.parent.is_dir():
        raise SettingsError(f"{name} cannot be written: {path.parent} is no directory")
    return path
