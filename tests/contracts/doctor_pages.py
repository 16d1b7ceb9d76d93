"""The pages of `docs/doctor`: one for each link that `longshore doctor` asks, from its rule."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from longshore_k8s.doctor.links import LINKS
from longshore_k8s.doctor.rule import Rule

PAGES = Path(__file__).parents[2] / "docs/doctor"
WIDTH = 100
INTRODUCTION = """\
# What `longshore doctor` finds

```console
$ pip install '.[k8s]'
$ longshore doctor RELEASE -n NAMESPACE              # of what is installed
$ longshore doctor RELEASE -n NAMESPACE -f values.yaml --chart chart   # before an install
$ longshore doctor RELEASE -n NAMESPACE --capacity capacity.yaml   # beside a measurement
```

The links are asked in this order, and the first that is broken is named with its cause, its fix
and what proves it; `--all` goes on behind it. A code stays with its link. The command asks with the
rights of whoever runs it, lists each kind of object once, and changes nothing. What it may not look
at is unknown, never guessed at.

Of a sound release it says what each metric of the autoscaler is at every place on its way: what the
pods export, what Prometheus has, what the metrics API answers, what the autoscaler saw, and the
count that follows by the controller's arithmetic, with what keeps the count from it: a bound, a
policy, or a stabilization window and the moment when it ends. Prometheus is asked through the API
server; it is the one that KEDA's triggers name, or that the operator runs, or `--prometheus
NAMESPACE/SERVICE:PORT`.

| exit code | meaning |
|---|---|
| 0 | every link is sound |
| 1 | a link is broken |
| 2 | a mistake in its use: no such release, no kubeconfig, values that the chart refuses (LS02) |
| 3 | could not tell: the right that is missing is named, or no cluster answers |

| code | link when it is sound | category |
|---|---|---|
"""


def doctor_pages() -> dict[Path, str]:
    """Every page by its path."""
    rows = "".join(
        f"| [{rule.code}]({rule.code}.md) | {rule.title} | {rule.category} |\n" for rule in LINKS
    )
    pages = {PAGES / f"{rule.code}.md": _page(rule) for rule in LINKS}
    return {PAGES / "README.md": INTRODUCTION + rows, **pages}


def _page(rule: Rule) -> str:
    parts = (
        f"# {rule.code}: {rule.title}",
        fill(rule.meaning, WIDTH),
        fill(f"**Judged by.** {rule.evidence}", WIDTH),
        fill(f"**Mended by.** {rule.remedy}", WIDTH),
        "[All links](README.md)",
    )
    return "\n\n".join(parts) + "\n"
