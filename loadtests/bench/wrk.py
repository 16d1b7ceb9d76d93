"""wrk (https://github.com/wg/wrk) as the client: a client in Python would measure itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.payloads import Payload

MARK = "longshore-bench "
ANSWER_TIMEOUT_SECONDS = 30

REPORT = """
function done(summary, latency, requests)
  io.write(string.format(
    '\\n%s{"requests":%%d,"microseconds":%%d,"p50_us":%%d,"p99_us":%%d,"connect":%%d,'
    .. '"read":%%d,"write":%%d,"status":%%d,"timeout":%%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect, summary.errors.read, summary.errors.write,
    summary.errors.status, summary.errors.timeout))
end
"""


class WrkError(Exception):
    """wrk is missing, or did not report."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    requests_per_second: float
    """Answers that were 2xx or 3xx."""
    p50_ms: float
    p99_ms: float
    errors: int
    """Other statuses, broken connections and timeouts."""
    requests: int


def require_wrk() -> str:
    """The path of wrk.

    Raises:
        WrkError: it is not installed; says how to get it.
    """
    path = shutil.which("wrk")
    if path is None:
        raise WrkError("wrk is not installed: `apt-get install wrk` (Debian and Ubuntu)")
    return path


def write_script(path: Path, payload: Payload) -> Path:
    """A Lua script that sends `payload` over and over and reports as JSON; the body lies beside
    it, because Lua has no literal for arbitrary bytes.
    """
    body = path.with_suffix(".body")
    body.write_bytes(payload.body)
    headers = "".join(
        f"wrk.headers[{_lua(name)}] = {_lua(value)}\n" for name, value in payload.headers.items()
    )
    path.write_text(
        'wrk.method = "POST"\n'
        f'local file = assert(io.open({_lua(str(body))}, "rb"))\n'
        'wrk.body = file:read("*a")\n'
        f"file:close()\n{headers}{REPORT % MARK}"
    )
    return path


def run(url: str, script: Path, *, connections: int, seconds: float) -> LoadResult:
    """Closed load: every connection asks again as soon as it is answered.

    Raises:
        WrkError: wrk failed.
    """
    command = [
        require_wrk(), "--threads", "1", "--connections", str(connections), "--duration",
        f"{max(1, round(seconds))}s", "--timeout", f"{ANSWER_TIMEOUT_SECONDS}s", "--script",
        str(script), url,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise WrkError(f"wrk ended with {done.returncode}: {done.stderr.strip()}")
    return parse(done.stdout)


def parse(output: str) -> LoadResult:
    """The result from the line that the script printed.

    Raises:
        WrkError: there is none.
    """
    for line in output.splitlines():
        if line.startswith(MARK):
            return _result(json.loads(line.removeprefix(MARK)))
    raise WrkError(f"no report in the output of wrk: {output[:400]!r}")


def _result(report: dict[str, int]) -> LoadResult:
    errors = sum(report[kind] for kind in ("connect", "read", "write", "status", "timeout"))
    answered = report["requests"] - report["status"]
    return LoadResult(
        requests_per_second=answered / (report["microseconds"] / 1e6),
        p50_ms=report["p50_us"] / 1000,
        p99_ms=report["p99_us"] / 1000,
        errors=errors,
        requests=report["requests"],
    )


def _lua(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
