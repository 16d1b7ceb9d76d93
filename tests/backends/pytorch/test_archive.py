"""No pickled code runs while a torch archive is loaded or refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from longshore.errors import ModelLoadError
from longshore.repository.model_config import ModelConfig, ModelInput, ModelOutput
from longshore.tensors import Datatype
from tests.backends.conftest import Place, load

MODELS = Path(__file__).parents[3] / "models"
PT2 = (MODELS / "digits-pt2/1/model.pt2").read_bytes()
SCRIPT = (MODELS / "digits-torchscript/1/model.pt").read_bytes()
CONFIG = ModelConfig(
    input=(ModelInput("image", Datatype.FP32, (-1, 1, 8, 8)),),
    output=(ModelOutput("logits", Datatype.FP32, (-1, 10)),),
)


class Touch:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "ran"


def rewritten(original: bytes, changes: dict[str, bytes]) -> bytes:
    """The archive with entries replaced or added."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(original)) as old, zipfile.ZipFile(target, "w") as new:
        root = old.namelist()[0].split("/")[0]
        entries = {name: old.read(name) for name in old.namelist()}
        entries |= {f"{root}/{name}": content for name, content in changes.items()}
        for name, content in entries.items():
            new.writestr(name, content)
    return target.getvalue()


def test_that_the_pickle_used_here_does_run(marker: Path) -> None:
    pickle.loads(pickle.dumps(Touch(marker)))
    assert marker.exists()


def test_pickled_sample_inputs_never_reach_torch(place: Place, marker: Path) -> None:
    buffer = io.BytesIO()
    torch.save(Touch(marker), buffer)
    content = rewritten(PT2, {"data/sample_inputs/model.pt": buffer.getvalue()})
    load(place(content, "model.pt2"))
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["weights", "constants"])
@pytest.mark.parametrize("prefix", ["tensor_", "weight_", "opaque_obj_", "custom_obj_"])
def test_pickled_payloads_are_refused(place: Place, marker: Path, kind: str, prefix: str) -> None:
    config = {"config": {"w": {"path_name": f"{prefix}0", "is_param": False, "use_pickle": True,
                               "tensor_meta": None}}}  # fmt: skip
    changes = {
        f"data/{kind}/model_{kind}_config.json": json.dumps(config).encode(),
        f"data/{kind}/{prefix}0": pickle.dumps(Touch(marker)),
    }
    with pytest.raises(ModelLoadError, match=r"model\.pt2: entry .*(is pickled|may have)"):
        load(place(rewritten(PT2, changes), "model.pt2"))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("data/weights/model.pt", "not one that such an archive may have"),
        ("data/constants/model.pt", "not one that such an archive may have"),
        ("data/sample_inputs/other.pkl", "not one that such an archive may have"),
        ("data/aotinductor/model/a.so", "native code"),
        ("../../escape", "leads out of the archive"),
        ("MODELS/model.json", "upper and lower case"),
    ],
)
def test_other_entries_are_refused(place: Place, marker: Path, entry: str, reason: str) -> None:
    content = rewritten(PT2, {entry: pickle.dumps(Touch(marker))})
    with pytest.raises(ModelLoadError, match=rf"model\.pt2: .*{reason}"):
        load(place(content, "model.pt2"))
    assert not marker.exists()


@pytest.mark.parametrize("config", [CONFIG, ModelConfig()])
@pytest.mark.parametrize("name", ["model.pt", "model.pt2"])
@pytest.mark.parametrize("is_archive", [False, True])
def test_pickles_are_refused_with_the_way_out_whatever_the_config_says(
    place: Place, marker: Path, name: str, config: ModelConfig, is_archive: bool
) -> None:
    buffer = io.BytesIO()
    torch.save(Touch(marker), buffer)
    content = buffer.getvalue() if is_archive else pickle.dumps(Touch(marker))
    message = rf"{name}: not .*but a pickle.*which is never loaded.*export the model with torch\."
    with pytest.raises(ModelLoadError, match=message) as raised:
        load(place(content, name), config)
    assert "config.yaml" not in str(raised.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (
            SCRIPT,
            "model.pt2",
            "not an archive of torch.export.save, but TorchScript; name it model.pt",
        ),
        (PT2, "model.pt", "not an archive of torch.jit.save, but an exported program; name it"),
    ],
)
def test_an_archive_under_the_name_of_another_kind_is_told_its_own(
    place: Place, content: bytes, name: str, message: str
) -> None:
    with pytest.raises(ModelLoadError, match=message):
        load(place(content, name), CONFIG)


@pytest.mark.parametrize("original", [PT2, SCRIPT])
@pytest.mark.parametrize("entry", ["../escape", "/etc/escape", "C:\\escape", "other/escape"])
def test_the_entry_that_leads_out_is_the_one_that_is_blamed(
    place: Place, original: bytes, entry: str
) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(original)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr(zipfile.ZipInfo(entry), b"x")
    name = "model.pt2" if original is PT2 else "model.pt"
    with pytest.raises(ModelLoadError) as raised:
        load(place(target.getvalue(), name), CONFIG)
    assert f"{name}: entry {entry!r} " in str(raised.value)
    assert ("leads out of" if entry != "other/escape" else "outside of") in str(raised.value)


def test_a_pickle_added_to_torchscript_is_refused(place: Place, marker: Path) -> None:
    content = rewritten(SCRIPT, {"evil.pkl": pickle.dumps(Touch(marker))})
    with pytest.raises(ModelLoadError, match=r"model\.pt: entry 'evil\.pkl'"):
        load(place(content, "model.pt"), CONFIG)
    assert not marker.exists()
