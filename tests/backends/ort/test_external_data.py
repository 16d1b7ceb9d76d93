from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from longshore.errors import ModelLoadError
from tests.backends.conftest import Place, load, onnx_bytes

WEIGHTS = np.array([3.0, 4.0], dtype=np.float32)


def model_with_weights_at(location: str) -> bytes:
    weights = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL
    )
    weights.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        initializer=[weights],
    )
    return onnx_bytes(graph)


def test_weights_beside_the_model_are_read(place: Place) -> None:
    artifact = place(model_with_weights_at("weights.bin"), "model.onnx", ("weights.bin",))
    (artifact.directory / "weights.bin").write_bytes(WEIGHTS.tobytes())
    outputs = load(artifact).execute({"x": np.zeros((1, 2), np.float32)}, ("y",))
    np.testing.assert_array_equal(outputs["y"], WEIGHTS[np.newaxis])


def test_weights_elsewhere_are_refused(place: Place, tmp_path: Path) -> None:
    outside = tmp_path / "secret.bin"
    outside.write_bytes(WEIGHTS.tobytes())
    for location, reason in {
        "../secret.bin": "leads out of the version directory",
        str(outside): "absolute path",
        "link.bin": "symbolic link",
        "absent.bin": "does not exist",
    }.items():
        artifact = place(model_with_weights_at(location), "model.onnx")
        link = artifact.directory / "link.bin"
        link.unlink(missing_ok=True)
        link.symlink_to(outside)
        with pytest.raises(ModelLoadError, match=rf"model\.onnx: external data .*{reason}"):
            load(artifact)


@pytest.mark.parametrize("content", [b"", b"\x0a", b"<html>", b"\x3a\xff\xff\xff\xff\x0f"])
def test_a_file_that_is_not_onnx_is_refused_by_name(place: Place, content: bytes) -> None:
    with pytest.raises(ModelLoadError, match=r"model\.onnx"):
        load(place(content, "model.onnx"))


def test_a_huge_file_of_zeros_is_refused_at_its_first_byte(place: Place) -> None:
    artifact = place(b"", "model.onnx")
    with artifact.path.open("wb") as file:
        file.truncate(2 * 1024**3)

    with pytest.raises(ModelLoadError, match=r"model\.onnx: .*no field begins at byte 0"):
        load(artifact)


def test_nesting_without_end_is_refused(place: Place) -> None:
    content = b""
    for _ in range(100):
        for field in (6, 5, 1):  # the graph of an attribute of a node
            content = _field(field, content)

    with pytest.raises(ModelLoadError, match="nested deeper than 200 levels"):
        load(place(_field(7, content), "model.onnx"))


def _field(number: int, content: bytes) -> bytes:
    length, size = b"", len(content)
    while size >= 128:
        length, size = length + bytes([size % 128 | 128]), size // 128
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
