from __future__ import annotations

import numpy as np
import pytest

from longshore.backends.devices.selection import resolve_device
from longshore.errors import InferenceFailed, ModelConfigError, ModelLoadError
from longshore.repository.layout import ArtifactFormat
from longshore.repository.model_config import ModelConfig
from tests.backends.conftest import Place, load


def test_an_empty_file_has_one_input_and_one_output(place: Place) -> None:
    backend = load(place(b"", "model.identity"))
    array = np.ones((2, 3), np.float32)
    assert backend.execute({"INPUT0": array}, ("OUTPUT0",))["OUTPUT0"] is array


def test_it_fails_on_the_value_named(place: Place) -> None:
    backend = load(place(b"fail_when: 13", "model.identity"))
    with pytest.raises(InferenceFailed, match="input 'INPUT0' holds 13"):
        backend.execute({"INPUT0": np.full((1, 1), 13, np.float32)}, ("OUTPUT0",))


def test_a_mistake_names_the_file_and_the_key(place: Place) -> None:
    with pytest.raises(ModelLoadError, match=r"model\.identity: .*delay_seconds: found -1"):
        load(place(b"delay_seconds: -1", "model.identity"))


def test_a_backend_that_does_not_load_the_format_is_refused(place: Place) -> None:
    with pytest.raises(ModelConfigError, match=r"found 'pytorch', allowed .*: identity"):
        load(place(b"", "model.identity"), ModelConfig(backend="pytorch"))


def test_auto_becomes_the_cpu_and_cuda_never_does() -> None:
    assert str(resolve_device("auto", format=ArtifactFormat.IDENTITY)) == "cpu"
    with pytest.raises(ModelLoadError, match="cuda:1 was asked for"):
        resolve_device("cuda:1", format=ArtifactFormat.IDENTITY)
    with pytest.raises(ModelLoadError, match="allowed: auto, cpu, cuda"):
        resolve_device("gpu", format=ArtifactFormat.IDENTITY)
