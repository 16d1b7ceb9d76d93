from __future__ import annotations

import numpy as np
import pytest

from longshore.examples.forms import FORMS
from longshore.examples.request import (
    ExampleRequest,
    ExampleTensor,
    example_tensors,
    inputs_of_shapes,
)
from longshore.tensors import Datatype, Signature, TensorSpec

SPEC = TensorSpec("x", Datatype.FP32, (-1, 4))
SIGNATURE = Signature((SPEC, TensorSpec("ids", Datatype.INT64, (-1, -1))), ())


def test_a_short_tensor_is_whole_and_readable():
    tensor = ExampleTensor.of(SPEC, np.array([[1 / 3, 2, -1e-7, 0]], np.float32))

    assert not tensor.is_repeated
    assert tensor.json_elements == [0.3333, 2.0, -1e-07, 0.0]


def test_a_long_tensor_is_its_first_element_repeated():
    tensor = ExampleTensor.of(SPEC, np.full((30, 4), 0.5, np.float32))

    assert tensor.is_repeated
    assert (tensor.elements, tensor.count, tensor.shape) == ((0.5,), 120, (30, 4))


def test_bytes_that_are_no_text_are_base64_in_json():
    array = np.array([b"a", b"\xff"], object)

    assert ExampleTensor.of(SPEC, array).json_elements == ["a", {"b64": "/w=="}]


def test_inputs_are_made_in_the_shapes_that_are_known():
    inputs = inputs_of_shapes(SIGNATURE, {"x": (3, 4), "ids": (3, 7)})

    assert inputs["x"].shape == (3, 4)
    assert inputs["ids"].shape == (3, 7)
    assert set(inputs["ids"].ravel()) <= {0, 1}
    assert inputs_of_shapes(SIGNATURE, {})["ids"].shape == (1, 16)


def test_a_long_input_is_made_of_one_element():
    spec = TensorSpec("x", Datatype.FP32, (-1, 3, 4096, 4096))

    array = inputs_of_shapes(Signature((spec,), ()), {})["x"]

    assert array.shape == (1, 3, 4096, 4096)
    assert set(array.strides[1:]) == {0}
    assert ExampleTensor.of(spec, array).is_repeated


@pytest.mark.parametrize("form", FORMS)
def test_every_form_names_the_version_and_ends_with_a_line(form):
    tensors = example_tensors(SIGNATURE, inputs_of_shapes(SIGNATURE, {}))
    text = FORMS[form](ExampleRequest("https://host/team", "m", "3", tensors))

    assert "versions/3" in text or "model_version='3'" in text
    assert "ssl=True" in text or "https://host/team" in text
    assert text.endswith("\n")
