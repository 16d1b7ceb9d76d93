"""The process that renders the chart: a line of JSON in, a line of JSON out, until stdin ends.

`python -m longshore_k8s.controller.render_worker CHART`. Helm's engine is 85 MB of Go in a library:
in a process of its own its memory goes when it is not needed, and neither a panic nor its threads
are the controller's.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import helm_python
import yaml

_AT = re.compile(r"^.*execution error at \([^)]*\):\s*", re.DOTALL)
_SCHEMA = re.compile(r"^.*?don't meet the specifications of the schema[^\n]*\n[\w-]+:\n", re.DOTALL)


def main() -> None:
    chart = helm_python.Chart.load(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(chart, json.loads(line))), flush=True)


def answer(chart: helm_python.Chart, asked: dict[str, Any]) -> dict[str, Any]:
    """`{"objects": [...]}`, or `{"refused": SENTENCE}` where schema or templates refuse."""
    try:
        printed = chart.render(asked["values"], name=asked["name"], namespace=asked["namespace"])
    except (helm_python.HelmValuesError, helm_python.HelmRenderError) as error:
        return {"refused": sentence(str(error))}
    texts = [text for path, text in sorted(printed.items()) if not path.endswith("NOTES.txt")]
    documents = [one for text in texts for one in yaml.load_all(text, Loader=yaml.CSafeLoader)]
    return {"objects": [document for document in documents if document]}


def sentence(message: str) -> str:
    """What the chart itself says, without where in its templates, on one line."""
    said = _SCHEMA.sub("", _AT.sub("", message))
    lines = (line.strip().removeprefix("- ") for line in said.splitlines())
    return "; ".join(line for line in lines if line)


if __name__ == "__main__":
    main()
