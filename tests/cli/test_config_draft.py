"""`longshore inspect` prints the config that a TorchScript model lacks, ready to be saved."""

from pathlib import Path

import numpy as np
import pytest
import torch

from longshore.cli import main
from longshore.loading.config_draft import FIRST_LINE
from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import LoadedModel
from longshore.loading.model_loader import load_model
from longshore.repository.layout import ModelRepository
from longshore.tensors import Datatype, TensorSpec

pytestmark = pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning")


class Linear(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(7, 3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layer(features)


class Encoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(30, 4)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        states = self.table(input_ids)
        if attention_mask is not None:
            states = states * attention_mask.unsqueeze(-1)
        return {"states": states, "pooled": states.sum(1)}


class Towers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(30, 4)
        self.layer = torch.nn.Linear(10, 4)

    def forward(self, user: torch.Tensor, item: torch.Tensor):
        return (self.table(user) * self.layer(item)).sum(-1), user > 0


def images() -> torch.nn.Module:
    layers = torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 2)).eval()


class Digits(torch.nn.Module):
    """Takes one size of image only."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten())
        self.last = torch.nn.Linear(2 * 26 * 26, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.last(self.layers(image))


class Pair(torch.nn.Module):
    def forward(self, pair: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return pair[0] + pair[1]


class Named(torch.nn.Module):
    """Takes inputs that are not guessed."""

    def forward(self, on: torch.Tensor, parts: dict[str, torch.Tensor]) -> torch.Tensor:
        assert on.shape[1] == 77
        return on + parts["a"]


class Times(torch.nn.Module):
    def forward(self, x: torch.Tensor, times: int) -> torch.Tensor:
        return x * times


@pytest.fixture
def save(tmp_path: Path):
    def save(module: torch.nn.Module, config: str = "") -> Path:
        root = tmp_path / "model"
        (root / "1").mkdir(parents=True)
        is_module = isinstance(module, torch.nn.Module)
        saved = torch.jit.script(module) if is_module else module()
        torch.jit.save(saved, root / "1" / "model.pt")
        if config:
            (root / "config.yaml").write_text(config)
        return root

    return save


def draft(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What `inspect` prints of a config; the model is not served without it."""
    assert main(["inspect", str(root)]) == 1
    _, found, text = capsys.readouterr().out.partition(f"# {FIRST_LINE}\n")
    return found + text


def served(root: Path) -> LoadedModel:
    scan = ModelRepository(root, settle_seconds=0).scan()
    options = LoadOptions(cpus=1, calibration_budget_seconds=0.1)
    return load_model(scan.artifacts[0], scan.config, options)


FP32, INT64 = Datatype.FP32, Datatype.INT64


@pytest.mark.parametrize(
    ("module", "inputs", "outputs"),
    [
        (Linear(), {"features": (FP32, (-1, 7))}, {"OUTPUT__0": (FP32, (-1, 3))}),
        (
            Encoder(),
            {"input_ids": (INT64, (-1, -1))},
            {"states": (FP32, (-1, -1, 4)), "pooled": (FP32, (-1, 4))},
        ),
        (
            Towers(),
            {"user": (INT64, (-1, -1)), "item": (FP32, (-1, -1, 10))},
            {"OUTPUT__0": (FP32, (-1, -1)), "OUTPUT__1": (Datatype.BOOL, (-1, -1))},
        ),
        (images(), {"input": (FP32, (-1, 3, -1, -1))}, {"OUTPUT__0": (FP32, (-1, 2))}),
        (
            lambda: torch.jit.freeze(torch.jit.script(images())),
            {"input": (FP32, (-1, 3, -1, -1))},
            {"OUTPUT__0": (FP32, (-1, 2))},
        ),
        (Digits(), {"image": (FP32, (-1, 1, 28, 28))}, {"OUTPUT__0": (FP32, (-1, 10))}),
        (
            lambda: torch.jit.trace(Linear(), torch.ones(1, 7)),
            {"features": (FP32, (-1, 7))},
            {"OUTPUT__0": (FP32, (-1, 3))},
        ),
        (
            Pair(),
            {"pair.0": (FP32, (-1, -1)), "pair.1": (FP32, (-1, -1))},
            {"OUTPUT__0": (FP32, (-1, -1))},
        ),
    ],
)
def test_the_config_printed_is_served_as_it_is(save, capsys, module, inputs, outputs):
    root = save(module)

    (root / "config.yaml").write_text(draft(root, capsys))

    assert main(["inspect", str(root)]) == 0
    assert FIRST_LINE not in capsys.readouterr().out
    loaded = served(root)
    assert loaded.has_run
    assert loaded.signature.inputs == tuple(TensorSpec(n, *form) for n, form in inputs.items())
    assert loaded.signature.outputs == tuple(TensorSpec(n, *form) for n, form in outputs.items())
    loaded.close()


def test_keys_that_are_there_stay_and_dims_follow_max_batch_size(save, capsys):
    padding = "input: [{name: input_ids, data_type: INT64, dims: [-1], padding: {0: {value: 0}}}, "
    wrong = "{name: mask, data_type: INT64, dims: [-1]}]"
    root = save(Encoder(), f"max_batch_size: 4\nparameters: {{team: a}}\n{padding}{wrong}\n")

    text = draft(root, capsys)

    assert "max_batch_size: 4" in text
    assert "team: a" in text
    assert "# Optional inputs, which are not declared here: attention_mask" in text
    (root / "config.yaml").write_text(text)
    loaded = served(root)
    assert [spec.shape for spec in loaded.signature.inputs] == [(-1, -1)]
    assert loaded.config.input[0].padding[0].value == 0.0
    assert loaded.config.parameters == {"team": "a"}
    loaded.close()


def test_what_cannot_be_guessed_is_marked_and_filled_in_by_hand(save, capsys):
    root = save(Named())

    text = draft(root, capsys)

    assert "name: 'on'" in text  # a bare `on` is true in YAML
    assert "name: parts.KEY" in text
    assert text.count("data_type: FP32  # to fill in: BOOL, ") == 2
    assert text.count("# to fill in: every size, the batch first") == 2
    (root / "config.yaml").write_text(text)
    assert draft(root, capsys) == text
    (root / "config.yaml").write_text(text.replace("KEY", "a").replace("[-1, 1]", "[-1, 77]"))
    assert main(["inspect", str(root)]) == 0
    loaded = served(root)
    one = np.ones((2, 77), np.float32)
    outputs = loaded.backends[0].execute({"on": one, "parts.a": one}, ("OUTPUT__0",))
    assert outputs["OUTPUT__0"].tolist() == (one + one).tolist()
    loaded.close()


def test_no_config_is_printed_where_none_helps(save, capsys):
    assert draft(save(Times()), capsys) == ""
