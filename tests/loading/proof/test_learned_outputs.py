"""What TorchScript does not say of its outputs is learned by running it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from longshore.errors import ModelLoadError
from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import LoadedModel
from longshore.loading.model_loader import load_model
from longshore.repository.config.document import parse_model_config
from longshore.repository.layout import Artifact, ArtifactFormat
from longshore.repository.strict_yaml import load_strict_yaml
from longshore.tensors import Datatype, TensorSpec

pytestmark = pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning")
VECTORS = "input: [{name: x, data_type: FP32, dims: [-1, 4]}]"


class Answer(NamedTuple):
    scores: torch.Tensor
    best: torch.Tensor
    cache: torch.Tensor | None


class Classifier(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> Answer:
        return Answer(x * 2, x.argmax(1), None)


class Rows(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.sum(), x.transpose(0, 1)


class Tokens(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(50, 3)

    def forward(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"states": self.table(ids), "pooled": self.table(ids).mean(1)}


class Squeezes(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.squeeze()


class Halves(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.bfloat16)


@pytest.fixture
def artifact(tmp_path: Path):
    def save(module: torch.nn.Module) -> Artifact:
        directory = tmp_path.resolve() / "1"
        directory.mkdir()
        path = directory / "model.pt"
        torch.jit.save(torch.jit.script(module), path)
        return Artifact("tiny", "1", directory, path, ArtifactFormat.TORCHSCRIPT, ("model.pt",))

    return save


def loaded(artifact: Artifact, config: str) -> LoadedModel:
    parsed = parse_model_config(load_strict_yaml(config.encode()), file="config.yaml")
    return load_model(artifact, parsed, LoadOptions(cpus=1, calibration_budget_seconds=5.0))


@pytest.mark.parametrize(
    ("config", "batch"), [(VECTORS, None), (f"max_batch_size: 8\n{VECTORS.replace('-1, ', '')}", 8)]
)
def test_a_config_of_inputs_alone_is_enough(artifact, config, batch):
    model = loaded(artifact(Classifier()), config)

    assert model.signature.outputs == (
        TensorSpec("scores", Datatype.FP32, (-1, 4)),
        TensorSpec("best", Datatype.INT64, (-1,)),
    )
    assert model.config.max_batch_size == batch
    assert model.plan.is_batched
    rows = np.array([[1, 2, 3, 0], [4, 3, 2, 1]], np.float32)
    outputs = model.backends[0].execute({"x": rows}, ("best", "scores"))
    assert outputs["best"].tolist() == [2, 0]
    assert outputs["scores"].tolist() == (2 * rows).tolist()
    model.close()


def test_a_part_that_is_none_is_left_out_in_words(artifact):
    model = loaded(artifact(Classifier()), VECTORS)

    assert "it is None: it is not a tensor" in model.signature.why_left_out("output", "cache")
    model.close()


def test_sizes_that_follow_an_input_vary_and_a_result_without_names_is_numbered(artifact):
    model = loaded(artifact(Rows()), VECTORS.replace("4", "-1"))

    assert model.signature.outputs == (
        TensorSpec("OUTPUT__0", Datatype.FP32, ()),
        TensorSpec("OUTPUT__1", Datatype.FP32, (-1, -1)),
    )
    model.close()


def test_indices_stay_in_their_table_and_a_dictionary_gives_its_keys(artifact):
    model = loaded(artifact(Tokens()), "input: [{name: ids, data_type: INT64, dims: [-1, -1]}]")

    assert model.signature.outputs == (
        TensorSpec("states", Datatype.FP32, (-1, -1, 3)),
        TensorSpec("pooled", Datatype.FP32, (-1, 3)),
    )
    model.close()


@pytest.mark.parametrize(
    ("module", "config", "message"),
    [
        (Tokens(), "input: [{name: ids, data_type: FP32, dims: [-1, -1]}]",
         "output: missing, and no run tells it, since no sample input works: .*declare the out"),
        (Squeezes(), VECTORS, r"'OUTPUT__0' has another number of dimensions .*: \[2, 4\], \[4\]"),
        (Rows(), f"max_batch_size: 4\n{VECTORS.replace('-1, ', '')}",
         r"'OUTPUT__0' has shape \[\], and no batch axis .*set max_batch_size: 0"),
        (Halves(), VECTORS, "no output can be served: output 'OUTPUT__0' is torch.bfloat16, which"),
    ],
)  # fmt: skip
def test_what_a_run_cannot_tell_is_refused_with_the_remedy(artifact, module, config, message):
    with pytest.raises(ModelLoadError, match=message):
        loaded(artifact(module), config)
