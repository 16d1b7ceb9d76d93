from __future__ import annotations

import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from longshore.errors import ModelConfigError
from longshore.repository.config.document import load_model_config, parse_model_config
from longshore.repository.model_config import (
    DynamicBatching,
    InstanceGroup,
    ModelConfig,
    ModelInput,
    ModelOutput,
    Padding,
    QueuePolicy,
    VersionPolicy,
)
from longshore.tensors import Datatype

TRITON = """
name: digits
backend: onnxruntime
max_batch_size: 64
input:
  - name: ids
    data_type: TYPE_INT64
    dims: [-1]
    padding: {0: {value: 0, buckets: [16, 64], mask: attention}}
output: [{name: text, data_type: TYPE_STRING, dims: []}]
instance_group: [{count: 2, kind: KIND_GPU, gpus: [0, 1]}]
dynamic_batching:
  preferred_batch_size: [8, 32]
  max_queue_delay_microseconds: 500
  default_queue_policy:
    max_queue_size: 100
    default_timeout_microseconds: 2500000
    timeout_action: REJECT
version_policy: {specific: {versions: [1, 3]}}
parameters:
  batching: {string_value: vouched}
  startup: vouched
  accuracy: 0.98
"""


def parse(text):
    return parse_model_config(yaml.safe_load(text), file="config.yaml")


def test_everything_that_triton_can_say_is_read_with_seconds_for_microseconds():
    assert parse(TRITON) == ModelConfig(
        name="digits",
        backend="onnxruntime",
        max_batch_size=64,
        batching="vouched",
        startup="vouched",
        input=(ModelInput("ids", Datatype.INT64, (-1,), {0: Padding(0.0, (16, 64), "attention")}),),
        output=(ModelOutput("text", Datatype.BYTES, ()),),
        instance_group=InstanceGroup(2, "KIND_GPU", (0, 1)),
        dynamic_batching=DynamicBatching((8, 32), 0.0005, QueuePolicy(100, 2.5)),
        version_policy=VersionPolicy("specific", versions=(1, 3)),
        parameters={"batching": "vouched", "startup": "vouched", "accuracy": 0.98},
    )


@pytest.mark.parametrize("text", ["", "{}", "input:\ndynamic_batching:\nparameters:"])
def test_nothing_written_is_an_empty_config(text):
    assert parse(text) == ModelConfig()


@pytest.mark.parametrize("name", list(Datatype))
def test_data_type_may_be_spelt_as_triton_or_as_the_protocol_has_it(name):
    for spelling in (name, f"TYPE_{name}"):
        config = parse(f"output: [{{name: y, data_type: {spelling}, dims: [1]}}]")
        assert config.output[0].data_type is Datatype(name)


def test_single_instance_group_needs_no_list():
    assert parse("instance_group: {count: 3}").instance_group == InstanceGroup(count=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "found ['a'], allowed: a mapping"),
        ("max_batch_sise: 3", "max_batch_sise: unknown key, did you mean 'max_batch_size'?"),
        ("zzz: 3", "zzz: unknown key, known: name, backend,"),
        ("1: 2", "1: unknown key, known: name"),
        ("name: 3", "name: found 3, allowed: text"),
        ("backend: tensorrt", "found 'tensorrt', allowed: onnxruntime, pytorch, identity"),
        ("max_batch_size: -1", "max_batch_size: found -1, allowed: a whole number from 0"),
        ("max_batch_size: true", "max_batch_size: found True, allowed: a whole number"),
        ("max_batch_size: '8'", "max_batch_size: found '8', allowed: a whole number"),
        ("input: {name: x}", "input: found {'name': 'x'}, allowed: a list"),
        ("input: [{name: x, dims: [1]}]", "input[0].data_type: missing"),
        (
            "input: [{name: x, data_type: TYPE_BF16, dims: [1]}]",
            "input[0].data_type: found 'TYPE_BF16', allowed: BOOL, UINT8",
        ),
        (
            "input: [{name: x, data_type: FP32, dims: [3, 0]}]",
            "input[0].dims[1]: found 0, allowed: -1 (it varies) or",
        ),
        (
            "output: [{name: x, data_type: FP32, dims: [1]}, {name: x, data_type: FP32, dims: []}]",
            "output: 'x' is given twice",
        ),
        (
            "input: [{name: x, data_type: FP32, dims: [3, -1], padding: {0: {}}}]",
            "input[0].padding.0: not a dimension of `dims` that varies; those that do: 1",
        ),
        (
            "input: [{name: x, data_type: FP32, dims: [-1], padding: {0: {buckets: [8, 4]}}}]",
            "input[0].padding.0.buckets: found [8, 4], allowed: ascending sizes",
        ),
        (
            "input: [{name: x, data_type: FP32, dims: [-1], padding: {0: {mask: x}}}]",
            "input[0].padding.0.mask: found 'x', allowed: the name of another input",
        ),
        ("instance_group: [{}, {}]", "instance_group: found 2 groups, allowed: one"),
        ("instance_group: [{kind: KIND_MODEL}]", "instance_group[0].kind: found 'KIND_MODEL'"),
        ("instance_group: {kind: KIND_CPU, gpus: [0]}", "found GPUs for KIND_CPU, allowed: none"),
        ("instance_group: {count: 0}", "instance_group.count: found 0, allowed: a whole number"),
        (
            "dynamic_batching: {default_queue_policy: {timeout_action: DELAY}}",
            "default_queue_policy.timeout_action: found 'DELAY', allowed: REJECT",
        ),
        (
            "{max_batch_size: 4, dynamic_batching: {preferred_batch_size: [8]}}",
            "preferred_batch_size has 8, above max_batch_size 4",
        ),
        ("version_policy: {all: {}, latest: {}}", "allowed: one of latest, all, specific"),
        ("version_policy: {specific: {versions: []}}", "versions: found [], allowed: at least one"),
        ("version_policy: {latest: {num_versions: 0}}", "num_versions: found 0"),
        ("parameters: {batching: maybe}", "parameters.batching: found 'maybe', allowed: proven"),
        ("parameters: {1: 2}", "parameters.1: found a key that is not text"),
        ("sequence_batching: {}", "sequence_batching: not supported: requests are independent"),
        ("platform: onnxruntime_onnx", "platform: not supported: write `backend`"),
        ("instance_group: [{host_policy: a}]", "instance_group[0].host_policy: not supported"),
    ],
)
def test_mistake_names_the_key_the_value_and_what_is_allowed(text, message):
    with pytest.raises(ModelConfigError) as raised:
        parse(text)
    assert str(raised.value).startswith("config.yaml: ")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"name: a\nname: b", "line 2: the key 'name' is given twice"),
        (b"name: &a b", "line 1: anchors and aliases"),
        (b"name: *a", "line 1: anchors and aliases"),
        (b"name: !!python/object:os.system {}", "line 1: the tag tag:yaml.org,2002:python/object"),
        (b"<<: {name: a}", "line 1: merge keys"),
        (b"parameters:\n  ? [a]\n  : b", "line 2: a key must be plain text"),
        (b"name: [", "line 1: expected the node content"),
        (b"a: 1\n---\nb: 2", "line 2: but found another document"),
        (b"parameters: {a: " + b"[" * 10_000, "nested deeper than 32 levels"),
        (b"max_batch_size: 0b_", "invalid literal for int"),
        (b"name: \xff", "config.yaml: "),
        (b"#" * (1024 * 1024 + 1), "config.yaml is larger than 1048576 bytes"),
    ],
)
def test_text_that_is_not_plain_yaml_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_bytes(text)
    with pytest.raises(ModelConfigError) as raised:
        load_model_config(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)


def test_date_is_just_text(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("parameters: {trained: 2026-99-99, tested: 2026-01-02}")
    assert load_model_config(path).parameters == {"trained": "2026-99-99", "tested": "2026-01-02"}


def test_config_that_is_a_fifo_or_leads_out_of_its_directory_is_refused(tmp_path):
    os.mkfifo(tmp_path / "config.yaml")
    with pytest.raises(ModelConfigError, match="is a FIFO"):
        load_model_config(tmp_path / "config.yaml")
    (tmp_path / "model").mkdir()
    (tmp_path / "secret.yaml").write_text("name: secret")
    (tmp_path / "model" / "config.yaml").symlink_to("../secret.yaml")
    with pytest.raises(ModelConfigError, match="leads out of"):
        load_model_config(tmp_path / "model" / "config.yaml")


def test_number_too_long_to_print_is_refused_in_words(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(f"max_batch_size: 0x{'f' * 10_000}")
    with pytest.raises(ModelConfigError, match="line 1: a number of 10002 characters"):
        load_model_config(path)


def test_absent_config_file_is_an_error_of_its_caller(tmp_path):
    with pytest.raises(ModelConfigError, match=r"config\.yaml"):
        load_model_config(tmp_path / "config.yaml")


KEYS = st.sampled_from(
    [
        "name",
        "backend",
        "max_batch_size",
        "input",
        "output",
        "instance_group",
        "dynamic_batching",
        "version_policy",
        "parameters",
        "data_type",
        "dims",
        "padding",
        "value",
        "buckets",
        "mask",
        "count",
        "kind",
        "gpus",
        "preferred_batch_size",
        "default_queue_policy",
        "max_queue_size",
        "latest",
        "all",
        "specific",
        "versions",
        "num_versions",
        "batching",
        "string_value",
    ]
) | st.text(max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["TYPE_FP32", "KIND_GPU", "proven", "REJECT", "pytorch"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.integers(-2, 3), inner, max_size=6)
    ),
    max_leaves=25,
)


def is_config_or_names(file, read):
    try:
        return isinstance(read(), ModelConfig)
    except ModelConfigError as error:
        return str(error).startswith(f"{file}: ")


@given(VALUES | st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_value_is_a_config_or_a_config_error(value):
    assert is_config_or_names("a.yaml", lambda: parse_model_config(value, file="a.yaml"))


@given(
    st.binary(max_size=200) | st.text("{}[]:,-&*!|>?#'\"\n ab01_.~<", max_size=80).map(str.encode)
)
def test_any_bytes_are_a_config_or_a_config_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_bytes(content)
    assert is_config_or_names(path, lambda: load_model_config(path))
