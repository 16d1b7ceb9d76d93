"""The whole of every example, as it renders: `make render` renews them, a test compares."""

from __future__ import annotations

from pathlib import Path

from tests.chart import rendering

GOLDEN = Path(__file__).parent / "golden"


def golden_path(values: Path) -> Path:
    return GOLDEN / values.name.replace("-values.yaml", ".yaml")


def golden_text(values: Path) -> str:
    """Every template's output under a line with its name; the notes as comments, so that the whole
    is a manifest.
    """
    printed = rendering.render_text(rendering.ci_values(values))
    printed["NOTES.txt"] = "\n".join(f"# {line}" for line in printed["NOTES.txt"].splitlines())
    parts = [f"# {path}\n{text.strip()}\n" for path, text in printed.items() if text.strip()]
    lines = "\n---\n".join(parts).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    for values in rendering.CI_VALUES:
        golden_path(values).write_text(golden_text(values), encoding="utf-8")
