"""From the options of `longshore capacity` to what is to be done; the rest is refused."""

from __future__ import annotations

import argparse
from pathlib import Path

from longshore.cpu.quantity import parse_cpus
from longshore.errors import SettingsError
from longshore_k8s.capacity.in_cluster.place import place_of
from longshore_k8s.capacity.objective import parse_objective, parse_share
from longshore_k8s.capacity.pace import QUICK, Pace
from longshore_k8s.capacity.provenance import size
from longshore_k8s.capacity.recommendation import Expected
from longshore_k8s.capacity.run import Run
from longshore_k8s.capacity.sizes import Prices
from longshore_k8s.capacity.wanted import Wanted
from longshore_k8s.picture import check_picture

MOST_ROWS = 65536


def run_of(options: argparse.Namespace) -> Run:
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
    if options.slo is None:
        raise SettingsError("--slo: say what is to be kept, as in 'p99=100ms'")
    wanted = Wanted(
        parse_objective(options.slo, options.errors), options.rows, options.encoding,
        Path(options.payload) if options.payload else None, options.seed, options.starts,
        options.noisy, QUICK if options.quick else Pace(), headers=tuple(options.header),
    )  # fmt: skip
    place = place_of(options)
    if place is None and not Path(options.target).exists():
        raise SettingsError(f"{options.target}: no such directory of a model")
    plot_file = Path(options.plot) if options.plot else None
    if plot_file is not None:
        check_picture(plot_file)
    model_bytes = 0 if place is not None else size(Path(options.target))
    return Run(
        options.release or options.target, place, _cpus(options.cpus), wanted,
        Expected(growth, options.peak, model_bytes),
        Prices(options.cost_per_cpu_hour, options.cost_per_gib_hour), _file(options.out),
        plot_file, options.output == "json",
    )  # fmt: skip


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
