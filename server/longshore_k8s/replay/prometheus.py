"""A trace from a Prometheus: a range query over HTTP."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from longshore.errors import SettingsError
from longshore_k8s.replay.trace import Trace, make_trace

STEP_SECONDS = 15
TIMEOUT_SECONDS = 60
MOST_POINTS = 11_000
"""Prometheus refuses more for one series."""


def query_range(url: str, query: str, *, hours: float, end: float | None = None) -> Trace:
    """The result of `query`, one series of requests per second, until `end` (now).

    Raises:
        SettingsError: Prometheus does not answer, or with anything but one series without gaps.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise SettingsError(f"--from-prometheus: {url!r} is no http or https address")
    until = time.time() if end is None else end
    step = max(STEP_SECONDS, -(-int(hours * 3600) // MOST_POINTS))
    asked = {"query": query, "start": until - hours * 3600, "end": until, "step": step}
    data = _get(f"{url.rstrip('/')}/api/v1/query_range?{urlencode(asked)}", url)
    return _trace(data, query)


def _get(address: str, url: str) -> dict[str, Any]:
    try:
        with urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
            document = json.load(answer)
    except HTTPError as error:
        said = error.read(2_000).decode("utf-8", "replace")
        raise SettingsError(f"--from-prometheus: {url} answers {error.code}: {said}") from error
    except (URLError, OSError, ValueError) as error:
        raise SettingsError(f"--from-prometheus: {url} cannot be asked: {error}") from error
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise SettingsError(f"--from-prometheus: {url} gives no query result: is it a Prometheus?")
    return data


def _trace(data: dict[str, Any], query: str) -> Trace:
    series = data.get("result", [])
    if data.get("resultType") != "matrix" or len(series) != 1:
        raise SettingsError(
            f"--query: {query!r} gives {len(series)} series; one is needed: sum() them, as in "
            "'sum(rate(longshore_requests_total[1m]))'"
        )
    points = [(float(when), float(value)) for when, value in series[0]["values"]]
    places = [f"--query, at {when:.15g}" for when, _ in points]
    return make_trace(points, places, is_dated=True, name="--query")
