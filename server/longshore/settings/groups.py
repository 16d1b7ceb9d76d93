"""The settings of the server, by group: name, type, default, bounds and one sentence each.

The command line, the environment, the config file, the table in docs and the chart's schema come
from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from longshore.cpu.quantity import CpuQuantity
from longshore.settings.option import option


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model is served, and on what."""

    model_path: str = option("", "Directory of the model, or a lone artifact file.")
    name: str | None = option(
        None, "Name of the model in URLs and metrics; the default is the directory's name."
    )
    model_version: int | None = option(
        None,
        "Version to serve, instead of those that the model's `version_policy` names; by default "
        "that is the latest.",
        minimum=1,
        maximum=10**18,
    )
    device: str = option(
        "cpu",
        "Where the model runs: `cpu`, `cuda`, `cuda:N`, the UUID of a GPU or of a MIG slice "
        "(`GPU-...`, `MIG-...`), or `auto` (a GPU when there is one). A GPU that was asked for and "
        "is not there is a load failure.",
    )
    cpus: CpuQuantity | None = option(
        None,
        "CPUs to plan threads and instances for, as in `500m`, `1.5` or `2`: the container's "
        "limit, or where it has none its request; never more than CPU quota and affinity allow, "
        "which is the default.",
    )
    cpu_request: CpuQuantity | None = option(
        None,
        "CPUs that the scheduler guarantees to the container however busy its node is: its "
        "request.",
    )
    instances: int | None = option(
        None, "Executions at once; the default is measured.", minimum=1, maximum=256
    )
    threads: int | None = option(
        None,
        "CPU threads of one execution; the default is measured within `cpus`.",
        minimum=1,
        maximum=1024,
    )


@dataclass(frozen=True, slots=True)
class CudaSettings:
    """How a GPU is used; nothing of it holds on a CPU."""

    cuda_precision: str = option(
        "float32",
        "`float32` is IEEE, without TF32. `tf32`, and for torch `fp16` and `bf16` (autocast), are "
        "measured at load and kept only when they are faster and right within their tolerance.",
        choices=("float32", "tf32", "fp16", "bf16"),
    )
    cuda_graphs: str = option(
        "auto",
        "CUDA graphs by batch size, each proven against the model itself: `on`, `off`, or `auto`: "
        "on for torch, off for onnxruntime.",
        choices=("auto", "on", "off"),
    )
    cuda_memory_limit_bytes: int | None = option(
        None,
        "Most device memory that the framework may take for tensors; by default all there is. "
        "Context and libraries come on top of it, some hundred MiB.",
        minimum=1,
    )
    torch_compile: bool = option(
        False,
        "Compile `.pt2` models by `torch.compile`; measured at load, and kept only when that is "
        "faster and right.",
    )


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The inference port and what a client may send to it."""

    host: str = option(
        "",
        "Address that the inference port listens on; the default is every address, IPv4 and IPv6. "
        "`0.0.0.0` is IPv4 alone, `::` IPv6 alone.",
    )
    port: int = option(8000, "Inference port.", minimum=0, maximum=65535)
    max_body_bytes: int = option(
        128 * 1024 * 1024,
        "Largest request body, also after decompression; more is answered 413, and 429 when bodies "
        "of four times as much are being read at once.",
        minimum=1,
    )
    json_processes: int | None = option(
        None,
        "Processes that decode large JSON bodies that come at once, beside the server; started "
        "when they first do, where memory is free. The default is one for each CPU, but at most 4, "
        "and none with fewer than 2 CPUs.",
        minimum=0,
        maximum=64,
    )
    body_timeout_seconds: float = option(
        30.0, "Longest time that a client may take to send its body; then 408.", minimum=0.01
    )
    max_header_bytes: int = option(65536, "Largest head of a request; more is 431.", minimum=1024)
    header_timeout_seconds: float = option(
        10.0,
        "Longest time that a client may take for a TLS handshake, and for the head of a request.",
        minimum=0.01,
    )
    write_timeout_seconds: float = option(
        30.0,
        "A client that takes nothing of its answers for this long is cut off; a slow one is not.",
        minimum=0.01,
    )
    max_connections: int = option(
        16384,
        "Connections at once, TLS handshakes included; more are answered 503 and closed.",
        minimum=1,
    )
    keep_alive_seconds: int = option(75, "An idle connection is closed after this long.", minimum=1)
    connection_max_age_seconds: float = option(
        300.0,
        "A connection is closed after this long, give or take 20 %, so that new pods get load "
        "from keep-alive clients; 0 never.",
        minimum=0,
    )
    console: str = option(
        "auto",
        "A console at `/` and the API's documentation at `/docs`, or `off`. Where tokens are "
        "required, `auto` gives the pages to those alone who send one; with `on` they are open, "
        "and ask for the token.",
        choices=("auto", "on", "off"),
    )
    show_version: bool = option(False, "Tell clients the server's version in `GET /v2`.")
    auth_token_file: str = option(
        "", "File with the bearer tokens allowed, one a line; read again when it changes."
    )
    tls_cert_file: str = option(
        "", "Certificate chain (PEM) for HTTPS on the inference port; read again when renewed."
    )
    tls_key_file: str = option("", "Private key (PEM) of `tls_cert_file`.")


@dataclass(frozen=True, slots=True)
class BatchingSettings:
    """How requests share an execution, and how long they may wait for it."""

    max_batch_size: int | None = option(
        None,
        "Rows in one execution; the default is measured, 0 forbids batching.",
        minimum=0,
        maximum=65536,
    )
    max_queue_delay_microseconds: int | None = option(
        None,
        "How long an idle instance waits for a fuller batch; the default is the config's, else 0.",
        minimum=0,
    )
    request_timeout_seconds: float = option(
        30.0,
        "Deadline of a request, and the longest that one may ask for; 504 after it.",
        minimum=0.001,
        maximum=3600,
    )
    max_queue_seconds: float = option(
        10.0,
        "Longest expected wait; a request that would wait longer, or beyond its deadline, is "
        "answered 429 at once.",
        minimum=0.001,
        maximum=3600,
    )


@dataclass(frozen=True, slots=True)
class CalibrationSettings:
    """How the server learns what an execution costs."""

    calibration_budget_seconds: float = option(
        10.0, "Longest time to spend on measuring; then it serves with what it knows.", minimum=0
    )
    max_execution_seconds: float | None = option(
        None,
        "No batch is chosen whose execution takes longer, a batch of one row excepted; the default "
        "is 0.1 on a GPU, where larger batches are nearly always faster, and no bound on a CPU.",
        minimum=0.0001,
        maximum=3600,
    )
    calibration_cache: str = option(
        "~/.cache/longshore",
        "Directory that keeps what was learned of a model, by artifact, config, framework, kind of "
        "CPU or device, and limits: the next start neither proves nor measures. Empty keeps none.",
        may_be_empty=True,
    )


@dataclass(frozen=True, slots=True)
class LifecycleSettings:
    """Loading and stopping."""

    model_poll_seconds: float = option(
        5.0, "How often the volume is looked at for new versions; 0 looks once.", minimum=0
    )
    version_settle_seconds: float = option(
        2.0,
        "A version without a manifest counts once its files have been still for this long.",
        minimum=0,
    )
    manifest: str = option(
        "optional",
        "Whether a version needs a `manifest.json`; one that is there is verified unless ignored.",
        choices=("optional", "required", "ignored"),
    )
    trial_timeout_seconds: int = option(
        600,
        "Longest time that a new version may take to be tried beside one that serves, and a tenth "
        "of it without progress; a second more for every 10 MiB of it.",
        minimum=1,
    )
    swap: str = option(
        "beside",
        "What becomes of a new version that has no room in memory beside the one that serves: "
        "`beside` refuses it; `replace` lets the old one go first, so that requests are answered "
        "503 until the new one is ready, or the old one again.",
        choices=("beside", "replace"),
    )
    candidate_spread_seconds: float = option(
        0.0,
        "Longest time that a new version waits beside one that serves before it is tried: each pod "
        "of a release waits for a part of it, drawn at random, so that they do not try it at once.",
        minimum=0,
        maximum=86400,
    )
    repository_api: bool = option(
        False, "Serve Triton's repository extension (`index`, `load`, `unload`)."
    )
    drain_delay_seconds: float = option(
        5.0,
        "Keep accepting for this long after SIGTERM, while the Service forgets the pod.",
        minimum=0,
        maximum=3600,
    )
    drain_timeout_seconds: float = option(
        30.0,
        "After the drain delay, the longest wait for requests in flight before the process ends.",
        minimum=0,
        maximum=3600,
    )


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """The management port."""

    management_host: str = option(
        "", "Address that the management port listens on; as `host` by default and in its words."
    )
    management_port: int = option(
        8002,
        "Port of `/metrics` and a second set of health paths, served by a thread of its own.",
        minimum=0,
        maximum=65535,
    )
    latency_buckets_seconds: tuple[float, ...] = option(
        (),
        "Upper bounds of the duration histograms' buckets, ascending, as in `0.01,0.05,0.25`; put "
        "the latency that you promise on one. The default is 15 of them from 0.0005 to 30.",
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is told, and in which form."""

    log_level: str = option(
        "info", "Least severe level that is logged.", choices=("debug", "info", "warning", "error")
    )
    log_format: str = option(
        "auto",
        "`text`, `json`, or `auto`: text on a terminal, JSON otherwise.",
        choices=("auto", "text", "json"),
    )
    access_log: bool = option(
        False,
        "A line for each request on the inference port, save for the probes: status, bytes, "
        "version, rows, batch, and the time in the queue and of computing. Whatever `log_level` "
        "is.",
    )
    tracing: str = option(
        "none",
        "`otlp` sends a span for each request and each execution to an OpenTelemetry collector, "
        "as the variables `OTEL_*` say, and gives exemplars to scrapers of OpenMetrics; needs the "
        "extra `otel`.",
        choices=("none", "otlp"),
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All groups, as one start reads them."""

    model: ModelSettings = ModelSettings()
    cuda: CudaSettings = CudaSettings()
    http: HttpSettings = HttpSettings()
    batching: BatchingSettings = BatchingSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
