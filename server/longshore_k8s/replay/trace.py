"""A load over time: requests per second, from a CSV file. What cannot be right is refused."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from longshore.errors import SettingsError
from longshore_k8s.replay.pods import Ratios

HEADER = ("time", "requests_per_second")
SHORTEST_SECONDS = 300.0
GAP = 1.5
"""Median intervals: what is longer is a gap."""
MILLISECONDS_FROM = 1e11
"""Seconds of the year 5138; a time beyond is in milliseconds."""
FORM = "the first line is 'time,requests_per_second', then a time (RFC 3339 or seconds) and a rate"


@dataclass(frozen=True, slots=True)
class Trace:
    """Each rate holds from its time to the next; the last as long as the one before it."""

    times: Ratios
    """Seconds since the first."""
    rates: Ratios
    """Requests per second."""
    begin: float = 0.0
    """Of the first line, in seconds of the epoch; 0 where the trace says none."""
    is_dated: bool = False

    @property
    def interval(self) -> float:
        """The median, in seconds."""
        return float(np.median(np.diff(self.times)))

    @property
    def seconds(self) -> float:
        """Its whole length."""
        return float(self.times[-1] + (self.times[-1] - self.times[-2]))

    def label(self, seconds: float) -> str:
        """The time of day, or hours since the begin where the trace is not dated."""
        if self.is_dated:
            return f"{datetime.fromtimestamp(self.begin + seconds, UTC):%H:%M:%S}"
        whole = int(seconds)
        return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"

    def cumulative(self) -> tuple[Ratios, Ratios]:
        """Times, and the requests that have arrived until then: in between it is linear."""
        edges = np.append(self.times, self.seconds)
        return edges, np.concatenate([[0.0], np.cumsum(self.rates * np.diff(edges))])


def read_trace(path: Path) -> Trace:
    """From a CSV file.

    Raises:
        SettingsError: it cannot be read, or is no load; names file, line and value.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse(str(path), csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path}: cannot be read as CSV: {error}") from error


def _parse(name: str, rows: Iterable[list[str]]) -> Trace:
    lines = [(number, row) for number, row in enumerate(rows, start=1) if any(row)]
    if not lines:
        raise SettingsError(f"{name}: is empty; {FORM}")
    number, header = lines[0]
    if tuple(cell.strip().lower() for cell in header) != HEADER:
        raise SettingsError(f"{name}, line {number}: the header is {','.join(header)!r}; {FORM}")
    points = [_point(f"{name}, line {number}", row) for number, row in lines[1:]]
    is_dated = any(is_date for _, _, is_date in points)
    numbers = [number for number, _ in lines[1:]]
    return make_trace(
        [(time, rate) for time, rate, _ in points],
        [f"{name}, line {number}" for number in numbers],
        is_dated=is_dated,
        name=name,
    )


def _point(place: str, row: list[str]) -> tuple[float, float, bool]:
    if len(row) != 2:
        raise SettingsError(f"{place}: {len(row)} values where a time and a rate are expected")
    time, is_date = _time(place, row[0].strip())
    try:
        rate = float(row[1])
    except ValueError:
        raise SettingsError(f"{place}: the rate is {row[1]!r}, which is no number") from None
    return time, rate, is_date


def _time(place: str, text: str) -> tuple[float, bool]:
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise SettingsError(
                f"{place}: the time is {text!r}; RFC 3339 or seconds are expected"
            ) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), True
    if abs(seconds) >= MILLISECONDS_FROM:
        raise SettingsError(
            f"{place}: the time is {text}, which looks like milliseconds; seconds are expected"
        )
    return seconds, seconds > 1e9


def make_trace(
    points: list[tuple[float, float]], places: list[str], *, is_dated: bool, name: str
) -> Trace:
    """From times and rates; `places` name each point in a message.

    Raises:
        SettingsError: they are no load: out of order, with gaps, negative or too short.
    """
    for place, (time, rate) in zip(places, points, strict=True):
        if not math.isfinite(time):
            raise SettingsError(f"{place}: the time is {time}")
        if not math.isfinite(rate):
            raise SettingsError(f"{place}: the rate is {rate}; fill it in or leave the time out")
        if rate < 0:
            raise SettingsError(
                f"{place}: the rate is {rate:g}; requests per second are at least 0"
            )
    if len(points) < 2:
        raise SettingsError(f"{name}: has {len(points)} points; at least two are needed")
    times = np.array([time for time, _ in points])
    _check_order(times, places)
    trace = Trace(times - times[0], np.array([rate for _, rate in points]), times[0], is_dated)
    _check_gaps(trace, places)
    if trace.seconds < SHORTEST_SECONDS:
        raise SettingsError(
            f"{name}: lasts {trace.seconds:g} s; an autoscaler needs at least "
            f"{SHORTEST_SECONDS:g} s to be seen at work. Are the times in another unit?"
        )
    if not trace.rates.any():
        raise SettingsError(f"{name}: every rate is 0: there is no load to replay")
    return trace


def _check_order(times: Ratios, places: list[str]) -> None:
    late = np.flatnonzero(np.diff(times) <= 0)
    if late.size:
        first = int(late[0]) + 1
        word = "the same as" if times[first] == times[first - 1] else "before"
        raise SettingsError(
            f"{places[first]}: the time {times[first]:.15g} is {word} {times[first - 1]:.15g} of "
            "the point before; times must ascend"
        )


def _check_gaps(trace: Trace, places: list[str]) -> None:
    steps = np.diff(trace.times)
    wide = np.flatnonzero(steps > GAP * trace.interval)
    if wide.size:
        first = int(wide[0])
        raise SettingsError(
            f"{places[first + 1]}: {steps[first]:g} s after the point before, where the others are "
            f"{trace.interval:g} s apart: a gap, and nobody knows the load in it. Fill it in, or "
            "replay the parts before and after"
        )


def check_against(trace: Trace, name: str, *, knee: float, most_pods: int) -> None:
    """A load that is far from what the pods could carry is in another unit.

    Raises:
        SettingsError: it is; says what it may be.
    """
    peak = float(trace.rates.max())
    needed = peak / knee
    rises = np.diff(trace.rates)
    if len(trace.rates) >= 30 and (rises >= 0).all() and rises.mean() > 0 and needed > most_pods:
        raise SettingsError(
            f"{name}: never falls in {len(trace.rates)} points and ends at {peak:g}: this looks "
            "like a counter, not like requests per second; take its rate()"
        )
    if needed > 20 * most_pods:
        raise SettingsError(
            f"{name}: the peak of {peak:g} requests/s needs {needed:,.0f} pods of {knee:g} "
            f"requests/s, where maxReplicas is {most_pods}: is it in requests per minute or hour?"
        )
    if needed < 0.001:
        raise SettingsError(
            f"{name}: the peak of {peak:g} requests/s is {needed:.2g} of one pod's {knee:g}: is "
            "it in thousands or millions of requests per second?"
        )
