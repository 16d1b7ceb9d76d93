from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from longshore.backends.base import Backend
from longshore.repository.layout import ModelRepository
from tests.backends.conftest import load

MODELS = Path(__file__).parents[2] / "models"


def open_model(name: str) -> tuple[Backend, float]:
    repository = ModelRepository(MODELS / name, settle_seconds=0)
    config = repository.config()
    return load(repository.scan().artifacts[0], config), float(
        config.parameters["held_out_accuracy"]
    )


@pytest.mark.parametrize("name", ["digits", "digits-torchscript", "digits-pt2"])
def test_each_format_reaches_the_recorded_accuracy(name: str) -> None:
    digits = load_digits()
    scans = (digits.images / 16.0).astype(np.float32)[:, np.newaxis]
    _, held_out, _, labels = train_test_split(
        scans, digits.target, test_size=0.2, random_state=7, stratify=digits.target
    )
    backend, recorded = open_model(name)
    logits = backend.execute({"image": held_out}, ("logits",))["logits"]
    assert recorded >= 0.97
    assert (logits.argmax(axis=1) == labels).mean() == pytest.approx(recorded, abs=5e-5)


def test_the_three_formats_agree() -> None:
    image = np.random.default_rng(3).random((5, 1, 8, 8), dtype=np.float32)
    answers = [
        open_model(name)[0].execute({"image": image}, ("logits",))["logits"]
        for name in ("digits", "digits-torchscript", "digits-pt2")
    ]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=1e-4, atol=1e-5)
