"""wrk as the generator of both loads, closed and open, at the same price for a request.

A closed load asks again at once. An open load has a timetable: a connection that is free takes the
next departure of it and waits until then, so arrivals depend on no answer while connections are
left. Departures that are late (every connection waits for an answer) are made up for.

wrk runs the Lua function `delay` before each request of a connection, for its milliseconds
(https://github.com/wg/wrk/blob/4.1.0/SCRIPTING). Both loads use it, and it counts the answers, so
that ramp-up and the answers that are cut off at the end are not in a rate.
"""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench import wrk
from loadtests.bench.payloads import Payload

SEED = 5
MARK = "longshore-pace "

PACE = """
local ffi = require("ffi")
ffi.cdef[[
typedef struct {{ long seconds, nanoseconds; }} longshore_time;
int clock_gettime(int clock, longshore_time *time);
]]
local MONOTONIC, WARM_UP, RATE, POISSON = 1, {warm_up}, {rate}, {poisson}
local time = ffi.new("longshore_time")
local started, departure
math.randomseed({seed})
first, last, answers, late = 0, 0, 0, 0

local function now()
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local function next_departure(at)
  departure = (departure or at) + (POISSON and -math.log(1 - math.random()) or 1) / RATE
  return math.max(0, departure - at)
end

function delay()
  local at = now()
  if not started then started, first = at, at end
  if at < started + WARM_UP then
    first = at
  else
    answers, last = answers + 1, at
  end
  if RATE == 0 then return 0 end
  local wait = next_departure(at)
  if wait == 0 then late = late + 1 end
  return wait * 1000
end

local threads = {{}}
function setup(thread) table.insert(threads, thread) end

local report = done
function done(summary, latency, requests)
  report(summary, latency, requests)
  local thread = threads[1]
  io.write(string.format('%s{{"first":%.6f,"last":%.6f,"answers":%d,"late":%d}}\\n', "{mark}",
    thread:get("first"), thread:get("last"), thread:get("answers"), thread:get("late")))
end
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How requests leave: without a rate, as fast as they are answered."""

    connections: int
    seconds: float
    """At most, after `warm_up_seconds`."""
    warm_up_seconds: float
    rate: float = 0.0
    """Requests per second; 0 is a closed load."""
    is_poisson: bool = False
    """Gaps as of a Poisson process of a fixed seed, else all equal."""


@dataclass(frozen=True, slots=True)
class Paced:
    """What the generator saw."""

    rate: float
    """Answers per second within the window, whatever their status."""
    p50_ms: float
    """Of the whole run, warm-up included."""
    errors: int
    late: int
    """Departures without a free connection."""


def write_script(path: Path, payload: Payload, pace: Pace) -> Path:
    """The bench's script for `payload`, with the timetable of `pace`."""
    wrk.write_script(path, payload)
    timetable = PACE.format(
        warm_up=pace.warm_up_seconds, rate=pace.rate, poisson=str(pace.is_poisson).lower(),
        seed=SEED, mark=MARK,
    )  # fmt: skip
    path.write_text(path.read_text() + timetable)
    return path


def start(url: str, script: Path, pace: Pace) -> subprocess.Popen[str]:
    """wrk under way, for its warm-up and its window."""
    command = [
        wrk.require_wrk(), "--threads", "1", "--connections", str(pace.connections),
        "--duration", f"{round(pace.warm_up_seconds + pace.seconds)}s",
        "--timeout", f"{wrk.ANSWER_TIMEOUT_SECONDS}s", "--script", str(script), url,
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> Paced:
    """End wrk where it still runs, and read what it reports.

    Raises:
        WrkError: wrk failed.
    """
    process.send_signal(signal.SIGINT)
    output, error = process.communicate()
    if process.returncode:
        raise wrk.WrkError(f"wrk ended with {process.returncode}: {error.strip()}")
    return parse(output)


def parse(output: str) -> Paced:
    """From both reports of the script.

    Raises:
        WrkError: there is none.
    """
    total = wrk.parse(output)
    line = next(line for line in output.splitlines() if line.startswith(MARK))
    count = json.loads(line.removeprefix(MARK))
    seconds = count["last"] - count["first"]
    rate = count["answers"] / seconds if seconds > 0 else 0.0
    return Paced(rate, total.p50_ms, total.errors, count["late"])
