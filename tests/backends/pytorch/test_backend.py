from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from longshore.errors import InferenceFailed, ModelLoadError
from longshore.tensors import Datatype, TensorSpec
from tests.backends.conftest import Place, load


class Two(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"double": x * 2, "sum": x.sum()}


def exported() -> bytes:
    buffer = io.BytesIO()
    shapes = {"x": {0: torch.export.Dim("batch")}}
    program = torch.export.export(Two(), (torch.ones(2, 3),), dynamic_shapes=shapes)
    torch.export.save(program, buffer)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_exported_program_says_its_signature_and_takes_read_only_arrays(place: Place) -> None:
    backend = load(place(exported(), "model.pt2"))
    assert backend.signature.inputs == (TensorSpec("x", Datatype.FP32, (-1, 3)),)
    assert backend.signature.outputs == (
        TensorSpec("double", Datatype.FP32, (-1, 3)),
        TensorSpec("sum", Datatype.FP32, ()),
    )
    array = np.ones((4, 3), np.float32)
    array.flags.writeable = False
    outputs = backend.execute({"x": array}, ("sum", "double"))
    assert outputs["sum"] == 12
    assert outputs["sum"].shape == ()
    np.testing.assert_array_equal(outputs["double"], array * 2)
    with pytest.raises(InferenceFailed, match="torch: "):
        backend.execute({"x": np.ones((4, 2), np.float32)}, ("sum",))


@pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning")
def test_torchscript_without_a_forward_is_refused(place: Place) -> None:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.LSTM(2, 2)), buffer)
    with pytest.raises(ModelLoadError, match="the module has no `forward`, which is what is"):
        load(place(buffer.getvalue(), "model.pt"))


@pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning")
def test_torchscript_without_a_config_is_refused(place: Place) -> None:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), buffer)
    with pytest.raises(ModelLoadError, match=r"model\.pt: config\.yaml: input: missing"):
        load(place(buffer.getvalue(), "model.pt"))
