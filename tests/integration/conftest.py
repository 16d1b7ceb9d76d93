"""Real server processes, shared where nothing changes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.served_process import ServedProcess, identity_model

MODELS = Path(__file__).parents[2] / "models"
EVERY_DATATYPE = """\
input:
""" + "".join(
    f"  - {{name: INPUT_{name}, data_type: TYPE_{name}, dims: [-1, 2]}}\n"
    for name in (
        "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
        "FP16", "FP32", "FP64", "STRING",
    )
)  # fmt: skip


@pytest.fixture(scope="session")
def digits() -> Iterator[ServedProcess]:
    with ServedProcess(MODELS / "digits") as server:
        yield server


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """Gives back rows of four FP32, and takes bodies of at most 100,000 bytes."""
    model = identity_model(tmp_path_factory.mktemp("models"))
    options = {
        "max_body_bytes": 100_000,
        "max_header_bytes": 8192,
        "header_timeout_seconds": 1,
        "body_timeout_seconds": 1,
        "version_settle_seconds": 0,
    }
    with ServedProcess(model, **options) as server:
        yield server


@pytest.fixture(scope="session")
def every_datatype(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """One input and one output of each of the thirteen datatypes."""
    directory = tmp_path_factory.mktemp("models") / "types" / "1"
    directory.mkdir(parents=True)
    (directory / "model.identity").write_text(EVERY_DATATYPE)
    with ServedProcess(directory.parent, version_settle_seconds=0) as server:
        yield server
