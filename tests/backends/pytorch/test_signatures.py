"""What torch files say of their tensors, what the config has to add, and what cannot be served."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch

from longshore.backends.base import Backend
from longshore.errors import InferenceFailed, InvalidRequest, ModelLoadError
from longshore.repository.model_config import ModelConfig, ModelInput, ModelOutput
from longshore.tensors import Datatype
from tests.backends.conftest import Place, load

pytestmark = pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning", "ignore::FutureWarning")
ROW = np.array([[1.0, 2.0]], np.float32)


class Sum(torch.nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left + 10 * right


class Pair(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x * 2


class Named(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"double": x * 2}


class Number(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> int:
        return x.size(0)


class Complex(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.complex(x, x)


class Words(torch.nn.Module):
    """Rows of a table of four, by index."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(4, 2)

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        return self.table(index)


def config(inputs: list[str], outputs: list[str], datatype: Datatype = Datatype.FP32) -> Any:
    return ModelConfig(
        max_batch_size=8,
        input=tuple(ModelInput(name, datatype, (2,)) for name in inputs),
        output=tuple(ModelOutput(name, datatype, (2,)) for name in outputs),
    )


def scripted(place: Place, module: torch.nn.Module, **options: Any) -> Backend:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer)
    return load(place(buffer.getvalue(), "model.pt"), config(**options))


def exported(
    place: Place,
    module: torch.nn.Module,
    model: ModelConfig | None = None,
    *,
    example: torch.Tensor | None = None,
) -> Backend:
    buffer = io.BytesIO()
    arguments = (torch.ones(1, 2) if example is None else example,)
    torch.export.save(torch.export.export(module, arguments), buffer)
    return load(place(buffer.getvalue(), "model.pt2"), model)


@pytest.mark.parametrize("names", [("left", "right"), ("INPUT__0", "INPUT__1")])
def test_torchscript_inputs_go_by_the_names_of_its_arguments_or_by_tritons_index(place, names):
    for first, second in (names, names[::-1]):
        backend = scripted(place, Sum(), inputs=[first, second], outputs=["y"])
        inputs = {names[0]: ROW, names[1]: np.ones_like(ROW)}

        assert backend.execute(inputs, ("y",))["y"].tolist() == [[11.0, 12.0]]


def test_a_torchscript_input_that_is_no_argument_is_refused_with_those_that_are(place):
    with pytest.raises(ModelLoadError, match="input: found 'middle', allowed: left, right"):
        scripted(place, Sum(), inputs=["left", "middle"], outputs=["y"])


def test_torch_has_no_text(place):
    with pytest.raises(ModelLoadError, match="'left' is BYTES, and torch has no text tensors"):
        scripted(place, Sum(), inputs=["left", "right"], outputs=["y"], datatype=Datatype.BYTES)


def test_several_outputs_are_named_in_their_order(place):
    backend = scripted(place, Pair(), inputs=["x"], outputs=["same", "double"])

    outputs = backend.execute({"x": ROW}, ("double", "same"))
    assert {name: array.tolist() for name, array in outputs.items()} == {
        "double": [[2.0, 4.0]],
        "same": [[1.0, 2.0]],
    }


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Pair(), "the model returned 2 tensors, its signature has 1"),
        (Named(), "the model returned no 'y', but double"),
        (Number(), "the model returned int where a tensor belongs"),
    ],
)
def test_answers_that_do_not_fit_the_config_are_the_models_fault_in_words(place, module, message):
    backend = scripted(place, module, inputs=["x"], outputs=["y"])

    with pytest.raises(InferenceFailed, match=message):
        backend.execute({"x": ROW}, ("y",))


def test_an_exported_program_without_names_numbers_its_outputs_as_triton_does(place):
    backend = exported(place, Pair())

    assert backend.signature.output_names == ("OUTPUT__0", "OUTPUT__1")


def test_an_exported_program_takes_its_output_names_from_the_config(place):
    assert exported(place, Pair(), config([], ["a", "b"])).signature.output_names == ("a", "b")


def test_as_many_outputs_as_the_program_has_must_be_named(place):
    with pytest.raises(ModelLoadError, match=r"config\.yaml: output has 1, the model 2"):
        exported(place, Pair(), config([], ["only"]))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Complex(), r"torch\.complex64, which the protocol cannot carry"),
        (Number(), "is not a tensor, and only plain tensors can be served"),
    ],
)
def test_what_the_protocol_cannot_carry_is_refused_at_load(place, module, message):
    with pytest.raises(ModelLoadError, match=message):
        exported(place, module)


def test_a_failing_model_is_told_of_without_a_trace_into_its_source(place):
    backend = scripted(place, Sum(), inputs=["left", "right"], outputs=["y"])

    with pytest.raises(
        InferenceFailed, match=r"^torch: RuntimeError: The size of tensor"
    ) as raised:
        backend.execute({"left": ROW, "right": np.ones((1, 3), np.float32)}, ("y",))
    assert ".py" not in str(raised.value)


@pytest.mark.parametrize("is_scripted", [True, False])
def test_an_index_beyond_the_table_is_the_clients_mistake(place, is_scripted):
    if is_scripted:
        backend = scripted(place, Words(), inputs=["index"], outputs=["y"], datatype=Datatype.INT64)
    else:
        names = ModelConfig(output=(ModelOutput("y", Datatype.FP32, (-1,)),))
        backend = exported(place, Words(), names, example=torch.tensor([[0, 1]]))

    assert backend.execute({"index": np.array([[0, 3]])}, ("y",))["y"].shape == (1, 2, 2)
    with pytest.raises(InvalidRequest, match=r"refuses its inputs: .*out of range") as raised:
        backend.execute({"index": np.array([[0, 4]])}, ("y",))
    assert ".py" not in str(raised.value)
