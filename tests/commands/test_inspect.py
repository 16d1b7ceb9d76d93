"""`longshore inspect` says of a version what `serve` would find."""

from __future__ import annotations

import hashlib

import pytest

from longshore.cli import main
from longshore.repository.integrity import write_manifest
from tests.loading.startup_models import FAILS_ALWAYS, WORKS_ON_MAGIC

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def inspect(tmp_path, capsys):
    """The exit code and what is printed of a model with this one version."""

    def inspect(version, config: str | None = None) -> tuple[int, str]:
        (tmp_path / "1").mkdir(exist_ok=True)
        (tmp_path / "1" / version.file).write_bytes(version.content())
        (tmp_path / "config.yaml").write_text(version.config if config is None else config)
        code = main(["inspect", str(tmp_path)])
        return code, capsys.readouterr().out

    return inspect


@pytest.mark.parametrize("version", FAILS_ALWAYS.values(), ids=FAILS_ALWAYS)
def test_a_version_that_fails_on_every_input_is_not_served(inspect, version):
    code, printed = inspect(version)

    assert code == 1
    assert "version 1 is not served: " in printed


@pytest.mark.parametrize("version", WORKS_ON_MAGIC.values(), ids=WORKS_ON_MAGIC)
def test_a_version_that_takes_no_guessed_input_is_served_where_no_other_is(inspect, version):
    code, printed = inspect(version)

    assert code == 0
    assert "  takes no other version's place: no sample input works: " in printed


def test_one_version_is_looked_at_alone_and_its_manifest_compared(tmp_path, capsys):
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "model.identity").write_text("")
    (tmp_path / "2" / "model.identity").write_text("nothing: [known")
    write_manifest(tmp_path / "1")
    digest = hashlib.sha256((tmp_path / "1" / "manifest.json").read_bytes()).hexdigest()

    assert main(["inspect", str(tmp_path), "--version=1", f"--digest={digest}"]) == 0
    assert "version 1: model.identity" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path), "--version=2"]) == 1
    assert main(["inspect", str(tmp_path), "--version=3"]) == 1
    assert main(["inspect", str(tmp_path), "--version=1", f"--digest={'0' * 64}"]) == 1
    assert f"its manifest.json has the digest {digest}" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path), "--version=2", f"--digest={digest}"]) == 1
    assert main(["inspect", str(tmp_path), f"--digest={digest}"]) == 2
    (tmp_path / "1" / "model.identity").write_text("delay_seconds: 0.1")
    assert main(["inspect", str(tmp_path), "--version=1", f"--digest={digest}"]) == 1


def test_a_vouched_version_needs_no_word_more(inspect):
    code, printed = inspect(WORKS_ON_MAGIC["identity"], "parameters: {startup: vouched}")

    assert code == 0
    assert "no sample input works" not in printed
