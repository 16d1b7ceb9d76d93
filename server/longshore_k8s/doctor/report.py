"""What an examination is printed as."""

from __future__ import annotations

import json
from collections.abc import Iterator

from longshore_k8s.api import Json
from longshore_k8s.doctor.chain import Reading
from longshore_k8s.doctor.chain_text import shown
from longshore_k8s.doctor.examination import Examination

PAGES = "docs/doctor"


def to_text(found: Examination) -> str:
    return "\n".join(_lines(found)) + "\n"


def to_json(found: Examination) -> str:
    document = {
        "verdict": found.verdict.name.lower(),
        "broken": [
            {
                "code": rule.code,
                "category": rule.category,
                "cause": finding.cause,
                "fix": finding.fix,
                "proof": list(finding.proof),
                "page": f"{PAGES}/{rule.code}.md",
            }
            for rule, finding in found.broken
        ],
        "unknown": [
            {"code": rule.code, "category": rule.category, "missing": right}
            for rule, right in found.unknown
        ],
        "sound": found.sound,
        "not_asked": found.not_asked,
        "autoscaler": [_reading(one) for one in found.chain],
        "notes": list(found.notes),
    }
    return json.dumps(document, indent=1) + "\n"


def _reading(reading: Reading) -> Json:
    places = {
        "exported": reading.exported,
        "prometheus": reading.stored,
        "metrics_api": reading.answered,
    }
    return {
        "metric": reading.metric.name,
        "target": reading.metric.target,
        "series": reading.series,
        **{name: {"values": one.values, "unknown": one.unknown} for name, one in places.items()},
        "seen": reading.metric.seen,
        "count": reading.count,
        "asks": reading.asks,
        "would_ask": reading.would_ask,
    }


def _lines(found: Examination) -> Iterator[str]:
    for rule, finding in found.broken:
        yield f"x {rule.code} {rule.category}: {finding.cause}"
        yield f"  fix: {finding.fix}"
        yield from (f"  proof: {line}" for line in finding.proof if line)
        yield f"  page: {PAGES}/{rule.code}.md"
    for right in dict.fromkeys(right for _, right in found.unknown):
        codes = ", ".join(rule.code for rule, missing in found.unknown if missing == right)
        yield f"? {codes}: could not be told without the right to {right}"
    yield from (f"  {line}" for reading in found.chain for line in shown(reading))
    yield from (f"  {note}" for note in found.notes)
    yield _summary(found)


def _summary(found: Examination) -> str:
    parts = [f"{found.sound} links sound"]
    parts += [f"{len(found.broken)} broken"] if found.broken else []
    parts += [f"{len(found.unknown)} unknown"] if found.unknown else []
    parts += [f"{found.not_asked} behind it not asked"] if found.not_asked else []
    return ", ".join(parts)
