"""Each guide of `docs/guides`, followed from its own text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guides.document import Command, steps
from tests.guides.reader import Reader, is_install, missing

FOLDER = Path(__file__).parents[2] / "docs/guides"
SLOW = {"from-torchserve", "hugging-face", "pytorch"}
"""They load torch several times: 15 s and more."""
GUIDES = [
    pytest.param(path, marks=[pytest.mark.guides] if path.stem in SLOW else [], id=path.stem)
    for path in sorted(FOLDER.glob("*.md"))
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_does_what_it_says(guide: Path, tmp_path: Path) -> None:
    found = list(steps(guide.read_text(encoding="utf-8")))
    commands = [step for step in found if isinstance(step, Command)]
    assert commands
    lacking = [name for command in commands if is_install(command) for name in missing(command)]
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}: make test-guides")

    with Reader(tmp_path) as reader:
        for step in found:
            reader.follow(step)
