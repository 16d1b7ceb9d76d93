"""Where no GPU can be used, its tests are skipped with the reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from longshore.backends.devices.selection import resolve_device
from longshore.errors import ModelLoadError
from longshore.repository.layout import ArtifactFormat
from tests.gpu.forms import form_directory


@pytest.fixture(scope="session")
def on_gpu() -> Callable[[str, str], Path]:
    """The directory of a model in a form, once its framework was found to have a GPU."""

    def directory(model: str, form: str) -> Path:
        try:
            resolve_device("cuda", format=ArtifactFormat(form), environ=dict(os.environ))
        except ModelLoadError as error:
            pytest.skip(str(error))
        return form_directory(model, form)

    return directory
