"""Nested arguments and results: served under names that follow their structure, or refused."""

import collections
import io
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from longshore.backends.base import Backend
from longshore.errors import InferenceFailed, ModelLoadError
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.repository.model_config import ModelConfig, ModelInput, ModelOutput
from longshore.tensors import Datatype, TensorSpec
from tests.backends.conftest import Place, load

pytestmark = pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning", "ignore::FutureWarning")
ROW = np.array([[1.0, 2.0]], np.float32)
EXAMPLE = torch.ones(1, 2)


class Tagger(torch.nn.Module):
    def forward(self, x, *, mask=None):
        y = x if mask is None else x * mask
        return {"logits": y + 1, "hidden": (x, y * 2)}


class Nested(torch.nn.Module):
    def forward(self, batch, scale: float = 3.0):
        return collections.OrderedDict(total=batch["x"] * scale + batch["ys"][1])


class Returns(torch.nn.Module):
    """What `result` makes of the input."""

    def __init__(self, result) -> None:
        super().__init__()
        self.result = result

    def forward(self, x):
        return self.result(x)


def pt2(module: torch.nn.Module, *arguments: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(module, arguments or (EXAMPLE,), **options), buffer)
    return buffer.getvalue()


def exported(
    place: Place,
    module: torch.nn.Module,
    *arguments: Any,
    config: ModelConfig | None = None,
    **options: Any,
) -> Backend:
    return load(place(pt2(module, *arguments, **options), "model.pt2"), config)


def run(backend: Backend, **inputs: np.ndarray) -> dict[str, Any]:
    outputs = backend.execute(inputs, backend.signature.output_names)
    return {name: array.tolist() for name, array in outputs.items()}


def test_outputs_are_named_by_their_path_and_an_optional_input_may_be_left_out(place):
    backend = exported(place, Tagger())

    assert backend.signature.inputs == (TensorSpec("x", Datatype.FP32, (1, 2)),)
    assert backend.signature.output_names == ("logits", "hidden.0", "hidden.1")
    assert run(backend, x=ROW) == {
        "logits": [[2.0, 3.0]],
        "hidden.0": [[1.0, 2.0]],
        "hidden.1": [[2.0, 4.0]],
    }


def test_an_input_given_by_keyword_is_one_like_the_others(place):
    backend = exported(place, Tagger(), EXAMPLE, kwargs={"mask": EXAMPLE})

    assert [spec.name for spec in backend.signature.inputs] == ["x", "mask"]
    assert run(backend, x=ROW, mask=ROW)["hidden.1"] == [[2.0, 8.0]]


def test_an_input_that_was_none_at_the_export_is_left_out_in_words(place, caplog):
    backend = exported(place, Tagger(), EXAMPLE, kwargs={"mask": None})

    assert [spec.name for spec in backend.signature.inputs] == ["x"]
    assert run(backend, x=ROW)["logits"] == [[2.0, 3.0]]
    why = backend.signature.why_left_out("input", "mask")
    assert "it was None when the model was exported" in why
    assert "export the model with a tensor for it" in why
    assert "not served: input 'mask' was None" in caplog.text


BATCH = {"x": torch.ones(1, 2), "ys": [torch.ones(1, 2), torch.ones(1, 2)]}


def test_nested_inputs_are_named_by_their_path_and_constants_keep_their_values(place):
    backend = exported(place, Nested(), BATCH, 3.0)

    assert [spec.name for spec in backend.signature.inputs] == [
        "batch.x",
        "batch.ys.0",
        "batch.ys.1",
    ]
    inputs = {"batch.x": ROW, "batch.ys.0": ROW, "batch.ys.1": 10 * ROW}
    assert run(backend, **inputs) == {"total": [[13.0, 26.0]]}
    assert "it was 3.0 when" in backend.signature.why_left_out("input", "scale")


def test_a_config_may_name_an_input_as_the_graph_does(place):
    config = ModelConfig(input=(ModelInput("batch_x", Datatype.FP32, (1, 2)),))

    backend = exported(place, Nested(), BATCH, config=config)

    assert [spec.name for spec in backend.signature.inputs] == [
        "batch_x",
        "batch.ys.0",
        "batch.ys.1",
    ]
    inputs = {"batch_x": ROW, "batch.ys.0": ROW, "batch.ys.1": ROW}
    assert run(backend, **inputs) == {"total": [[4.0, 8.0]]}


@pytest.mark.parametrize(
    ("result", "names"),
    [
        (lambda x: x + 1, ["OUTPUT__0"]),
        (lambda x: [x + 1, x + 2], ["OUTPUT__0", "OUTPUT__1"]),
        (lambda x: (x + 1, (x + 2, x + 3)), ["OUTPUT__0", "OUTPUT__1.0", "OUTPUT__1.1"]),
        (lambda x: (x + 1, {"a": x + 2}), ["OUTPUT__0", "OUTPUT__1.a"]),
        (lambda x: {"a": {"b": x, "c": [x]}}, ["a.b", "a.c.0"]),
        (lambda x: {3: x}, ["3"]),
    ],
)
def test_every_structure_has_its_names(place, result, names):
    backend = exported(place, Returns(result))

    assert list(backend.signature.output_names) == names
    assert list(run(backend, x=ROW)) == names


@pytest.mark.parametrize("names", [["a", "b", "c"], ["OUTPUT__1.1"]])
def test_outputs_without_names_take_those_of_the_config_in_order_or_their_own(place, names):
    config = ModelConfig(output=tuple(ModelOutput(n, Datatype.FP32, (1, 2)) for n in names))

    backend = exported(place, Returns(lambda x: (x + 1, (x + 2, x + 3))), config=config)

    assert run(backend, x=ROW)[names[-1]] == [[4.0, 5.0]]


def test_parts_of_a_result_that_are_no_tensors_are_left_out_in_words(place):
    backend = exported(
        place, Returns(lambda x: {"y": x, "n": 7, "none": None, "z": x.to(torch.bfloat16)})
    )

    assert run(backend, x=ROW) == {"y": [[1.0, 2.0]]}
    assert [part.name for part in backend.signature.left_out] == ["n", "none", "z"]
    assert "is 7: it is not a tensor" in backend.signature.left_out[0].reason
    assert "bfloat16, which the protocol cannot carry; convert it to float32" in (
        backend.signature.left_out[2].reason
    )


def test_a_number_that_varies_is_refused_by_name_with_the_remedy(place):
    class Times(torch.nn.Module):
        def forward(self, x, times: int):
            return x * times

    with pytest.raises(ModelLoadError, match=r"input 'times' is of type SymInt.*make it a tensor"):
        exported(
            place,
            Times(),
            EXAMPLE,
            3,
            dynamic_shapes={"x": None, "times": torch.export.Dim.DYNAMIC},
        )


def test_two_parts_of_one_name_are_refused(place):
    with pytest.raises(ModelLoadError, match=r"two outputs are called 'a\.b'; rename one"):
        exported(place, Returns(lambda x: {"a.b": x, "a": {"b": x}}))


def test_a_nested_model_is_batched_like_any_other(place):
    rows = {"x": {0: torch.export.Dim("rows")}, "mask": None}
    content = pt2(Tagger(), torch.ones(3, 2), kwargs={"mask": None}, dynamic_shapes=rows)

    loaded = load_model(place(content, "model.pt2"), ModelConfig(), LoadOptions(cpus=1))

    assert loaded.plan.is_batched
    loaded.close()


class State(NamedTuple):
    hidden: torch.Tensor
    steps: tuple[torch.Tensor, torch.Tensor | None]


class Everything(torch.nn.Module):
    def forward(
        self,
        pair: tuple[torch.Tensor, torch.Tensor],
        batch: dict[str, torch.Tensor],
        rest: list[torch.Tensor],
        mask: torch.Tensor | None,
        scale: float = 2.0,
    ) -> State:
        total = pair[0] + 10 * pair[1] + 100 * batch["a.b"] + 1000 * batch["c"]
        for index, one in enumerate(rest):
            total = total + 10000 * (index + 1) * one
        if mask is not None:
            total = total * mask
        return State(total * scale, (total, mask))


def config(inputs: list[str], outputs: list[str]) -> ModelConfig:
    return ModelConfig(
        max_batch_size=8,
        input=tuple(ModelInput(name, Datatype.FP32, (2,)) for name in inputs),
        output=tuple(ModelOutput(name, Datatype.FP32, (2,)) for name in outputs),
    )


def scripted(place: Place, module: Any, inputs: list[str], outputs: list[str]) -> Backend:
    buffer = io.BytesIO()
    torch.jit.save(
        module if isinstance(module, torch.jit.ScriptModule) else torch.jit.script(module), buffer
    )
    return load(place(buffer.getvalue(), "model.pt"), config(inputs, outputs))


PARTS = ["pair.1", "pair.0", "batch.a.b", "batch.c", "rest.0", "rest.1"]


@pytest.mark.parametrize("has_mask", [False, True])
def test_torchscript_takes_and_gives_nested_parts_by_their_path(place, has_mask):
    inputs = [*PARTS, "mask"] if has_mask else PARTS
    outputs = ["steps.0", "hidden", *(["steps.1"] if has_mask else [])]
    backend = scripted(place, Everything(), inputs, outputs)
    one = np.ones((1, 2), np.float32)

    for _ in range(2):
        found = run(backend, **dict.fromkeys(inputs, one))
        assert found["hidden"] == [[62222.0, 62222.0]]
        assert found["steps.0"] == [[31111.0, 31111.0]]
        assert found.get("steps.1") == ([[1.0, 1.0]] if has_mask else None)


def test_a_part_of_torchscript_that_is_none_is_the_models_fault_in_words(place):
    backend = scripted(place, Everything(), PARTS, ["steps.1"])

    with pytest.raises(InferenceFailed, match="returned NoneType where a tensor belongs"):
        run(backend, **dict.fromkeys(PARTS, ROW))


def test_an_output_that_torchscript_does_not_return_is_refused_with_those_it_does(place):
    backend = scripted(place, Everything(), PARTS, ["other"])

    with pytest.raises(InferenceFailed, match=r"no 'other', but hidden, steps\.0, steps\.1"):
        run(backend, **dict.fromkeys(PARTS, ROW))


class Varies(torch.nn.Module):
    """Another structure for another input."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        if x.sum() > 3:
            return {"other": x * 3, "y": x}
        return {"y": x, "other": x * 3}


class Pair(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x * 2


@pytest.mark.parametrize("names", [["OUTPUT__1", "OUTPUT__0"], ["OUTPUT__1"], ["b", "a"]])
def test_names_with_tritons_index_go_by_it_and_others_by_their_order(place, names):
    found = run(scripted(place, Pair(), ["x"], names), x=ROW)

    assert found[names[0]] == (ROW.tolist() if names[0] == "b" else (2 * ROW).tolist())


def test_names_count_and_not_the_order_in_a_dictionary(place):
    backend = scripted(place, Varies(), ["x"], ["y"])

    assert [run(backend, x=row)["y"] for row in (ROW, 3 * ROW)] == [[[1.0, 2.0]], [[3.0, 6.0]]]


@pytest.mark.parametrize(
    ("inputs", "faults"),
    [
        (["nothing"], ["found 'nothing', allowed: pair, batch, rest, mask, scale",
                       "'pair' (Tuple[Tensor, Tensor]) is missing; declare its parts, as 'pair.0'",
                       "'batch' (Dict[str, Tensor]) is missing; declare its parts, as 'batch.KEY'",
                       "'rest' (List[Tensor]) is missing; declare its parts, as 'rest.0'"]),
        (["pair.0", "batch.c", "rest.0"], ["'pair.1' is missing"]),
        ([*PARTS, "mask", "INPUT__3"], ["found 'INPUT__3', allowed: "]),
    ],
)  # fmt: skip
def test_everything_wrong_with_torchscripts_inputs_is_told_at_once(place, inputs, faults):
    with pytest.raises(ModelLoadError) as raised:
        scripted(place, Everything(), inputs, ["hidden"])

    for fault in faults:
        assert fault in str(raised.value)


def test_an_argument_that_no_client_can_send_is_refused_with_the_remedy(place):
    class Times(torch.nn.Module):
        def forward(self, x: torch.Tensor, times: int) -> torch.Tensor:
            return x * times

    with pytest.raises(ModelLoadError, match="'times' is int, which no client can send; give it a"):
        scripted(place, Times(), ["x"], ["y"])
