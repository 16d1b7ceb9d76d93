from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from longshore.errors import InferenceFailed, InvalidRequest, ModelLoadError
from longshore.tensors import Datatype, TensorSpec
from tests.backends.conftest import Place, load, onnx_bytes, onnx_identity


@pytest.mark.parametrize(
    ("element_type", "datatype"),
    [(TensorProto.FLOAT16, Datatype.FP16), (TensorProto.BOOL, Datatype.BOOL),
     (TensorProto.UINT64, Datatype.UINT64), (TensorProto.DOUBLE, Datatype.FP64)],
)  # fmt: skip
def test_tensors_come_back_as_they_went(
    place: Place, element_type: int, datatype: Datatype
) -> None:
    backend = load(place(onnx_identity(element_type), "model.onnx"))
    array = np.array([[0, 1]], dtype=datatype.numpy_dtype)
    assert backend.signature.inputs == (TensorSpec("x", datatype, (-1, 2)),)
    output = backend.execute({"x": array}, ("y",))["y"]
    assert output.dtype == array.dtype
    np.testing.assert_array_equal(output, array)


def test_text_goes_in_and_comes_out_as_bytes(place: Place) -> None:
    backend = load(place(onnx_identity(TensorProto.STRING), "model.onnx"))
    array = np.array([["é".encode(), b""]], dtype=object)
    assert backend.execute({"x": array}, ("y",))["y"].tolist() == array.tolist()
    array[0, 1] = b"\xff"
    with pytest.raises(InvalidRequest, match=r"input 'x': .* not UTF-8"):
        backend.execute({"x": array}, ("y",))


def test_bfloat16_is_refused_in_words(place: Place) -> None:
    with pytest.raises(ModelLoadError, match=r"model\.onnx: input 'x' .*bfloat16 has no numpy"):
        load(place(onnx_identity(TensorProto.BFLOAT16), "model.onnx"))


def pairs_of_rows() -> bytes:
    """`y` has the rows `i` of a table of three, two by two; an odd number of them fails."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [3, 2], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    wide = helper.make_tensor("wide", TensorProto.INT64, [2], [-1, 4])
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "i"], ["rows"]),
            helper.make_node("Reshape", ["rows", "wide"], ["y"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("i", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", 4])],
        [table, wide],
    )
    return onnx_bytes(graph)


def test_inputs_that_the_model_refuses_are_told_from_a_model_that_fails(place: Place) -> None:
    backend = load(place(pairs_of_rows(), "model.onnx"))
    assert backend.execute({"i": np.array([0, 1])}, ("y",))["y"].tolist() == [[0, 1, 2, 3]]
    with pytest.raises(InvalidRequest, match=r"refuses its inputs: .*out of data bounds"):
        backend.execute({"i": np.array([0, 9])}, ("y",))
    with pytest.raises(InferenceFailed, match=r"onnxruntime: .*Reshape"):
        backend.execute({"i": np.array([0])}, ("y",))


def test_one_thread_may_be_shared(place: Place) -> None:
    assert load(place(onnx_identity(), "model.onnx")).shares_instances


def test_a_sequence_of_maps_alone_is_refused_with_the_remedy(place: Place) -> None:
    maps = helper.make_sequence_type_proto(
        helper.make_map_type_proto(
            TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        )
    )
    zipmap = helper.make_node(
        "ZipMap", ["x"], ["p"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]
    )
    graph = helper.make_graph(
        [zipmap],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_value_info("p", maps)],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)],
        ir_version=9,
    )
    with pytest.raises(ModelLoadError, match=r"'p' is seq\(map\(.*zipmap=False"):
        load(place(model.SerializeToString(), "model.onnx"))


def test_an_element_type_that_the_protocol_has_not_is_refused(place: Place) -> None:
    graph = helper.make_graph(
        [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT8E4M3FN, ["n"])],
    )
    opsets = [helper.make_opsetid("", 19)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    with pytest.raises(ModelLoadError, match=r"'y' is tensor\(float8e4m3fn\): the Open Inference"):
        load(place(model, "model.onnx"))


def test_a_model_that_onnxruntime_cannot_load_is_named_by_its_own_name(place: Place) -> None:
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in "xy")
    graph = helper.make_graph([helper.make_node("NoSuchOperator", ["x"], ["y"])], "tiny", [x], [y])
    with pytest.raises(ModelLoadError, match=r"cannot load it: .*NoSuch") as raised:
        load(place(onnx_bytes(graph), "model.onnx"))
    assert "/proc/" not in str(raised.value)


def test_a_sequence_of_tensors_is_left_out(place: Place) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["x"], ["y"]),
            helper.make_node("SequenceConstruct", ["x"], ["s"]),
        ],
        "tiny",
        [x],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, ["n"]),
        ],
    )
    backend = load(place(onnx_bytes(graph), "model.onnx"))
    assert backend.signature.output_names == ("y",)
    (part,) = backend.signature.left_out
    assert str(part) == "output 's' is seq(tensor(float)): only plain tensors can be served"
