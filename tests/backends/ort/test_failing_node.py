"""Failures of onnxruntime that no input can avoid are told from those that one may."""

from __future__ import annotations

import io

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from longshore.backends.framework_backend import plain
from longshore.backends.ort.failing_node import fails_on_any_input
from tests.loading.startup_models import onnx_constant_index, onnx_magic, onnx_model


def judged(model: bytes, tmp_path, array=None) -> bool:
    """Whether the error of `model` on `array` is found to be independent of the input."""
    (tmp_path / "model.onnx").write_bytes(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options)
    array = np.ones((1, 2), np.float32) if array is None else array
    with pytest.raises(Exception, match="while running") as raised:
        session.run(None, {"x": array})
    with (tmp_path / "model.onnx").open("rb") as file:
        return fails_on_any_input(file, plain(raised.value))


def test_a_constant_index_is_nothing_that_an_input_can_cure(tmp_path):
    assert judged(onnx_constant_index(), tmp_path)


@pytest.mark.parametrize(
    "shaping",
    [
        [(("Relu", ["x"], ["h"]), {}), (("Reshape", ["h", "shape"], ["data"]), {})],
        [
            (("Shape", ["x"], ["sizes"]), {}),
            (("Concat", ["one", "two"], ["wanted"]), {"axis": 0}),
            (("Reshape", ["x", "wanted"], ["data"]), {}),
        ],
    ],
    ids=["reshaped by a constant", "reshaped by sizes"],
)
def test_what_is_indexed_may_be_computed_as_long_as_its_sizes_are_not_values(tmp_path, shaping):
    nodes = [*shaping, (("Gather", ["data", "nine"], ["y"]), {"axis": 1})]
    constants = {"shape": ([2], [-1, 2]), "nine": ([], [9]), "one": ([1], [-1]), "two": ([1], [2])}

    assert judged(onnx_model(nodes, **constants), tmp_path)


def test_an_index_that_is_computed_from_the_input_may_be_another(tmp_path):
    nodes = [
        (("Cast", ["x"], ["i"]), {"to": TensorProto.INT64}),
        (("Mul", ["i", "zero"], ["none"]), {}),
        (("Add", ["none", "nine"], ["nines"]), {}),
        (("Gather", ["table", "nines"], ["y"]), {}),
    ]
    model = onnx_model(nodes, zero=([], [0]), nine=([], [9]), table=([2], [1.0, 2.0]))

    assert not judged(model, tmp_path)


def test_a_size_that_follows_from_values_may_be_another(tmp_path):
    assert not judged(onnx_magic(), tmp_path, np.zeros((1, 2), np.int64))


def test_sizes_that_do_not_fit_are_not_judged(tmp_path):
    model = onnx_model([(("Reshape", ["x", "shape"], ["y"]), {})], shape=([2], [-1, 5]))

    assert not judged(model, tmp_path)


def test_a_node_of_a_branch_is_not_judged(tmp_path):
    branch = helper.make_graph(
        [helper.make_node("Gather", ["table", "nine"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    nodes = [
        (("ReduceMax", ["x"], ["largest"]), {"keepdims": 0}),
        (("Greater", ["largest", "limit"], ["is"]), {}),
        (("If", ["is"], ["y"]), {"then_branch": branch, "else_branch": branch}),
    ]
    model = onnx_model(nodes, limit=([], [0.0]), table=([2], [1.0, 2.0]), nine=([], [9]))

    assert not judged(model, tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x3a\x05"])
def test_a_file_that_cannot_be_read_is_not_judged(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with (tmp_path / "model.onnx").open("rb") as file:
        message = "while running Gather node. Name:'' Status Message: idx=9"
        assert not fails_on_any_input(file, message)
    assert not fails_on_any_input(io.BytesIO(), "another error")
