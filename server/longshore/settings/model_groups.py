"""The settings of a model: where it is, what it runs on, how it is batched and measured."""

from typing import Annotated

from msgspec import Struct

from longshore.cpu.quantity import CpuQuantity
from longshore.settings.option import Setting


class ModelSettings(Struct, frozen=True):
    """Which model is served, and on what."""

    model_path: Annotated[str, Setting("Directory of the model, or a lone artifact file.")] = ""
    name: Annotated[
        str | None,
        Setting("Name of the model in URLs and metrics; the default is the directory's name."),
    ] = None
    model_version: Annotated[
        int | None,
        Setting(
            "Version to serve, instead of those that the model's `version_policy` names; by "
            "default that is the latest.",
            minimum=1,
            maximum=10**18,
        ),
    ] = None
    device: Annotated[
        str,
        Setting(
            "Where the model runs: `cpu`, `cuda`, `cuda:N`, the UUID of a GPU or of a MIG slice "
            "(`GPU-...`, `MIG-...`), or `auto` (a GPU when there is one). A GPU that was asked "
            "for and is not there is a load failure."
        ),
    ] = "cpu"
    cpus: Annotated[
        CpuQuantity | None,
        Setting(
            "CPUs to plan threads and instances for, as in `500m`, `1.5` or `2`: the container's "
            "limit, or where it has none its request; never more than CPU quota and affinity "
            "allow, which is the default."
        ),
    ] = None
    cpu_request: Annotated[
        CpuQuantity | None,
        Setting(
            "CPUs that the scheduler guarantees to the container however busy its node is: its "
            "request."
        ),
    ] = None
    instances: Annotated[
        int | None, Setting("Executions at once; the default is measured.", minimum=1, maximum=256)
    ] = None
    threads: Annotated[
        int | None,
        Setting(
            "CPU threads of one execution; the default is measured within `cpus`.",
            minimum=1,
            maximum=1024,
        ),
    ] = None


class CudaSettings(Struct, frozen=True):
    """How a GPU is used; nothing of it holds on a CPU."""

    cuda_precision: Annotated[
        str,
        Setting(
            "`float32` is IEEE, without TF32. `tf32`, and for torch `fp16` and `bf16` (autocast),"
            " are measured at load and kept only when they are faster and right within their "
            "tolerance.",
            choices=("float32", "tf32", "fp16", "bf16"),
        ),
    ] = "float32"
    cuda_graphs: Annotated[
        str,
        Setting(
            "CUDA graphs by batch size, each proven against the model itself: `on`, `off`, or "
            "`auto`: on for torch, off for onnxruntime.",
            choices=("auto", "on", "off"),
        ),
    ] = "auto"
    cuda_memory_limit_bytes: Annotated[
        int | None,
        Setting(
            "Most device memory that the framework may take for tensors; by default all there is."
            " Context and libraries come on top of it, some hundred MiB.",
            minimum=1,
        ),
    ] = None
    torch_compile: Annotated[
        bool,
        Setting(
            "Compile `.pt2` models by `torch.compile`; measured at load, and kept only when that "
            "is faster and right."
        ),
    ] = False


class BatchingSettings(Struct, frozen=True):
    """How requests share an execution, and how long they may wait for it."""

    max_batch_size: Annotated[
        int | None,
        Setting(
            "Rows in one execution; the default is measured, 0 forbids batching.",
            minimum=0,
            maximum=65536,
        ),
    ] = None
    max_queue_delay_microseconds: Annotated[
        int | None,
        Setting(
            "How long an idle instance waits for a fuller batch; the default is the config's, "
            "else 0.",
            minimum=0,
        ),
    ] = None
    request_timeout_seconds: Annotated[
        float,
        Setting(
            "Deadline of a request, and the longest that one may ask for; 504 after it.",
            minimum=0.001,
            maximum=3600,
        ),
    ] = 30.0
    max_queue_seconds: Annotated[
        float,
        Setting(
            "Longest expected wait; a request that would wait longer, or beyond its deadline, is "
            "answered 429 at once.",
            minimum=0.001,
            maximum=3600,
        ),
    ] = 10.0


class CalibrationSettings(Struct, frozen=True):
    """How the server learns what an execution costs."""

    calibration_budget_seconds: Annotated[
        float,
        Setting(
            "Longest time to spend on measuring; then it serves with what it knows.", minimum=0
        ),
    ] = 10.0
    max_execution_seconds: Annotated[
        float | None,
        Setting(
            "No batch is chosen whose execution takes longer, a batch of one row excepted; the "
            "default is 0.1 on a GPU, where larger batches are nearly always faster, and no bound"
            " on a CPU.",
            minimum=0.0001,
            maximum=3600,
        ),
    ] = None
    calibration_cache: Annotated[
        str,
        Setting(
            "Directory that keeps what was learned of a model, by artifact, config, framework, "
            "kind of CPU or device, and limits: the next start neither proves nor measures. Empty"
            " keeps none.",
            may_be_empty=True,
        ),
    ] = "~/.cache/longshore"
