"""The three forms of a model are one model; needs no GPU."""

from __future__ import annotations

import numpy as np
import pytest

from loadtests.bench.models import MODELS
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.repository.layout import ModelRepository
from tests.gpu.forms import FORMS, form_directory, random_batch

pytestmark = pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning", "ignore::FutureWarning")


def test_the_encoder_gives_the_same_answers_in_every_form(tmp_path):
    batch = random_batch(MODELS["encoder"], 3)
    answers = {}
    for form in FORMS:
        repository = ModelRepository(form_directory("encoder", form, tmp_path), settle_seconds=0)
        (artifact,) = repository.scan().artifacts
        options = LoadOptions(cpus=1, max_batch_size=3, calibration_budget_seconds=5)
        loaded = load_model(artifact, repository.config(), options)
        assert loaded.plan.is_batched, loaded.plan.notes
        answers[form] = loaded.backends[0].execute({"x": batch}, ("y",))["y"]

    scale = np.abs(answers["onnx"]).max()
    for form in FORMS:
        assert np.abs(answers[form] - answers["onnx"]).max() < 1e-4 * scale, form
