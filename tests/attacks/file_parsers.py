"""What reads the files of a volume, as targets for fuzzing."""

from __future__ import annotations

import io
import json
import random
import tempfile
from pathlib import Path

from onnx import TensorProto, helper

from longshore.backends.base import CudaOptions
from longshore.backends.ort.external_data import check_external_data
from longshore.backends.pytorch.archive import check_torchscript, safe_pt2
from longshore.backends.pytorch.program_document import check_program
from longshore.batching.cost import CostLine
from longshore.errors import ModelLoadError
from longshore.loading.plan import ExecutionPlan
from longshore.loading.proof.sample_files import read_recorded
from longshore.loading.records.calibration_record import CalibrationRecord
from longshore.repository.artifact import SAMPLES_FILE, Artifact, ArtifactFormat
from longshore.repository.config.document import parse_model_config
from longshore.repository.manifest import parse_manifest
from longshore.repository.model_config import ModelConfig
from longshore.repository.strict_yaml import load_strict_yaml
from longshore.tensors import Datatype, Signature, TensorSpec

MODELS = Path(__file__).parents[2] / "models"
SPECS = (TensorSpec("x", Datatype.FP32, (-1, 4)), TensorSpec("b", Datatype.BYTES, (-1,)))
WIDE = Signature(SPECS, SPECS)
MANIFEST_SEEDS = [
    json.dumps({"version": 1, "files": {
        "model.onnx": {"sha256": "0" * 64, "size": 5}, "a/b": {"sha256": "f" * 64, "size": 0}}},
    ).encode(),
]  # fmt: skip
CONFIG_SEEDS = [
    b"name: digits\nmax_batch_size: 8\ninput:\n  - {name: x, data_type: TYPE_FP32, dims: [-1, 4]}",
    b"dynamic_batching: {preferred_batch_size: [4, 8], max_queue_delay_microseconds: 100}\n"
    b"instance_group: [{count: 2, kind: KIND_CPU}]\n"
    b"version_policy: {specific: {versions: [1, 2]}}\n",
    b"input:\n"
    b"  - {name: x, data_type: TYPE_INT64, dims: [-1], padding: {0: {value: 0, buckets: [4]}}}\n"
    b"parameters: {batching: forbidden}\noutput: [{name: y, data_type: TYPE_STRING, dims: []}]\n",
    b"a: 1:20:30\nb: 0b1_0\nc: 1.5e3\nd: |\n  text\n  text\ne: \"a\\x41\\u0041\n b\"\n",
]  # fmt: skip
SAMPLES_SEEDS = [
    json.dumps([{"inputs": [
        {"name": "x", "shape": [2, 4], "datatype": "FP32", "data": [[1, 2, 3, 4], [5, 6, 7, 8]]},
        {"name": "b", "shape": [1], "datatype": "BYTES", "data": ["text"]}]}],
    ).encode(),
]  # fmt: skip
RECORD_SEEDS = [
    CalibrationRecord(
        plan=ExecutionPlan(
            is_batched=True, max_batch_size=8, instances=2, threads=1, is_inline=False,
            cost=CostLine(((1, 0.5), (8, 1.0))), notes=("a note",), source="measured",
        ),
        dimension=16, integer_bound=100, padded_outputs=(("y", 1, "x", 1),), device_name="",
        cuda=CudaOptions(memory_limit_bytes=1024),
    ).to_json().encode()
]  # fmt: skip
PROGRAM_SEEDS = [
    json.dumps({
        "graph_module": {"graph": {"sym_int_values": {"s0": {"as_expr": {
            "expr_str": "Add(Mul(Integer(2), Symbol('s0', integer=True)), Pow(Integer(2), s1))"}}},
            "nodes": [{"target": "torch.ops.aten.linear.default", "metadata": {"a": "b;c"}}]},
            "treespec": {"in_spec": json.dumps([1, {"type": "builtins.tuple", "context": "null",
                                                    "children_spec": []}])}}},
    ).encode(),
]  # fmt: skip


def _onnx_with_external_data() -> bytes:
    weights = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL
    )
    weights.external_data.add(key="location", value="weights.bin")
    node = helper.make_node("Add", ["x", "w"], ["y"], alpha=1.5, axes=[1, 2, 300], names=["a", "b"])
    graph = helper.make_graph([node], "tiny", [], [], initializer=[weights])
    content: bytes = helper.make_model(graph).SerializeToString()
    return content


def manifest_target(data: bytes, chance: random.Random) -> None:
    parse_manifest(data, file="manifest.json")


def config_target(data: bytes, chance: random.Random) -> None:
    parse_model_config(load_strict_yaml(data), file="config.yaml")


def external_data_target(data: bytes, chance: random.Random) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        check_external_data(file, path=Path("/nowhere/model.onnx"))


def pt2_target(data: bytes, chance: random.Random) -> None:
    safe_pt2(io.BytesIO(data), path=Path("model.pt2"))


def torchscript_target(data: bytes, chance: random.Random) -> None:
    check_torchscript(io.BytesIO(data), path=Path("model.pt"))


def program_target(data: bytes, chance: random.Random) -> None:
    """As the archive's reader calls it, which makes an error of the family of what is raised."""
    try:
        check_program(data)
    except ValueError as error:
        raise ModelLoadError(str(error)) from error


def record_target(data: bytes, chance: random.Random) -> None:
    """As the cache calls it, which measures anew."""
    try:
        CalibrationRecord.from_json(data.decode())
    except (ValueError, RecursionError) as error:
        raise ModelLoadError(str(error) or "not a record") from error


def samples_target(data: bytes, chance: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name).resolve()
        (directory / SAMPLES_FILE).write_bytes(data)
        artifact = Artifact(
            "m", "1", directory, directory / "model.onnx", ArtifactFormat.ONNX, (SAMPLES_FILE,)
        )
        read_recorded(artifact, ModelConfig(), WIDE)


TARGETS = {
    "manifest": (manifest_target, MANIFEST_SEEDS),
    "config": (config_target, CONFIG_SEEDS),
    "external data": (external_data_target, [_onnx_with_external_data()]),
    "pt2": (pt2_target, [(MODELS / "digits-pt2/1/model.pt2").read_bytes()]),
    "torchscript": (torchscript_target, [(MODELS / "digits-torchscript/1/model.pt").read_bytes()]),
    "program": (program_target, PROGRAM_SEEDS),
    "record": (record_target, RECORD_SEEDS),
    "samples": (samples_target, SAMPLES_SEEDS),
}
